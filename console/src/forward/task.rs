//! Works through the queue of one target, batch by batch. A batch leaves the queue when the target has answered, in one transaction with
//! the account of it; until then it is sent again, so a target may see a span twice and never misses one.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::client::{Answer, Client};
use super::target::Target;
use super::{Line, backoff};
use crate::export::otlp::{self, Outgoing};
use crate::model::Id;
use crate::store::{Fate, Parcel, Settled, Store, StoreError, parcel};
use crate::time::now_ns;

/// Spans in one request.
const BATCH: usize = 512;

/// How long the queue may stay unlooked at.
const IDLE: Duration = Duration::from_secs(1);

pub(super) struct Task {
    store: Store,
    target: Target,
    line: Line,
    console: Id,
    closing: watch::Receiver<bool>,
}

impl Task {
    pub(super) fn new(store: Store, target: Target, line: Line, console: Id, closing: watch::Receiver<bool>) -> Task {
        Task { store, target, line, console, closing }
    }

    pub(super) async fn run(mut self) {
        let client = match Client::new(&self.target) {
            Ok(client) => client,
            Err(error) => return self.line.note(|health| health.error = Some(error.to_string())),
        };
        let mut changes = self.store.changes();
        loop {
            let closing = *self.closing.borrow_and_update();
            let no = self.line.no;
            let read = self.store.read(move |connection| parcel(connection, no, BATCH, closing)).await;
            let wait = match read {
                Ok(parcel) if parcel.spans.is_empty() => {
                    if closing {
                        return;
                    }
                    let due =
                        parcel.next_due_ns.map(|due| Duration::from_nanos(due.saturating_sub(now_ns()).max(0) as u64));
                    // A change is worth a look at once only for those who do not let spans rest.
                    let patience = due.unwrap_or(IDLE).min(IDLE);
                    if self.target.settle.is_zero() {
                        let _ = tokio::time::timeout(patience, changes.recv()).await;
                        continue;
                    }
                    patience
                }
                Ok(parcel) => match self.deliver(&client, parcel).await {
                    Ok(None) => continue,
                    // The queue keeps what could not be sent; the next start goes on with it.
                    Ok(Some(_)) if closing => return,
                    Ok(Some(wait)) => wait,
                    Err(error) => self.failed(error.to_string(), None),
                },
                Err(error) => self.failed(error.to_string(), None),
            };
            tokio::select! {
                () = tokio::time::sleep_until(Instant::now() + wait) => {}
                changed = self.closing.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Sends a batch, in halves where the target refuses it, until each span of it is settled. Returns how long to wait when the target
    /// is to be asked again later.
    async fn deliver(&self, client: &Client, parcel: Parcel) -> Result<Option<Duration>, StoreError> {
        let own = self.console.to_hex();
        let via = if parcel.via.is_empty() { own } else { format!("{},{own}", parcel.via) };
        let mut batches = vec![parcel.spans];
        while let Some(spans) = batches.pop() {
            let answer = client.send(&otlp::batch(&spans), &via).await;
            let (fate, refused) = match answer {
                Answer::Taken { refused, reason } => {
                    self.line.note(|health| {
                        health.in_a_row = 0;
                        health.delivered_ns = Some(now_ns());
                        health.error = (refused > 0).then(|| format!("it did not take {refused} spans: {reason}"));
                    });
                    (Fate::Delivered, refused)
                }
                Answer::Later { wait, reason } => return Ok(Some(self.failed(reason, wait))),
                Answer::Refused { .. } if spans.len() > 1 => {
                    let mut first = spans;
                    let second = first.split_off(first.len() / 2);
                    batches.extend([second, first]);
                    continue;
                }
                Answer::Refused { reason } => {
                    self.line.note(|health| {
                        health.failures += 1;
                        health.error = Some(format!("a span was refused: {reason}"));
                    });
                    (Fate::Rejected, 0)
                }
                Answer::Loop => {
                    self.line.note(|health| health.error = Some("spans come back from there: a loop".to_owned()));
                    (Fate::Loop, 0)
                }
            };
            let settled = Settled { spans: spans.iter().map(key).collect(), fate, refused };
            let no = self.line.no;
            self.store.write(move |writer| writer.settle(no, &settled)).await?;
        }
        Ok(None)
    }

    /// Notes a failure; how long to wait now.
    fn failed(&self, reason: String, wish: Option<Duration>) -> Duration {
        let mut in_a_row = 0;
        self.line.note(|health| {
            health.failures += 1;
            health.in_a_row = health.in_a_row.saturating_add(1);
            health.error = Some(reason);
            in_a_row = health.in_a_row;
        });
        backoff::wait(in_a_row, wish, chance())
    }
}

fn key(span: &Outgoing) -> (i64, i64) {
    (span.span_no, span.due_ns)
}

fn chance() -> u64 {
    let mut bytes = [0; 8];
    // Without a source of randomness all wait as long as they may.
    if getrandom::fill(&mut bytes).is_err() {
        return u64::MAX;
    }
    u64::from_le_bytes(bytes)
}
