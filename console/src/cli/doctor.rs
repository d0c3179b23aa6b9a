//! `galileo-console doctor`

use std::time::Duration;

use clap::Args;
use reqwest::Method;

use super::client::Client;
use super::{CliError, print};
use crate::doctor::environment::Environment;
use crate::doctor::hop::Hop;
use crate::doctor::{Check, Verdict, backend};
use crate::model::TraceView;
use crate::term::visible;

/// Find out why traces do not link or spans are missing.
///
/// Checks the environment, the backend that it names (reachability, login, project, clock), and what the running console holds; with
/// --hop also whether tracing headers travel from one service to another. Fails when a check fails.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    client: Client,
    /// Addresses of a service and of another one that it calls.
    #[arg(long, num_args = 2, value_names = ["CALLER", "CALLEE"])]
    hop: Vec<String>,
    /// Method of the requests of --hop.
    #[arg(long, default_value = "GET", requires = "hop")]
    method: Method,
    /// JSON body of the requests of --hop.
    #[arg(long, requires = "hop")]
    body: Option<String>,
    /// Seconds to wait for spans of --hop.
    #[arg(long, default_value_t = 10, requires = "hop")]
    wait: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let environment = Environment::of_process();
        let mut checks = environment.check();
        let backend = environment.api_url().unwrap_or_else(|| self.client.address());
        checks.extend(backend::check(backend, &environment, self.client.token()).await);
        match self.client.json::<Vec<Check>>("/api/console/doctor", &[]).await {
            Ok(stored) => {
                checks.extend(stored);
                if let [caller, callee] = self.hop.as_slice() {
                    let (method, wait) = (self.method.clone(), Duration::from_secs(self.wait));
                    let hop =
                        Hop { caller: caller.clone(), callee: callee.clone(), method, body: self.body.clone(), wait };
                    let client = &self.client;
                    checks.extend(
                        hop.follow(async |id| {
                            client.json::<TraceView>(&format!("/api/console/traces/{id}"), &[]).await.ok()
                        })
                        .await,
                    );
                }
            }
            Err(error) => {
                let reason = error.0.lines().next().unwrap_or_default().to_owned();
                for name in ["links", "spans", "propagation"].iter().take(if self.hop.is_empty() { 2 } else { 3 }) {
                    checks.push(Check::skipped(name, reason.clone()));
                }
            }
        }
        let failed = checks.iter().filter(|check| check.verdict == Verdict::Failed).count();
        if self.json {
            let text = serde_json::to_string_pretty(&checks).map_err(|error| CliError(error.to_string()))?;
            print(&format!("{text}\n"))?;
        } else {
            print(&checks.iter().map(line).collect::<String>())?;
        }
        match failed {
            0 => Ok(()),
            1 => Err(CliError("one check failed".to_owned())),
            several => Err(CliError(format!("{several} checks failed"))),
        }
    }
}

fn line(check: &Check) -> String {
    let mark = match check.verdict {
        Verdict::Ok => "ok     ",
        Verdict::Warning => "warning",
        Verdict::Failed => "FAILED ",
        Verdict::Skipped => "skipped",
    };
    let mut text = format!("{mark}  {:<12}  {}\n", visible(&check.check), visible(&check.found));
    if !check.fix.is_empty() {
        text.push_str(&format!("                       -> {}\n", visible(&check.fix)));
    }
    if !check.traces.is_empty() {
        text.push_str(&format!("                       traces: {}\n", visible(&check.traces.join(" "))));
    }
    text
}
