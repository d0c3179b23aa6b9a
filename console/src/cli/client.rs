//! Asks a running console.

use std::time::Duration;

use clap::Args;
use reqwest::{Method, RequestBuilder, Response, Url};
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
    pub(super) fn address(&self) -> &str {
        &self.url
    }

    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The text at a path of the console.
    pub(super) async fn text(&self, path: &str, query: &[(&str, String)]) -> Result<String, CliError> {
        let request = self.request(Method::GET, path, query, Some(Duration::from_secs(60)))?;
        self.answer(request).await?.text().await.map_err(|_| self.unreachable())
    }

    /// The answer to a JSON body.
    pub(super) async fn post(&self, path: &str, body: String) -> Result<String, CliError> {
        let request = self.request(Method::POST, path, &[], Some(Duration::from_secs(600)))?;
        let request = request.header("content-type", "application/json").body(body);
        self.answer(request).await?.text().await.map_err(|_| self.unreachable())
    }

    /// An answer that does not end.
    pub(super) async fn stream(&self, path: &str) -> Result<Response, CliError> {
        self.answer(self.request(Method::GET, path, &[], None)?).await
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        timeout: Option<Duration>,
    ) -> Result<RequestBuilder, CliError> {
        if !self.url.starts_with("http://") {
            return Err(CliError(format!(
                "`{}` is not the address of a console\nhint: http://127.0.0.1:8088",
                self.url
            )));
        }
        // Loopback is never asked through a proxy.
        let client = reqwest::Client::builder().no_proxy().build().map_err(|error| CliError(error.to_string()))?;
        let address = format!("{}{path}", self.url.trim_end_matches('/'));
        let address = if query.is_empty() { Url::parse(&address) } else { Url::parse_with_params(&address, query) };
        let mut request =
            client.request(method, address.map_err(|error| CliError(format!("`{}`: {error}", self.url)))?);
        if let Some(timeout) = timeout {
            request = request.timeout(timeout);
        }
        if let Some(token) = &self.token {
            request = request.header("Galileo-API-Key", token);
        }
        Ok(request)
    }

    /// A successful answer; else the words of the refusal.
    async fn answer(&self, request: RequestBuilder) -> Result<Response, CliError> {
        let response = request.send().await.map_err(|_| self.unreachable())?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.text().await.unwrap_or_default();
        let body = serde_json::from_str::<serde_json::Value>(&text).unwrap_or_default();
        let detail = ["detail", "message"].iter().find_map(|name| body.get(*name)?.as_str()).map(str::to_owned);
        Err(CliError(detail.unwrap_or_else(|| format!("the console answered {status}"))))
    }

    fn unreachable(&self) -> CliError {
        CliError(format!(
            "no console answers at `{}`\nhint: start one with `galileo-console serve`, or name another with --url",
            self.url
        ))
    }

    /// The JSON at a path of the console.
    pub(super) async fn json<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, CliError> {
        serde_json::from_str(&self.text(path, query).await?)
            .map_err(|error| CliError(format!("the console's answer cannot be read: {error}")))
    }
}
