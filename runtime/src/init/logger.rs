//! The operations of the imperative logger that wait for delivery.

use super::guard::{flush, flush_async};
use crate::logger::{Logger, Step};
use crate::pipeline::stats::Report;
use std::time::Duration;

impl Logger {
    /// Concludes every open step and waits until everything that this process has recorded is delivered, at most `timeout`.
    ///
    /// Blocks the calling thread; in async code use [`flush_async`](Self::flush_async). Neither is needed for delivery: what is
    /// recorded is sent by itself, and the guard of `init` sends what is left.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut logger = galileo::Logger::new();
    /// logger.start_trace("question");
    /// let report = logger.flush(Duration::from_secs(1));
    /// assert_eq!((logger.open_steps(), report.queued), (0, 0));
    /// ```
    pub fn flush(&mut self, timeout: Duration) -> Report {
        self.conclude_all(Step::default());
        flush(timeout)
    }

    /// As [`flush`](Self::flush), without blocking the calling thread.
    pub async fn flush_async(&mut self, timeout: Duration) -> Report {
        self.conclude_all(Step::default());
        flush_async(timeout).await
    }

    /// As [`flush`](Self::flush), for a logger that is not used again. Recording itself goes on.
    pub fn terminate(mut self, timeout: Duration) -> Report {
        self.flush(timeout)
    }

    /// As [`terminate`](Self::terminate), without blocking the calling thread.
    pub async fn terminate_async(mut self, timeout: Duration) -> Report {
        self.flush_async(timeout).await
    }
}
