//! For unit tests: makes a step of the worker panic, a call to the file system fail, and a process end between two of them.

use std::cell::{Cell, RefCell};
use std::io;
use std::sync::{Mutex, PoisonError};

static ARMED: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());

/// The next time that the worker comes to this step it panics, once.
pub(crate) fn arm(step: &'static str) {
    ARMED.lock().unwrap_or_else(PoisonError::into_inner).push(step);
}

/// The worker is at this step.
pub(crate) fn hit(step: &str) {
    let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(at) = armed.iter().position(|known| *known == step) {
        armed.swap_remove(at);
        drop(armed);
        panic!("injected at `{step}`");
    }
}

thread_local! {
    /// Calls that this thread may still make.
    static CALLS: Cell<Option<u32>> = const { Cell::new(None) };
    static FAILING: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

/// After so many calls to the file system this thread "is killed": it panics.
pub(crate) fn crash_after(calls: Option<u32>) {
    CALLS.set(calls);
}

/// The next call of this name on this thread fails, once.
pub(crate) fn fail(call: &'static str) {
    FAILING.with_borrow_mut(|failing| failing.push(call));
}

/// This thread is about to make a call to the file system.
pub(crate) fn io(call: &str) -> io::Result<()> {
    assert!(!is_last(), "killed before `{call}`");
    let failing = FAILING.with_borrow_mut(|failing| {
        let at = failing.iter().position(|known| *known == call);
        at.map(|at| failing.swap_remove(at))
    });
    failing.map_or(Ok(()), |call| Err(io::Error::other(format!("injected at `{call}`"))))
}

/// Counts a call; `true` when it is the one that is not made any more.
pub(crate) fn is_last() -> bool {
    match CALLS.get() {
        Some(0) => true,
        Some(left) => {
            CALLS.set(Some(left - 1));
            false
        }
        None => false,
    }
}
