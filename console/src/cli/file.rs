//! `galileo-console export` and `galileo-console import`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::client::Client;
use super::{CliError, print};
use crate::export::otlp;
use crate::model::{Id, TraceView};

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// OTLP JSON, which other tools read.
    Otlp,
    /// The console's own JSON.
    Console,
}

/// Write one trace as a file.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// A UUID or the 32 digits of a W3C trace id.
    trace_id: Id,
    #[command(flatten)]
    client: Client,
    /// Its form.
    #[arg(long, value_enum, default_value_t = Form::Otlp)]
    form: Form,
    /// Where to write it; standard output without this.
    #[arg(long, short)]
    output: Option<PathBuf>,
}

impl Export {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let path = format!("/api/console/traces/{}/download", self.trace_id.as_v4());
        let form = if self.form == Form::Otlp { "otlp" } else { "console" };
        let text = self.client.text(&path, &[("form", form.to_owned())]).await?;
        match self.output {
            None => print(&format!("{text}\n")),
            Some(path) => std::fs::write(&path, text)
                .map_err(|error| CliError(format!("cannot write `{}`: {error}", path.display()))),
        }
    }
}

/// Read traces from files that `export` or another tool wrote.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// OTLP JSON (also one request a line) or the console's own JSON.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    client: Client,
}

impl Import {
    pub(super) async fn run(self) -> Result<(), CliError> {
        for path in &self.files {
            let text = std::fs::read_to_string(path)
                .map_err(|error| CliError(format!("cannot read `{}`: {error}", path.display())))?;
            let wrong = |error: String| CliError(format!("`{}`: {error}", path.display()));
            for request in requests(&text).map_err(wrong)? {
                let answer = self.client.post("/v1/traces", request).await.map_err(|error| wrong(error.0))?;
                let rejected = serde_json::from_str::<serde_json::Value>(&answer).unwrap_or_default();
                if let Some(reason) = rejected["partialSuccess"]["errorMessage"].as_str() {
                    return Err(wrong(format!(
                        "{} spans were refused: {reason}",
                        rejected["partialSuccess"]["rejectedSpans"]
                    )));
                }
            }
            print(&format!("{} read\n", path.display()))?;
        }
        Ok(())
    }
}

/// The OTLP requests in a file.
fn requests(text: &str) -> Result<Vec<String>, String> {
    if let Ok(view) = serde_json::from_str::<TraceView>(text) {
        return Ok(vec![serde_json::to_string(&otlp::request(view, None)).map_err(|error| error.to_string())?]);
    }
    if serde_json::from_str::<serde_json::Value>(text).is_ok_and(|value| value.get("resourceSpans").is_some()) {
        return Ok(vec![text.to_owned()]);
    }
    let lines: Vec<String> = text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
    let all = !lines.is_empty()
        && lines.iter().all(|line| {
            serde_json::from_str::<serde_json::Value>(line).is_ok_and(|value| value.get("resourceSpans").is_some())
        });
    if all { Ok(lines) } else { Err("neither OTLP JSON nor a trace of the console".to_owned()) }
}
