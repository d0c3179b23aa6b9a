//! `galileo-console tail`

use std::collections::BTreeSet;

use clap::Args;
use futures::StreamExt as _;
use serde_json::Value;

use super::client::Client;
use super::{CliError, print};
use crate::model::{Id, TraceView};
use crate::term::{render_row, render_tree};

/// Print traces as they change, until interrupted.
#[derive(Debug, Args)]
pub(super) struct Tail {
    #[command(flatten)]
    client: Client,
    /// Print each trace as a tree, once it has ended.
    #[arg(long)]
    tree: bool,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    /// End after this many lines or trees.
    #[arg(long)]
    count: Option<usize>,
}

impl Tail {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let mut events = self.client.stream("/events").await?.bytes_stream();
        let mut shown: BTreeSet<Id> = BTreeSet::new();
        let (mut pending, mut printed) = (String::new(), 0);
        while let Some(chunk) = events.next().await {
            let chunk = chunk.map_err(|_| CliError("the console has gone".to_owned()))?;
            pending.push_str(&String::from_utf8_lossy(&chunk));
            while let Some((line, rest)) = pending.split_once('\n') {
                let ids = line.strip_prefix("data:").map(changed).unwrap_or_default();
                pending = rest.to_owned();
                for id in ids {
                    if let Some(text) = self.line(id, &mut shown).await? {
                        print(&text)?;
                        printed += 1;
                        if self.count.is_some_and(|count| printed >= count) {
                            return Ok(());
                        }
                    }
                }
            }
        }
        Err(CliError("the console has gone".to_owned()))
    }

    async fn line(&self, id: Id, shown: &mut BTreeSet<Id>) -> Result<Option<String>, CliError> {
        let text = self.client.text(&format!("/api/console/traces/{id}"), &[]).await?;
        let view: TraceView = serde_json::from_str(&text).map_err(|error| CliError(error.to_string()))?;
        Ok(match (self.tree, self.json) {
            (true, _) if view.summary.open || !shown.insert(id) => None,
            (true, true) => Some(text + "\n"),
            (true, false) => Some(render_tree(&view) + "\n"),
            (false, true) => serde_json::to_string(&view.summary).ok().map(|line| line + "\n"),
            (false, false) => Some(render_row(&view.summary) + "\n"),
        })
    }
}

fn changed(data: &str) -> Vec<Id> {
    let event: Value = serde_json::from_str(data.trim()).unwrap_or_default();
    event["traces"].as_array().into_iter().flatten().filter_map(|id| id.as_str()?.parse().ok()).collect()
}
