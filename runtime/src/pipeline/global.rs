//! The installed pipeline. A pipeline is an ordinary value; the global only points at one.

use super::queue::Queue;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// 0: nobody records. Otherwise `generation << 1 | distributed`, so that the first question of every span is one load.
static STATE: AtomicU32 = AtomicU32::new(0);
static NEXT: AtomicU32 = AtomicU32::new(1);
static QUEUE: RwLock<Option<Arc<Queue>>> = RwLock::new(None);

/// Whether anybody records. Always `false` when the feature `enable` is off.
#[inline(always)]
pub(crate) fn enabled() -> bool {
    // Relaxed: a span that just misses the start or the end of a pipeline is none the worse for it.
    cfg!(feature = "enable") && STATE.load(Ordering::Relaxed) != 0
}

/// The number of the installed pipeline, 0 for none.
#[inline]
pub(crate) fn generation() -> u32 {
    STATE.load(Ordering::Relaxed) >> 1
}

/// Whether the installed pipeline announces spans while they run and may hand its trace to other services.
#[inline]
pub(crate) fn distributed() -> bool {
    STATE.load(Ordering::Relaxed) & 1 != 0
}

/// A number for a new pipeline.
pub(crate) fn next_generation() -> u32 {
    // 31 bits of generations; zero means none.
    (NEXT.fetch_add(1, Ordering::Relaxed) & (u32::MAX >> 1)).max(1)
}

/// Makes `queue` the one that spans go to. `false` when another one is installed.
pub(crate) fn install(queue: &Arc<Queue>, distributed: bool) -> bool {
    let mut slot = QUEUE.write().unwrap_or_else(PoisonError::into_inner);
    if slot.is_some() {
        return false;
    }
    *slot = Some(queue.clone());
    STATE.store(queue.generation() << 1 | u32::from(distributed), Ordering::Release);
    true
}

/// Takes `queue` out again, if it is the installed one. Spans that are open go on, unrecorded.
pub(crate) fn uninstall(queue: &Arc<Queue>) {
    let mut slot = QUEUE.write().unwrap_or_else(PoisonError::into_inner);
    if slot.as_ref().is_some_and(|q| Arc::ptr_eq(q, queue)) {
        STATE.store(0, Ordering::Release);
        *slot = None;
    }
}

/// The installed queue.
pub(crate) fn queue() -> Option<Arc<Queue>> {
    QUEUE.read().unwrap_or_else(PoisonError::into_inner).clone()
}
