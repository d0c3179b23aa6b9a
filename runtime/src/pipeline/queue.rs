//! The hand-off: one buffer a thread, filled by its thread and emptied by the worker.
//!
//! A buffer is behind a mutex that only its own thread and, once a look, the worker take; nothing is ever waited for but a swap of two
//! vectors. When the bytes of all buffers exceed the budget, the newest record is refused and counted.

use super::record::{self, Header, Record};
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The shared side of the hand-off.
pub(crate) struct Queue {
    generation: u32,
    budget: usize,
    /// Bytes that wait in all buffers; approximate while threads push.
    waiting: AtomicUsize,
    /// Records refused because the budget was used up.
    refused: AtomicU64,
    buffers: Mutex<Vec<Arc<Buffer>>>,
    parked: AtomicBool,
    wake: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct Buffer {
    bytes: Mutex<Vec<u8>>,
    /// Its thread has ended; drop it once it is empty.
    closed: AtomicBool,
}

/// A thread's own side: which queue its buffer belongs to.
struct Local {
    queue: Arc<Queue>,
    buffer: Arc<Buffer>,
}

impl Drop for Local {
    fn drop(&mut self) {
        self.buffer.closed.store(true, Ordering::Release);
    }
}

thread_local! {
    static LOCAL: RefCell<Option<Local>> = const { RefCell::new(None) };
}

impl Queue {
    /// A queue for the pipeline of this `generation`; `wake` is called when something arrives while the worker is parked.
    pub(crate) fn new(generation: u32, budget: usize, wake: Box<dyn Fn() + Send + Sync>) -> Self {
        Self {
            generation,
            budget,
            waiting: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            buffers: Mutex::default(),
            parked: AtomicBool::new(false),
            wake,
        }
    }

    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// Records that were refused since the start.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Says that the worker is about to sleep, or has woken; the next push after `true` calls `wake` once.
    pub(crate) fn set_parked(&self, parked: bool) {
        self.parked.store(parked, Ordering::SeqCst);
    }

    /// Wakes the worker if it sleeps.
    pub(crate) fn wake(&self) {
        // Relaxed is enough to look: the worker sleeps with a time limit, so a missed wake costs one tick and nothing else.
        if self.parked.load(Ordering::Relaxed) && self.parked.swap(false, Ordering::AcqRel) {
            (self.wake)();
        }
    }

    /// Whether nothing waits. Exact once the threads that record have stopped.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.load(Ordering::Acquire) == 0
    }

    /// Hands every waiting record to `visit`, thread by thread in the order of each thread, and returns how many there were.
    ///
    /// `scratch` is the worker's buffer, swapped with each thread's so that neither side allocates once warm.
    pub(crate) fn drain(&self, scratch: &mut Vec<u8>, mut visit: impl FnMut(&Record<'_>)) -> usize {
        let buffers: Vec<Arc<Buffer>> = {
            let mut all = lock(&self.buffers);
            all.retain(|b| !(b.closed.load(Ordering::Acquire) && lock(&b.bytes).is_empty()));
            all.clone()
        };
        let mut count = 0;
        for buffer in buffers {
            scratch.clear();
            std::mem::swap(&mut *lock(&buffer.bytes), scratch);
            let mut rest = scratch.as_slice();
            while let Some((record, after)) = record::decode(rest) {
                visit(&record);
                count += 1;
                rest = after;
            }
            self.waiting.fetch_sub(scratch.len(), Ordering::AcqRel);
        }
        count
    }

    fn push_to(&self, buffer: &Buffer, header: &Header, parts: &[u8]) -> bool {
        let size = record::HEADER + parts.len();
        if self.waiting.fetch_add(size, Ordering::AcqRel) + size > self.budget {
            self.waiting.fetch_sub(size, Ordering::AcqRel);
            self.refused.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        let mut bytes = lock(&buffer.bytes);
        bytes.extend_from_slice(&header.encode(parts.len() as u32));
        bytes.extend_from_slice(parts);
        drop(bytes);
        self.wake();
        true
    }
}

/// Hands one record to the pipeline that is installed. `false` when there is none, or when it is full (counted).
#[inline]
pub(crate) fn push(header: &Header, parts: &[u8]) -> bool {
    let generation = super::global::generation();
    if generation == 0 {
        return false;
    }
    LOCAL
        .try_with(|local| {
            let Ok(mut local) = local.try_borrow_mut() else { return false };
            if local.as_ref().is_none_or(|l| l.queue.generation != generation) {
                *local = register();
            }
            local.as_ref().is_some_and(|l| l.queue.push_to(&l.buffer, header, parts))
        })
        .unwrap_or_else(|_| push_without_storage(header, parts))
}

#[cold]
fn register() -> Option<Local> {
    let queue = super::global::queue()?;
    let buffer = Arc::<Buffer>::default();
    lock(&queue.buffers).push(buffer.clone());
    Some(Local { queue, buffer })
}

/// The thread is ending and its storage is gone: the record goes through a buffer of its own.
#[cold]
fn push_without_storage(header: &Header, parts: &[u8]) -> bool {
    register().is_some_and(|l| l.queue.push_to(&l.buffer, header, parts))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of these locks; a poisoned one still holds valid data.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
