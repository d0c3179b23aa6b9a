//! Ids and time that are the same in every run of a test: instead of the thread's random state and the machine's clock while a test says so.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Where the ids and times of one test come from, on whatever threads it runs.
#[derive(Debug)]
pub(crate) struct Source {
    seed: u64,
    ids: AtomicU64,
    now: AtomicU64,
    step: u64,
}

impl Source {
    /// Ids follow from `seed`; time begins at `start`, in nanoseconds since the Unix epoch, and goes on by `step` with each reading.
    pub(crate) fn new(seed: u64, start: u64, step: Duration) -> Self {
        let step = u64::try_from(step.as_nanos()).unwrap_or(u64::MAX);
        Self { seed, ids: AtomicU64::new(0), now: AtomicU64::new(start), step }
    }

    fn words(&self) -> (u64, u64) {
        let count = self.ids.fetch_add(1, Ordering::Relaxed);
        let first = mixed(self.seed ^ count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        (first, mixed(first ^ 0xe703_7ed1_a0b4_28db))
    }
}

/// Spreads the bits of a counter over the word.
fn mixed(word: u64) -> u64 {
    let product = u128::from(word ^ 0xa076_1d64_78bd_642f) * u128::from(word.rotate_left(23) ^ 0x8ebc_6af0_9c88_c6e3);
    (product >> 64) as u64 ^ product as u64
}

thread_local! {
    // Two cells, so that the question of every id and every reading needs no destructor.
    static IS_SET: Cell<bool> = const { Cell::new(false) };
    static SOURCE: RefCell<Option<Arc<Source>>> = const { RefCell::new(None) };
}

/// Makes `source` the thread's.
pub(crate) fn set(source: Option<Arc<Source>>) {
    IS_SET.set(source.is_some());
    // A thread that is ending has no further use for it.
    let _ = SOURCE.try_with(|cell| cell.try_borrow_mut().map(|mut cell| *cell = source));
}

#[inline]
fn ask<T>(question: impl FnOnce(&Source) -> T) -> Option<T> {
    if !IS_SET.get() {
        return None;
    }
    SOURCE.try_with(|cell| cell.try_borrow().ok().and_then(|source| source.as_deref().map(question))).ok().flatten()
}

/// The time now, if a test decides it.
#[inline]
pub(crate) fn now() -> Option<u64> {
    ask(|source| source.now.fetch_add(source.step, Ordering::Relaxed))
}

/// The words of the next id, if a test decides them.
#[inline]
pub(crate) fn words() -> Option<(u64, u64)> {
    ask(Source::words)
}
