//! When a destination may be asked again: after a wait of our own, after the one that the server asked for, or when a person may have helped.

use std::time::Duration;

use super::retry::Backoff;
use crate::model::random_u64;

/// Between two attempts while only a person can help.
const STUCK: Duration = Duration::from_secs(60);
/// Somebody who waits shortens a wait of ours to this, so that a flush after every request does not become a storm on a backend that is down.
const HURRIED: Duration = Duration::from_millis(250);

/// Open while a destination is well.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    backoff: Backoff,
    until: Duration,
    failed_at: Duration,
    /// The wait is the server's wish or a person's time, so nobody's hurry shortens it.
    firm: bool,
}

impl Gate {
    pub(crate) fn is_open(&self, now: Duration) -> bool {
        now >= self.until
    }

    /// When it opens; zero when it is open for good.
    pub(crate) fn opens_at(&self) -> Duration {
        self.until
    }

    /// Whether the last attempt failed: one request at a time then asks whether the outage is over.
    pub(crate) fn is_failing(&self) -> bool {
        self.backoff.failures() > 0
    }

    pub(crate) fn succeeded(&mut self, now: Duration) {
        self.backoff.succeeded();
        // A request that was under way does not take back what the server asked for meanwhile.
        if !self.firm || self.is_open(now) {
            (self.until, self.firm) = (Duration::ZERO, false);
        }
    }

    /// Something is wrong for a while; `false` when it is the failure that is known already, as requests that fail together are one.
    pub(crate) fn failed(&mut self, wish: Option<Duration>, now: Duration) -> bool {
        if wish.is_none() && self.is_failing() && !self.is_open(now) {
            return false;
        }
        let wait = self.backoff.failed(wish, random_u64());
        self.firm = wish.is_some() || self.firm && !self.is_open(now);
        self.until = self.until.max(now + wait);
        self.failed_at = now;
        true
    }

    /// Only a person can help.
    pub(crate) fn stuck(&mut self, now: Duration) {
        (self.until, self.firm) = (now + STUCK, true);
    }

    /// Somebody waits: a wait that only we chose ends early.
    pub(crate) fn hurry(&mut self, now: Duration) {
        if !self.firm {
            self.until = self.until.min(now.max(self.failed_at + HURRIED));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn requests_that_fail_together_are_one_failure() {
        let mut gate = Gate::default();
        assert!(gate.failed(None, SECOND));
        gate.until = 2 * SECOND;
        assert!(!gate.failed(None, SECOND), "the second of four that were under way");
        assert_eq!(gate.backoff.failures(), 1);
        assert_eq!(gate.opens_at(), 2 * SECOND);
    }

    #[test]
    fn hurry_shortens_our_own_wait_and_never_the_servers() {
        let mut own = Gate { until: 9 * SECOND, failed_at: SECOND, ..Gate::default() };
        own.hurry(SECOND);
        assert_eq!(own.opens_at(), SECOND + HURRIED, "not at once: many may be in a hurry");
        own.hurry(3 * SECOND);
        assert!(own.is_open(3 * SECOND));

        let mut wished = Gate::default();
        wished.failed(Some(7 * SECOND), SECOND);
        wished.hurry(2 * SECOND);
        assert!(!wished.is_open(7 * SECOND), "the server asked for seven seconds");

        let mut stuck = Gate::default();
        stuck.stuck(SECOND);
        stuck.hurry(2 * SECOND);
        assert!(!stuck.is_open(60 * SECOND));
    }

    #[test]
    fn a_late_success_does_not_cut_the_servers_wish_short() {
        let mut gate = Gate::default();
        gate.failed(Some(7 * SECOND), SECOND);
        gate.succeeded(2 * SECOND);
        assert!(!gate.is_failing());
        assert!(!gate.is_open(7 * SECOND));
        gate.succeeded(60 * SECOND);
        assert_eq!(gate.opens_at(), Duration::ZERO);
    }
}
