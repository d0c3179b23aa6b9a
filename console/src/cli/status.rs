//! `galileo-console status`

use clap::Args;
use serde::Deserialize;

use super::client::Client;
use super::{CliError, print};
use crate::store::Account;
use crate::term::visible;

/// Say how a running console does: what it holds and what became of forwarded spans.
#[derive(Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    client: Client,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Answer {
    version: String,
    database_bytes: u64,
    traces: u64,
    forward: Vec<Forward>,
}

#[derive(Deserialize)]
struct Forward {
    target: String,
    #[serde(flatten)]
    account: Account,
    failures: u64,
    error: Option<String>,
}

impl Status {
    pub(super) async fn run(self) -> Result<(), CliError> {
        if self.json {
            return print(&format!("{}\n", self.client.text("/api/console/status", &[]).await?));
        }
        let answer: Answer = self.client.json("/api/console/status", &[]).await?;
        let mut text = format!(
            "galileo-console {}: {} traces in {:.1} MiB\n",
            visible(&answer.version),
            answer.traces,
            answer.database_bytes as f64 / f64::from(1 << 20)
        );
        for forward in &answer.forward {
            let account = &forward.account;
            text.push_str(&format!(
                "forward {}: {} accepted = {} delivered + {} waiting + {} rejected + {} looped + {} forgotten; {} failed attempts\n",
                visible(&forward.target),
                account.accepted,
                account.delivered,
                account.queued,
                account.rejected,
                account.looped,
                account.forgotten,
                forward.failures
            ));
            if let Some(error) = &forward.error {
                text.push_str(&format!("  {}\n", visible(error)));
            }
        }
        print(&text)
    }
}
