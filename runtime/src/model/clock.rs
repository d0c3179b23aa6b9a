//! Time on the recording path.
//!
//! [`now`] is Unix time in nanoseconds that never runs backwards within a process: the processor's counter, converted by a rate and an
//! anchor that are taken once. The wall clock may be set while we run, so the worker measures how far this time has drifted from it
//! ([`drift`]) and corrects the start of a span; durations are differences of [`now`] and need no correction.

use fastant::Instant;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What turns ticks into time. Written once, before the first reading, by whoever is first; all who write write the same but for the
/// moment between them.
struct Scale {
    /// Nanoseconds in 2^32 ticks; 0 is "not taken yet".
    rate: AtomicU64,
    /// Unix time of tick 0, modulo 2^64.
    origin: AtomicU64,
}

static SCALE: Scale = Scale { rate: AtomicU64::new(0), origin: AtomicU64::new(0) };

/// Nanoseconds since the Unix epoch by the process's own clock.
#[inline]
pub(crate) fn now() -> u64 {
    #[cfg(feature = "testing")]
    if let Some(now) = super::predictable::now() {
        return now;
    }
    if !fastant::is_tsc_available() {
        return slowly();
    }
    let ticks = ticks(Instant::now());
    // Acquire pairs with the release in `take_scale`: with the rate comes its origin.
    let rate = SCALE.rate.load(Ordering::Acquire);
    if rate == 0 {
        return slowly();
    }
    scaled(ticks, rate).wrapping_add(SCALE.origin.load(Ordering::Relaxed))
}

/// Without the processor's counter, or at the first reading. Out of line, so that callers keep their registers.
#[cold]
#[inline(never)]
fn slowly() -> u64 {
    if SCALE.rate.load(Ordering::Acquire) == 0 {
        take_scale();
    }
    scaled(ticks(Instant::now()), SCALE.rate.load(Ordering::Acquire)).wrapping_add(SCALE.origin.load(Ordering::Relaxed))
}

/// What has to be added to a value of [`now`] to get the wall clock's time at this moment.
pub(crate) fn drift() -> i64 {
    wall().wrapping_sub(now()) as i64
}

#[inline]
fn scaled(ticks: u64, rate: u64) -> u64 {
    ((u128::from(ticks) * u128::from(rate)) >> 32) as u64
}

fn wall() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64)
}

/// The counter behind an [`Instant`].
///
/// `fastant` shows it by way of `Hash` only. Its own conversion goes through floating point twice and costs as much as all else that a
/// record does; a multiplication of integers is a fifth of that. A test compares this clock with the system's.
#[inline]
fn ticks(instant: Instant) -> u64 {
    struct Word(u64);

    impl Hasher for Word {
        #[inline]
        fn write_u64(&mut self, word: u64) {
            self.0 = word;
        }

        fn write(&mut self, bytes: &[u8]) {
            self.0 = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        }

        #[inline]
        fn finish(&self) -> u64 {
            self.0
        }
    }

    let mut word = Word(0);
    instant.hash(&mut word);
    word.finish()
}

fn take_scale() {
    static TAKING: std::sync::Once = std::sync::Once::new();
    TAKING.call_once(|| {
        // Over a thousand seconds, so that the rate is exact to twelve places.
        const SPAN: Duration = Duration::from_secs(1000);
        let in_span = Instant::ZERO.checked_add(SPAN).map_or(0, ticks).max(1);
        let rate = ((SPAN.as_nanos() << 32) / u128::from(in_span)) as u64;
        let origin = wall().wrapping_sub(scaled(ticks(Instant::now()), rate));
        SCALE.origin.store(origin, Ordering::Relaxed);
        SCALE.rate.store(rate.max(1), Ordering::Release);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_goes_with_the_systems_clock_and_never_back() {
        let begin = std::time::Instant::now();
        let first = now();
        let mut last = first;
        while begin.elapsed() < Duration::from_millis(20) {
            let next = now();
            assert!(next >= last);
            last = next;
        }
        let (ours, theirs) = (now() - first, begin.elapsed().as_nanos() as u64);
        assert!(ours.abs_diff(theirs) < theirs / 20 + 1_000_000, "{ours} ns here, {theirs} ns there");
        assert!(drift().unsigned_abs() < 1_000_000_000, "{} ns from the wall clock", drift());
    }

    #[test]
    fn ticks_are_the_number_that_the_clock_counts_by() {
        let (a, b) = (Instant::now(), Instant::now());
        assert!(ticks(a) > 0 && ticks(b) >= ticks(a));
        assert_eq!(ticks(Instant::ZERO), 0);
    }
}
