//! The guard, and flushing: blocks the calling thread and nothing else, for no longer than it was told.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::channel::oneshot;

use super::running::{self, Running};
use crate::diag;
use crate::pipeline::stats::{DropReason, Report};
use crate::pipeline::worker::Worker;

/// What an answer may be late by before the asker goes on without it.
const GRACE: Duration = Duration::from_millis(80);

/// Recording goes on while this lives. Dropping it delivers what is left, within the configured flush timeout.
#[must_use = "recording ends when the guard is dropped; bind it to a name such as `_galileo`"]
pub struct Guard {
    running: Option<Running>,
    timeout: Duration,
}

impl Guard {
    pub(super) fn new(running: Running, timeout: Duration) -> Self {
        Self { running: Some(running), timeout }
    }

    /// Waits until everything that has been recorded is delivered, at most `timeout`, and says what became of it.
    ///
    /// Blocks the calling thread and never enters its runtime; in async code use [`flush_async`](crate::flush_async). A trace that other
    /// services know is completed when it has been quiet for the linger time, or shortly before the timeout.
    pub fn flush(&self, timeout: Duration) -> Report {
        match self.running.as_ref().and_then(|running| running.worker.as_ref()) {
            Some(worker) => wait(worker, timeout, false),
            None => Report::default(),
        }
    }

    /// Stops recording, waits until everything is delivered, at most `timeout`, and says what became of it. Spans that are still open
    /// end as cancelled.
    pub fn shutdown(mut self, timeout: Duration) -> Report {
        self.stop(timeout)
    }

    /// As [`shutdown`](Self::shutdown), without blocking the calling thread.
    pub async fn shutdown_async(mut self, timeout: Duration) -> Report {
        match self.running.take() {
            Some(running) => off_thread(move || end(&running, timeout)).await,
            None => Report::default(),
        }
    }

    fn stop(&mut self, timeout: Duration) -> Report {
        match self.running.take() {
            Some(running) => end(&running, timeout),
            None => Report::default(),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Nobody sees this report, so what it has to tell is said.
        if let Some(message) = farewell(&self.stop(self.timeout)) {
            diag::warn("undelivered", format_args!("{message}"));
        }
    }
}

/// What a user should know when the end left something undelivered.
fn farewell(report: &Report) -> Option<String> {
    if report.is_complete() {
        return None;
    }
    let mut text = format!("ended with {} of {} spans delivered", report.delivered, report.accepted);
    if report.spooled > 0 {
        text.push_str(&format!("; {} are on disk for the next process that sends to the same place", report.spooled));
    }
    for (reason, count) in report.dropped.reasons() {
        text.push_str(&format!("; {count} were lost ({})", reason.as_str()));
    }
    Some(text)
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// Waits until everything that has been recorded is delivered, at most `timeout`, and says what became of it; at once and empty when
/// nothing runs.
///
/// Blocks the calling thread; see [`Guard::flush`].
pub fn flush(timeout: Duration) -> Report {
    match running::current().and_then(|running| running.worker) {
        Some(worker) => wait(&worker, timeout, false),
        None => Report::default(),
    }
}

/// As [`flush`], without blocking the calling thread; runs on any executor.
///
/// ```
/// # futures::executor::block_on(async {
/// let report = galileo::flush_async(std::time::Duration::from_secs(1)).await;
/// assert_eq!(report.accepted, 0, "nothing runs, so nothing was recorded");
/// # });
/// ```
pub async fn flush_async(timeout: Duration) -> Report {
    match running::current().and_then(|running| running.worker) {
        Some(worker) => off_thread(move || wait(&worker, timeout, false)).await,
        None => Report::default(),
    }
}

fn end(running: &Running, timeout: Duration) -> Report {
    // In the child of a fork another worker may have taken the place of the one that this guard was made for.
    let current = running::current().filter(|current| current.is_same(running));
    let running = current.as_ref().unwrap_or(running);
    // First nobody records any more, then what was recorded is delivered; only then may another `init` begin.
    if let Some(worker) = &running.worker {
        crate::pipeline::global::uninstall(worker.queue());
        let report = wait(worker, timeout, true);
        running::stop(running);
        return report;
    }
    running::stop(running);
    Report::default()
}

/// Ends whatever runs, within `timeout`, for one who has no guard.
#[cfg(all(unix, feature = "signal"))]
pub(super) fn end_now(timeout: Duration) {
    if let Some(running) = running::current() {
        end(&running, timeout);
    }
}

fn wait(worker: &Arc<Worker>, timeout: Duration, last: bool) -> Report {
    if worker.is_from_parent() {
        // Its books are the parent's, and nobody would answer.
        return Report::default();
    }
    let answered = worker.ask(timeout, last).wait(timeout.saturating_add(GRACE));
    let mut accounts = worker.accounts();
    if last && !answered {
        // The worker is held up by somebody's exporter; what it still has will not be asked for again, unless it is on disk already.
        let journal = worker.queue().journal().is_some_and(|journal| journal.unwritten() == 0);
        for account in &mut accounts {
            let left = std::mem::take(&mut account.queued);
            if journal {
                account.spooled += left;
            } else {
                account.dropped.add(DropReason::Shutdown, left);
            }
        }
    }
    Report::of(accounts)
}

/// Runs `work` on a thread of its own and waits for it without blocking; where no thread can be had, blocks after all.
fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> OffThread<T> {
    let (sender, receiver) = oneshot::channel();
    let work = Arc::new(std::sync::Mutex::new(Some(work)));
    let theirs = work.clone();
    let take =
        |work: &std::sync::Mutex<Option<_>>| work.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    let spawned = std::thread::Builder::new().name("galileo-flush".to_owned()).spawn(move || {
        if let Some(work) = take(&theirs) {
            // Nobody may be waiting any more.
            let _ = sender.send(work());
        }
    });
    let done = if spawned.is_err() {
        work.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take().map(|work| work())
    } else {
        None
    };
    OffThread { receiver, done }
}

struct OffThread<T> {
    receiver: oneshot::Receiver<T>,
    done: Option<T>,
}

impl<T> Unpin for OffThread<T> {}

impl<T: Default> Future for OffThread<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        if let Some(done) = self.done.take() {
            return Poll::Ready(done);
        }
        Pin::new(&mut self.receiver).poll(cx).map(Result::unwrap_or_default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::stats::{Account, Dropped};

    fn report(delivered: u64, spooled: u64, lost: u64) -> Report {
        let mut dropped = Dropped::default();
        dropped.add(DropReason::Shutdown, lost);
        let accepted = delivered + spooled + lost;
        Report::of(vec![Account { exporter: "galileo", accepted, delivered, spooled, queued: 0, dropped }])
    }

    #[test]
    fn a_dropped_guard_says_what_it_could_not_deliver() {
        assert_eq!(farewell(&report(5, 0, 0)), None);
        let kept = farewell(&report(3, 2, 0)).expect("something to say");
        assert_eq!(
            kept,
            "ended with 3 of 5 spans delivered; 2 are on disk for the next process that sends to the same place"
        );
        let lost = farewell(&report(0, 0, 4)).expect("something to say");
        assert_eq!(lost, "ended with 0 of 4 spans delivered; 4 were lost (shutdown)");
    }
}
