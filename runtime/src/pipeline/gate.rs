//! When a destination may be asked again: after a wait of our own, after the one that the server asked for, or when a person may have helped.

use std::time::Duration;

use super::retry::Backoff;
use crate::model::random_u64;

/// Between two attempts while only a person can help.
const STUCK: Duration = Duration::from_secs(60);
/// Somebody who waits shortens a wait of ours to this, so that a flush after every request does not become a storm on a backend that is down.
const HURRIED: Duration = Duration::from_millis(250);
/// So many failures are made soon in any case. Later, an attempt that comes early because somebody waits is paid back by the wait after it,
/// so that an outage costs no more requests when every request of a service flushes.
const SOON: u32 = 4;

/// Open while a destination is well.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    backoff: Backoff,
    until: Duration,
    failed_at: Duration,
    /// The wait is the server's wish or a person's time, so nobody's hurry shortens it.
    firm: bool,
    /// By how much the attempt that comes next is early.
    owed: Duration,
    /// The wait pays back what was owed, so hurry does not shorten it.
    repaying: bool,
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
        (self.owed, self.repaying) = (Duration::ZERO, false);
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
        self.repaying = !self.owed.is_zero();
        self.until = self.until.max(now + wait + std::mem::take(&mut self.owed));
        self.failed_at = now;
        true
    }

    /// Only a person can help.
    pub(crate) fn stuck(&mut self, now: Duration) {
        (self.until, self.firm) = (now + STUCK, true);
    }

    /// Somebody waits: a wait that only we chose ends early.
    pub(crate) fn hurry(&mut self, now: Duration) {
        let early = now.max(self.failed_at + HURRIED);
        if self.firm || early >= self.until {
            return;
        }
        if self.backoff.failures() > SOON {
            if self.repaying {
                return;
            }
            self.owed = self.until - early;
        }
        self.until = early;
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
    fn an_outage_costs_as_little_when_somebody_flushes_all_the_time() {
        for every in [50, 1_000, 12_000].map(Duration::from_millis) {
            for _ in 0..20 {
                let (mut gate, mut now, mut requests) = (Gate::default(), Duration::ZERO, 0);
                while now < Duration::from_secs(600) {
                    gate.hurry(now);
                    if gate.is_open(now) {
                        requests += 1;
                        gate.failed(None, now);
                    }
                    now += every;
                }
                assert!((25..=60).contains(&requests), "{requests} requests with a flush every {every:?}");
            }
        }
    }

    #[test]
    fn the_first_in_a_hurry_is_served_at_once_and_the_next_after_the_time_is_paid_back() {
        let mut gate = Gate::default();
        for failure in 0..10 {
            gate.failed(None, failure * 100 * SECOND);
        }
        let (now, regular) = (902 * SECOND, gate.opens_at());
        assert!(regular >= 910 * SECOND);
        gate.hurry(now);
        assert!(gate.is_open(now));
        gate.failed(None, now);
        gate.hurry(now + SECOND);
        assert!(gate.opens_at() >= regular + 10 * SECOND, "as without the hurry");
        gate.succeeded(gate.opens_at());
        for _ in 0..10 {
            let now = gate.opens_at().max(1_000 * SECOND);
            gate.failed(None, now);
        }
        let now = gate.opens_at() - SECOND;
        gate.hurry(now);
        assert!(gate.is_open(now), "another outage begins with nothing owed");
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
