//! The queue before the writer: it takes what is waiting, applies it in one transaction, commits, and only then answers.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use tokio::sync::{broadcast, oneshot};

use super::StoreError;
use super::writer::Writer;
use crate::model::Change;

/// Jobs that one transaction takes at most, so that no answer waits for ever.
const JOBS_PER_COMMIT: usize = 512;

/// A unit of work. `apply` may run twice: alone again when the transaction that it shared could not be committed.
pub(super) trait Job: Send {
    fn apply(&mut self, writer: &mut Writer) -> Result<(), StoreError>;
    fn finish(self: Box<Self>, result: Result<(), StoreError>);
}

pub(super) struct FnJob<F, T> {
    pub(super) run: F,
    pub(super) value: Option<T>,
    pub(super) reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Job for FnJob<F, T>
where
    F: FnMut(&mut Writer) -> Result<T, StoreError> + Send,
    T: Send,
{
    fn apply(&mut self, writer: &mut Writer) -> Result<(), StoreError> {
        self.value = Some((self.run)(writer)?);
        Ok(())
    }

    fn finish(self: Box<Self>, result: Result<(), StoreError>) {
        let answer = match (result, self.value) {
            (Ok(()), Some(value)) => Ok(value),
            (Err(error), _) => Err(error),
            (Ok(()), None) => Err(StoreError::Stopped),
        };
        // Whoever asked may have gone; the work is done all the same.
        let _ = self.reply.send(answer);
    }
}

/// How long nothing may come before the time is used for the text index.
const REST: Duration = Duration::from_millis(30);

/// How long senders may keep the text index from its work.
const BUSY: Duration = Duration::from_secs(1);

/// Runs until every sender is gone.
pub(super) fn run(lock: &super::WriterCell, jobs: &mpsc::Receiver<Box<dyn Job>>, changes: &broadcast::Sender<Change>) {
    // What the last run did not come to.
    let mut to_index = true;
    let mut indexed = Instant::now();
    loop {
        let first = if to_index && indexed.elapsed() < BUSY {
            jobs.recv_timeout(REST)
        } else if to_index {
            jobs.try_recv().map_err(|error| match error {
                mpsc::TryRecvError::Empty => mpsc::RecvTimeoutError::Timeout,
                mpsc::TryRecvError::Disconnected => mpsc::RecvTimeoutError::Disconnected,
            })
        } else {
            jobs.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected)
        };
        let late = to_index && indexed.elapsed() >= BUSY;
        let first = match first {
            Ok(job) => Some(job),
            Err(mpsc::RecvTimeoutError::Timeout) => None,
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        };
        if first.is_none() || late {
            // A failure (a full disk) is met again at the next change; nothing is lost by waiting for that.
            to_index = lock.lock().index_step().unwrap_or(false);
            indexed = Instant::now();
        }
        let Some(first) = first else { continue };
        let mut batch = vec![first];
        while batch.len() < JOBS_PER_COMMIT {
            let Ok(job) = jobs.try_recv() else { break };
            batch.push(job);
        }
        to_index = true;
        commit(lock, batch, changes);
    }
}

fn commit(lock: &super::WriterCell, mut batch: Vec<Box<dyn Job>>, changes: &broadcast::Sender<Change>) {
    let mut writer = lock.lock();
    match writer.transact(&mut batch) {
        Ok(changed) => {
            drop(writer);
            finish(batch, changed, changes);
        }
        Err(error) if batch.len() == 1 => {
            drop(writer);
            batch.into_iter().for_each(|job| job.finish(Err(error.clone())));
        }
        // One of them is at fault: each alone, so that the others do not pay for it.
        Err(_) => {
            for job in batch {
                let mut alone = [job];
                let result = writer.transact(&mut alone);
                let [job] = alone;
                match result {
                    Ok(changed) => finish(vec![job], changed, changes),
                    Err(error) => job.finish(Err(error)),
                }
            }
        }
    }
}

fn finish(jobs: Vec<Box<dyn Job>>, changed: Vec<Change>, changes: &broadcast::Sender<Change>) {
    for change in changed {
        // Nobody listens: that is no failure.
        let _ = changes.send(change);
    }
    jobs.into_iter().for_each(|job| job.finish(Ok(())));
}
