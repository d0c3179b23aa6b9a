//! `galileo-console prune`

use clap::Args;
use serde_json::json;

use super::client::Client;
use super::{CliError, print};
use crate::store::Pruned;

/// Forget old traces now.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("keep").required(true).multiple(true).args(["keep_days", "keep_mib"]))]
pub(super) struct Prune {
    #[command(flatten)]
    client: Client,
    /// Forget traces that have not changed for this many days; 0 forgets all of them.
    #[arg(long)]
    keep_days: Option<u64>,
    /// Forget the oldest traces until the database holds at most this many MiB.
    #[arg(long)]
    keep_mib: Option<u64>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Prune {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let body =
            json!({"seconds": self.keep_days.map(|days| days * 86_400), "bytes": self.keep_mib.map(|mib| mib << 20)});
        let answer = self.client.post("/api/console/prune", body.to_string()).await?;
        if self.json {
            return print(&format!("{answer}\n"));
        }
        let pruned: Pruned = serde_json::from_str(&answer).map_err(|error| CliError(error.to_string()))?;
        print(&format!("{} traces with {} spans forgotten\n", pruned.traces, pruned.spans))
    }
}
