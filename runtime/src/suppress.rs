//! "Do not trace": a mark on the thread that is set while the SDK itself works, so that an exporter, an HTTP client or a
//! user's `Serialize` that calls a traced function cannot make the SDK trace itself.

use std::cell::Cell;
use std::marker::PhantomData;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Whether tracing is suppressed on this thread right now.
#[inline]
pub(crate) fn is_suppressed() -> bool {
    // A thread that is being torn down has lost its locals; it has nothing to record either.
    DEPTH.try_with(|depth| depth.get() > 0).unwrap_or(true)
}

/// Suppresses tracing on this thread until the guard is dropped. Guards nest.
#[must_use = "tracing is suppressed only while the guard lives"]
pub(crate) fn enter() -> SuppressGuard {
    let _ = DEPTH.try_with(|depth| depth.set(depth.get().saturating_add(1)));
    SuppressGuard { thread_bound: PhantomData }
}

/// Ends the suppression that [`enter`] began.
#[derive(Debug)]
pub(crate) struct SuppressGuard {
    // The depth belongs to one thread, so the guard must not travel.
    thread_bound: PhantomData<*const ()>,
}

impl Drop for SuppressGuard {
    fn drop(&mut self) {
        let _ = DEPTH.try_with(|depth| depth.set(depth.get().saturating_sub(1)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guards_nest_and_stay_on_their_thread() {
        assert!(!is_suppressed());
        let outer = enter();
        {
            let _inner = enter();
            assert!(is_suppressed());
        }
        assert!(is_suppressed());
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(!is_suppressed()));
        });
        drop(outer);
        assert!(!is_suppressed());
    }
}
