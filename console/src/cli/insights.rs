//! `galileo-console insights [TRACE_ID]`

use clap::Args;
use serde::Deserialize;

use super::client::Client;
use super::{CliError, print};
use crate::insight::{Finding, Kind, findings, overview};
use crate::model::{Id, TraceSummary, TraceView};
use crate::term::{duration_text, visible};
use crate::time::now_ns;

/// Say what a trace spent its time on and what went wrong; without an id, over the latest traces.
#[derive(Debug, Args)]
pub(super) struct Insights {
    /// A UUID or the 32 digits of a W3C trace id.
    trace_id: Option<Id>,
    #[command(flatten)]
    client: Client,
    /// How many of the latest traces to look at, without an id.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Page {
    traces: Vec<TraceSummary>,
}

impl Insights {
    pub(super) async fn run(self) -> Result<(), CliError> {
        match self.trace_id {
            Some(id) => self.one(id).await,
            None => self.many().await,
        }
    }

    async fn view(&self, id: Id) -> Result<TraceView, CliError> {
        self.client.json(&format!("/api/console/traces/{}", id.as_v4()), &[]).await
    }

    async fn one(&self, id: Id) -> Result<(), CliError> {
        let found = findings(&self.view(id).await?, now_ns());
        if self.json {
            return print_json(&found);
        }
        let mut text = String::new();
        let mut kind: Option<Kind> = None;
        for finding in &found {
            if kind.replace(finding.kind) != Some(finding.kind) {
                text.push_str(finding.kind.title());
                text.push('\n');
            }
            text.push_str(&line(finding));
        }
        print(if found.is_empty() { "nothing to report\n" } else { &text })
    }

    async fn many(&self) -> Result<(), CliError> {
        let page: Page = self.client.json("/api/console/traces", &[("limit", self.limit.to_string())]).await?;
        let mut views = Vec::with_capacity(page.traces.len());
        for trace in &page.traces {
            views.push(self.view(trace.id).await?);
        }
        let overview = overview(&views);
        if self.json {
            return print_json(&overview);
        }
        let mut text = format!("{} traces, {} spans, {} failed\n", overview.traces, overview.spans, overview.failed);
        for group in &overview.groups {
            let facts = [
                visible(&group.subject),
                group.service.as_deref().map(visible).unwrap_or_default(),
                visible(&group.note),
            ];
            let facts: Vec<String> = facts.into_iter().filter(|fact| !fact.is_empty()).collect();
            text.push_str(&format!(
                "{:<20}  {}  ({} times in {} traces)\n",
                group.kind.title(),
                facts.join("  "),
                group.count,
                group.traces
            ));
        }
        print(&text)
    }
}

fn line(finding: &Finding) -> String {
    let service = finding.service.as_deref().map(|service| format!(" ({})", visible(service))).unwrap_or_default();
    let time = if finding.time_ns > 0 { format!("  {}", duration_text(finding.time_ns)) } else { String::new() };
    format!("  {}{service} {}{time}\n", visible(&finding.subject), visible(&finding.text))
}

fn print_json(value: &impl serde::Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string(value).map_err(|error| CliError(error.to_string()))?;
    print(&format!("{text}\n"))
}
