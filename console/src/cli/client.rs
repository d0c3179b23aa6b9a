//! Asks a running console.

use std::time::Duration;

use clap::Args;
use serde::de::DeserializeOwned;

use super::CliError;

/// Which console to ask.
#[derive(Debug, Args)]
pub(super) struct Client {
    /// Address of the running console.
    #[arg(long, default_value = "http://127.0.0.1:8088", env = "GALILEO_CONSOLE_ADDRESS")]
    url: String,
    /// Token of a console that needs one.
    #[arg(long, env = "GALILEO_CONSOLE_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

impl Client {
    /// The text at a path of the console.
    pub(super) async fn text(&self, path: &str, query: &[(&str, String)]) -> Result<String, CliError> {
        if !self.url.starts_with("http://") {
            return Err(CliError(format!(
                "`{}` is not the address of a console\nhint: http://127.0.0.1:8088",
                self.url
            )));
        }
        // Loopback is never asked through a proxy.
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(60))
            .build()
            .map_err(|error| CliError(error.to_string()))?;
        let address = reqwest::Url::parse_with_params(&format!("{}{path}", self.url.trim_end_matches('/')), query)
            .map_err(|error| CliError(format!("`{}`: {error}", self.url)))?;
        let mut request = client.get(address);
        if let Some(token) = &self.token {
            request = request.header("Galileo-API-Key", token);
        }
        let unreachable = |_| {
            CliError(format!(
                "no console answers at `{}`\nhint: start one with `galileo-console serve`, or name another with --url",
                self.url
            ))
        };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let text = response.text().await.map_err(unreachable)?;
        if status.is_success() {
            return Ok(text);
        }
        let detail = serde_json::from_str::<serde_json::Value>(&text)
            .ok()
            .and_then(|body| body.get("detail")?.as_str().map(str::to_owned));
        Err(CliError(detail.unwrap_or_else(|| format!("the console answered {status}"))))
    }

    /// The JSON at a path of the console.
    pub(super) async fn json<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, CliError> {
        serde_json::from_str(&self.text(path, query).await?)
            .map_err(|error| CliError(format!("the console's answer cannot be read: {error}")))
    }
}
