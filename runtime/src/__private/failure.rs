//! Where an error began: the first span on its way up that ended with it.

use crate::model::SpanId;
use std::cell::Cell;

thread_local! {
    /// The parent of the span that failed last on this thread, until a sibling of it succeeds.
    static FAILED_UNDER: Cell<SpanId> = const { Cell::new(SpanId::NONE) };
}

/// Whether a span failed on this thread whose failure may still be passed up.
#[inline(always)]
pub(super) fn is_pending() -> bool {
    !FAILED_UNDER.get().is_none()
}

/// Notes that `span` failed, and says whether the failure began in it.
///
/// An error is passed up at once, on the thread on which the child returned it, so the span that fails right after one of its own
/// children did is not where it began.
pub(super) fn failed(span: SpanId, parent: SpanId) -> bool {
    let under = FAILED_UNDER.replace(parent);
    under != span
}

/// Notes that a span under `parent` succeeded: an earlier failure of a sibling was handled.
#[inline]
pub(super) fn succeeded(parent: SpanId) {
    let under = FAILED_UNDER.get();
    // Nearly always none, which costs less to see than that two ids are equal.
    if !under.is_none() && under == parent {
        FAILED_UNDER.set(SpanId::NONE);
    }
}
