//! The installed pipeline. A pipeline is an ordinary value; the global only points at one.

use super::queue::Queue;
use crate::model::{SpanType, TraceId};
use crate::sampling::{self, Sampler};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// 0: nobody records. Otherwise `generation << 4` and the flags below, so that the questions of every span are answered by one word.
static STATE: AtomicU32 = AtomicU32::new(0);
const DISTRIBUTED: u32 = 1;
/// The sampler is not the default one: roots have to ask it.
const SAMPLES: u32 = 2;
/// The worker sleeps and has to be woken.
const PARKED: u32 = 4;
/// Every record goes to disk first, so the hot path is not for any.
const JOURNALED: u32 = 8;
const FLAG_BITS: u32 = 4;
/// The sampler in force, by the type of the root; written before `STATE`.
static THRESHOLDS: [AtomicU64; SpanType::COUNT] = [const { AtomicU64::new(u64::MAX) }; SpanType::COUNT];
static PARENT_BASED: AtomicBool = AtomicBool::new(true);
static NEXT: AtomicU32 = AtomicU32::new(1);
static QUEUE: RwLock<Option<Arc<Queue>>> = RwLock::new(None);
/// Where spans go while no pipeline is installed; there is one while a test watches.
#[cfg(feature = "testing")]
static STANDBY: RwLock<Option<Arc<Queue>>> = RwLock::new(None);

/// Whether anybody records. Always `false` when the feature `enable` is off.
#[inline(always)]
pub(crate) fn enabled() -> bool {
    // Relaxed: a span that just misses the start or the end of a pipeline is none the worse for it.
    cfg!(feature = "enable") && STATE.load(Ordering::Relaxed) != 0
}

/// The number of the installed pipeline, 0 for none.
#[inline]
pub(crate) fn generation() -> u32 {
    STATE.load(Ordering::Relaxed) >> FLAG_BITS
}

/// The number of the installed pipeline, if there is one, its worker is awake, and records need not go to disk first.
#[inline(always)]
pub(crate) fn unparked_generation() -> Option<u32> {
    let state = STATE.load(Ordering::Relaxed);
    (state & (PARKED | JOURNALED) == 0).then_some(state >> FLAG_BITS)
}

/// Whether the worker of the installed pipeline sleeps.
#[inline]
pub(crate) fn is_parked() -> bool {
    // Relaxed is enough to look: the worker sleeps with a time limit, so a missed wake costs one tick and nothing else.
    STATE.load(Ordering::Relaxed) & PARKED != 0
}

/// Sends the next record of every thread by the slow path. Does nothing that a child of a fork may not do before the fork returns.
pub(crate) fn leave_hot_path() {
    // As if the worker slept; whoever comes by sees that there is none.
    let _ = STATE.fetch_update(Ordering::SeqCst, Ordering::Relaxed, |state| (state != 0).then_some(state | PARKED));
}

/// Puts `queue` in the place of the one that a parent process had, with the same flags; without one nothing is recorded any more.
pub(crate) fn replace(queue: Option<&Arc<Queue>>) {
    // A thread of the parent's may have held the lock when this process was made: then it is held for ever.
    let slot = QUEUE.try_write();
    let (Some(queue), Ok(mut slot)) = (queue, slot) else {
        STATE.store(0, Ordering::Release);
        return;
    };
    *slot = Some(queue.clone());
    let flags = STATE.load(Ordering::Relaxed) & ((1 << FLAG_BITS) - 1) & !PARKED;
    STATE.store(queue.generation() << FLAG_BITS | flags, Ordering::Release);
}

/// Whether every record goes to disk first.
#[inline]
pub(crate) fn is_journaled() -> bool {
    STATE.load(Ordering::Relaxed) & JOURNALED != 0
}

/// Says whether the worker of this pipeline sleeps, if it is the installed one. Returns what was said before.
pub(crate) fn set_parked(generation: u32, parked: bool) -> bool {
    let change = |state| {
        (state >> FLAG_BITS == generation && generation != 0).then_some(if parked {
            state | PARKED
        } else {
            state & !PARKED
        })
    };
    STATE.fetch_update(Ordering::SeqCst, Ordering::Relaxed, change).is_ok_and(|state| state & PARKED != 0)
}

