//! Forwarding: every span that arrives, by whatever protocol, goes on to other backends as OTLP.
//!
//! `target` says whereto and checks it, `client` sends one batch and says what the answer means, `task` works through the queue, which
//! is part of the database (`store::outbox`).

mod backoff;
mod client;
mod file;
mod target;
mod task;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use file::read as read_file;
pub use target::{Target, TargetError};

use crate::model::Id;
use crate::store::{Account, Store, StoreError, account};

/// The header by which consoles that forward to each other notice a circle: the ids of the consoles that a request came through.
pub(crate) const VIA: &str = "x-galileo-forwarded";

/// Consoles that a span may pass.
pub(crate) const HOPS: usize = 8;

/// How long the queue may be worked on when the console is asked to stop; what is left goes out at the next start.
const GRACE: Duration = Duration::from_secs(3);

/// What the last attempts at one target came to.
#[derive(Clone, Debug, Default)]
struct Health {
    failures: u64,
    in_a_row: u32,
    error: Option<String>,
    delivered_ns: Option<i64>,
}

/// One target and how it does.
#[derive(Clone, Debug)]
struct Line {
    no: i64,
    label: String,
    health: Arc<Mutex<Health>>,
}

/// How forwarding to one target goes.
#[derive(Clone, Debug, Serialize)]
pub struct ForwardStatus {
    /// The target, without anything secret.
    pub target: String,
    /// What became of the spans.
    #[serde(flatten)]
    pub account: Account,
    /// Attempts that failed since the console started.
    pub failures: u64,
    /// Why the last attempt failed, if it did.
    pub error: Option<String>,
    /// When the last batch was delivered.
    pub last_delivery_ns: Option<i64>,
}

/// All targets of a console. The default has none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Forwards {
    /// What this console calls itself towards others.
    pub(crate) id: Id,
    lines: Arc<[Line]>,
}

impl Forwards {
    /// Registers the targets, so that whatever arrives from now on is queued for them.
    pub(crate) async fn register(store: &Store, targets: &[Target]) -> Result<Forwards, StoreError> {
        let listed: Vec<(String, i64)> = targets
            .iter()
            .map(|target| (target.url().to_owned(), i64::try_from(target.settle.as_nanos()).unwrap_or(i64::MAX)))
            .collect();
        let numbers = store.write(move |writer| writer.set_targets(&listed)).await?;
        let line = |(target, no): (&Target, i64)| Line { no, label: target.label(), health: Arc::default() };
        Ok(Forwards { id: Id::random(), lines: targets.iter().zip(numbers).map(line).collect() })
    }

    /// Starts the work on every queue.
    pub(crate) fn start(&self, store: &Store, targets: &[Target]) -> Running {
        let (closing, closed) = watch::channel(false);
        let tasks = targets.iter().zip(self.lines.iter()).map(|(target, line)| {
            let task = task::Task::new(store.clone(), target.clone(), line.clone(), self.id, closed.clone());
            tokio::spawn(task.run())
        });
        Running { tasks: tasks.collect(), closing }
    }

    /// How each target does.
    pub(crate) async fn status(&self, store: &Store) -> Result<Vec<ForwardStatus>, StoreError> {
        let lines = Arc::clone(&self.lines);
        store
            .read(move |connection| {
                let one = |line: &Line| {
                    let account = account(connection, line.no)?;
                    let health = line.health();
                    Ok(ForwardStatus {
                        target: line.label.clone(),
                        account,
                        failures: health.failures,
                        error: health.error,
                        last_delivery_ns: health.delivered_ns,
                    })
                };
                lines.iter().map(one).collect()
            })
            .await
    }
}

impl Line {
    fn health(&self) -> Health {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, change: impl FnOnce(&mut Health)) {
        change(&mut self.health.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The work on the queues.
pub(crate) struct Running {
    tasks: Vec<JoinHandle<()>>,
    closing: watch::Sender<bool>,
}

impl Running {
    /// Sends what has ended, as far as a short time allows, and stops.
    pub(crate) async fn finish(self) {
        let _ = self.closing.send(true);
        let deadline = tokio::time::Instant::now() + GRACE;
        for mut task in self.tasks {
            if tokio::time::timeout_at(deadline, &mut task).await.is_err() {
                task.abort();
            }
        }
    }
}
