//! `galileo-console traces`

use clap::Args;
use serde::Deserialize;

use super::client::Client;
use super::{CliError, print};
use crate::model::TraceSummary;
use crate::term::render_row;

/// List traces, newest first.
#[derive(Debug, Args)]
pub(super) struct Traces {
    #[command(flatten)]
    client: Client,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// How many, at most 500.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Only of this project id.
    #[arg(long)]
    project: Option<String>,
    /// Only of this session id.
    #[arg(long)]
    session: Option<String>,
    /// Only with a span of this service.
    #[arg(long)]
    service: Option<String>,
    /// Only with this text in a name, input or output.
    #[arg(long)]
    text: Option<String>,
    /// Only with a failed span.
    #[arg(long)]
    failed: bool,
    /// Continue after the page that ended with this cursor.
    #[arg(long)]
    after: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    traces: Vec<TraceSummary>,
    next: Option<String>,
}

impl Traces {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let mut query = vec![("limit", self.limit.to_string())];
        for (name, value) in [
            ("project", self.project),
            ("session", self.session),
            ("service", self.service),
            ("text", self.text),
            ("after", self.after),
        ] {
            query.extend(value.map(|value| (name, value)));
        }
        if self.failed {
            query.push(("failed", "true".to_owned()));
        }
        if self.json {
            return print(&format!("{}\n", self.client.text("/api/console/traces", &query).await?));
        }
        let page: Page = self.client.json("/api/console/traces", &query).await?;
        let mut text: String = page.traces.iter().map(|trace| render_row(trace) + "\n").collect();
        if page.traces.is_empty() {
            text.push_str("no traces\n");
        }
        if let Some(next) = page.next {
            text.push_str(&format!("more: --after {next}\n"));
        }
        print(&text)
    }
}
