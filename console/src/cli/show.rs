//! `galileo-console show TRACE_ID`

use clap::Args;

use super::client::Client;
use super::{CliError, print};
use crate::model::{Id, TraceView};
use crate::term::render_tree;

/// Print one trace as a tree.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// A UUID or the 32 digits of a W3C trace id.
    trace_id: Id,
    #[command(flatten)]
    client: Client,
    /// Print JSON, with input and output of every span.
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let path = format!("/api/console/traces/{}", self.trace_id.as_v4());
        if self.json {
            return print(&format!("{}\n", self.client.text(&path, &[]).await?));
        }
        let view: TraceView = self.client.json(&path, &[]).await?;
        print(&render_tree(&view))
    }
}
