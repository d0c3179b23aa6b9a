//! Time on the recording path.
//!
//! [`now`] is Unix time in nanoseconds that never runs backwards within a process: the processor's counter, converted with an anchor
//! taken once. The wall clock may be set while we run, so the worker measures how far this time has drifted from it
//! ([`drift`]) and corrects the start of a span; durations are differences of [`now`] and need no correction.

use fastant::{Anchor, Instant};
use once_cell::sync::Lazy;
use std::time::{SystemTime, UNIX_EPOCH};

static ANCHOR: Lazy<Anchor> = Lazy::new(Anchor::new);

/// Nanoseconds since the Unix epoch by the process's own clock.
#[inline]
pub(crate) fn now() -> u64 {
    Instant::now().as_unix_nanos(&ANCHOR)
}

/// What has to be added to a value of [`now`] to get the wall clock's time at this moment.
pub(crate) fn drift() -> i64 {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64);
    wall.wrapping_sub(now()) as i64
}
