//! Traces that other services may still add to: each is over when it has been quiet for a while.

use std::collections::VecDeque;
use std::time::Duration;

use crate::pipeline::store::Key;

/// Traces in the order in which they went quiet. The wait is the same for all, so the first one is the first to end.
#[derive(Debug)]
pub(super) struct Lingering {
    wait: Duration,
    queue: VecDeque<(Key, Duration)>,
}

impl Lingering {
    pub(super) fn new(wait: Duration) -> Self {
        Self { wait, queue: VecDeque::new() }
    }

    pub(super) fn add(&mut self, trace: Key, active_at: Duration) {
        self.queue.push_back((trace, active_at));
    }

    pub(super) fn has_passed(&self, active_at: Duration, now: Duration) -> bool {
        now.saturating_sub(active_at) >= self.wait
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// When the first wait ends.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.queue.front().map(|(_, active_at)| *active_at + self.wait)
    }

    /// The next trace whose wait ended, or any trace when `all` is set.
    pub(super) fn pop(&mut self, now: Duration, all: bool) -> Option<Key> {
        let (_, active_at) = *self.queue.front()?;
        if !all && !self.has_passed(active_at, now) {
            return None;
        }
        self.queue.pop_front().map(|(trace, _)| trace)
    }
}