/// Whether the installed pipeline announces spans while they run and may hand its trace to other services.
#[inline]
pub(crate) fn distributed() -> bool {
    STATE.load(Ordering::Relaxed) & DISTRIBUTED != 0
}

/// Whether a trace that begins here is recorded.
#[inline]
pub(crate) fn samples(trace: TraceId, root: SpanType) -> bool {
    // Acquire pairs with the store in `install`: who sees the flag sees the rates.
    STATE.load(Ordering::Acquire) & SAMPLES == 0
        || THRESHOLDS.get(root as usize).is_none_or(|t| sampling::is_below(trace, t.load(Ordering::Relaxed)))
}

/// Whether the decision of a calling service is followed.
pub(crate) fn follows_callers() -> bool {
    STATE.load(Ordering::Acquire) & SAMPLES == 0 || PARENT_BASED.load(Ordering::Relaxed)
}

/// A number for a new pipeline.
pub(crate) fn next_generation() -> u32 {
    // 28 bits of generations; zero means none.
    (NEXT.fetch_add(1, Ordering::Relaxed) & (u32::MAX >> FLAG_BITS)).max(1)
}

/// Makes `queue` the one that spans go to, of the traces that `sampler` takes. `false` when another one is installed.
pub(crate) fn install(queue: &Arc<Queue>, distributed: bool, sampler: Sampler) -> bool {
    let mut slot = QUEUE.write().unwrap_or_else(PoisonError::into_inner);
    if slot.is_some() {
        return false;
    }
    *slot = Some(queue.clone());
    for (slot, threshold) in THRESHOLDS.iter().zip(sampler.thresholds()) {
        slot.store(*threshold, Ordering::Relaxed);
    }
    PARENT_BASED.store(sampler.is_parent_based(), Ordering::Relaxed);
    let flag = |set: bool, flag: u32| if set { flag } else { 0 };
    let flags = flag(distributed, DISTRIBUTED)
        | flag(!sampler.is_default(), SAMPLES)
        | flag(queue.journal().is_some(), JOURNALED);
    STATE.store(queue.generation() << FLAG_BITS | flags, Ordering::Release);
    true
}

/// Takes `queue` out again, if it is the installed one. Spans that are open go on, unrecorded.
pub(crate) fn uninstall(queue: &Arc<Queue>) {
    let mut slot = QUEUE.write().unwrap_or_else(PoisonError::into_inner);
    if slot.as_ref().is_some_and(|q| Arc::ptr_eq(q, queue)) {
        *slot = None;
        fall_back();
    }
}

/// Nothing is installed any more: spans go to whoever stands by. For callers that hold the slot.
fn fall_back() {
    #[cfg(feature = "testing")]
    if let Some(queue) = &*STANDBY.read().unwrap_or_else(PoisonError::into_inner) {
        STATE.store(queue.generation() << FLAG_BITS | DISTRIBUTED, Ordering::Release);
        return;
    }
    STATE.store(0, Ordering::Release);
}

/// Gives spans to `queue` while no pipeline is installed, all of them and as in distributed mode.
#[cfg(feature = "testing")]
pub(crate) fn stand_by(queue: Option<&Arc<Queue>>) {
    let slot = QUEUE.write().unwrap_or_else(PoisonError::into_inner);
    *STANDBY.write().unwrap_or_else(PoisonError::into_inner) = queue.cloned();
    if slot.is_none() {
        fall_back();
    }
}

/// The installed queue.
pub(crate) fn queue() -> Option<Arc<Queue>> {
    let installed = QUEUE.read().unwrap_or_else(PoisonError::into_inner).clone();
    #[cfg(feature = "testing")]
    let installed = installed.or_else(|| STANDBY.read().unwrap_or_else(PoisonError::into_inner).clone());
    installed
}
