//! Another tracing system that has a current span of its own on every thread. Where one is installed, both agree on what is current.

use super::active::Active;
use once_cell::sync::OnceCell;
use std::sync::atomic::{AtomicBool, Ordering};

/// The other system, as the context sees it.
pub(crate) trait Neighbour: Send + Sync {
    /// The thread's context is about to be read or changed: takes over what the other system made current meanwhile.
    fn arrive(&self);

    /// The thread's context was changed by us: makes the same current over there.
    fn moved(&self, old: Active, new: Active);
}

static NEIGHBOUR: OnceCell<&'static dyn Neighbour> = OnceCell::new();
static IS_THERE: AtomicBool = AtomicBool::new(false);

/// Makes `neighbour` the one for the rest of the process; the first one stays.
pub(crate) fn install(neighbour: &'static dyn Neighbour) {
    let _ = NEIGHBOUR.set(neighbour);
    IS_THERE.store(true, Ordering::Release);
}

#[inline(always)]
pub(super) fn arrive() {
    // Relaxed: a span that just misses the installation is none the worse for it.
    if IS_THERE.load(Ordering::Relaxed) {
        arrive_slowly();
    }
}

#[inline(always)]
pub(super) fn moved(old: Active, new: Active) {
    if IS_THERE.load(Ordering::Relaxed) {
        moved_slowly(old, new);
    }
}

#[cold]
fn arrive_slowly() {
    if let Some(neighbour) = NEIGHBOUR.get() {
        neighbour.arrive();
    }
}

#[cold]
fn moved_slowly(old: Active, new: Active) {
    if let Some(neighbour) = NEIGHBOUR.get() {
        neighbour.moved(old, new);
    }
}
