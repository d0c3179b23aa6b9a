//! The hand-off: each thread appends records to chunks of its own, and the worker reads them where they lie.
//!
//! ```text
//! thread ── Local ── Writer ──► chunk ◄── Reader ─┐
//!                               chunk ◄── Reader ─┤ (full ones, not yet read)
//!                                                 └── Lane ──┐
//! thread ── Local ── Writer ──► chunk ◄── Reader ──── Lane ──┴── Queue::drain, on the worker
//! ```
//!
//! A record costs its thread a copy and one store; it is visible while its span is still open. Locks are taken once a chunk, never by a
//! record, and never held while anything else happens. Chunks that were read come back to the threads, so that neither side allocates
//! once warm.
//!
//! Memory is bounded in bytes: each thread has one chunk, and full chunks that wait to be read take from the budget. When it is used
//! up, spans that begin are refused and counted; the end of a span that was accepted is always taken, at worst without its output.

use super::chunk::{Free, Reader, Writer};
use super::record::{self, Header, Kind, Record};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a chunk holds: some 220 empty spans, or 40 with a kilobyte of values each. Larger ones leave the processor's first cache.
const CHUNK: usize = 32 * 1024;
/// How many chunks are kept for their next use: 4 MiB, which a burst of 5,000 spans with values fills.
const KEPT: usize = 128;

/// The shared side of the hand-off.
pub(crate) struct Queue {
    generation: u32,
    budget: usize,
    /// Bytes of full chunks that wait to be read.
    waiting: AtomicUsize,
    /// Spans that were refused because the budget was used up.
    refused: AtomicU64,
    /// Spans that kept their end but lost what was captured with it, or something that was added to them.
    cut: AtomicU64,
    free: Mutex<Vec<Free>>,
    /// Lanes of threads that are new to the worker.
    arrived: Mutex<Vec<Arc<Lane>>>,
    /// The worker's own side.
    inbox: Mutex<Vec<Inbox>>,
    parked: AtomicBool,
    wake: Box<dyn Fn() + Send + Sync>,
}

/// Where a thread leaves the reading halves of its chunks.
#[derive(Default)]
struct Lane {
    /// In the order in which they are written.
    readers: Mutex<VecDeque<Reader>>,
    /// The thread has ended, or records elsewhere now.
    closed: AtomicBool,
}

/// A lane and what the worker has taken from it.
struct Inbox {
    lane: Arc<Lane>,
    readers: VecDeque<Reader>,
}

/// A thread's own side.
struct Local {
    /// That of its queue.
    generation: u32,
    /// This chunk was taken beyond the budget, for what has to come to its end.
    beyond: bool,
    writer: Writer,
    queue: Arc<Queue>,
    lane: Arc<Lane>,
}

impl Drop for Local {
    fn drop(&mut self) {
        self.queue.waiting.fetch_add(self.writer.capacity(), Ordering::AcqRel);
        // The writer goes after this; a lane is let go only when its last chunk is sealed as well.
        self.lane.closed.store(true, Ordering::Release);
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
            cut: AtomicU64::new(0),
            free: Mutex::default(),
            arrived: Mutex::default(),
            inbox: Mutex::default(),
            parked: AtomicBool::new(false),
            wake,
        }
    }

    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// Spans that were refused since the start, for want of memory.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Spans that lost a part of what was captured, for want of memory.
    pub(crate) fn cut(&self) -> u64 {
        self.cut.load(Ordering::Relaxed)
    }

    /// Says that the worker is about to sleep, or has woken; the next push after `true` calls `wake` once.
    pub(crate) fn set_parked(&self, parked: bool) {
        self.parked.store(parked, Ordering::SeqCst);
    }

    /// Wakes the worker if it sleeps.
    #[inline]
    pub(crate) fn wake(&self) {
        // Relaxed is enough to look: the worker sleeps with a time limit, so a missed wake costs one tick and nothing else.
        if self.parked.load(Ordering::Relaxed) {
            self.wake_parked();
        }
    }

    #[cold]
    fn wake_parked(&self) {
        if self.parked.swap(false, Ordering::AcqRel) {
            (self.wake)();
        }
    }

    /// Whether nothing waits. Exact once the threads that record have stopped.
    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.arrived).iter().all(|lane| lock(&lane.readers).iter().all(Reader::is_drained))
            && lock(&self.inbox).iter().all(|inbox| {
                inbox.readers.iter().all(Reader::is_drained) && lock(&inbox.lane.readers).iter().all(Reader::is_drained)
            })
    }

    /// Hands every waiting record to `visit`, thread by thread in the order of each thread, and returns how many there were. For the
    /// worker alone: two that drain at once would wait for each other.
    pub(crate) fn drain(&self, mut visit: impl FnMut(&Record<'_>)) -> usize {
        let mut inboxes = lock(&self.inbox);
        inboxes.extend(lock(&self.arrived).drain(..).map(|lane| Inbox { lane, readers: VecDeque::new() }));
        let mut count = 0;
        inboxes.retain_mut(|inbox| {
            // Asked first: what a thread wrote before it closed its lane is in the lane by now.
            let closed = inbox.lane.closed.load(Ordering::Acquire);
            inbox.readers.append(&mut lock(&inbox.lane.readers));
            while let Some(reader) = inbox.readers.front_mut() {
                // Asked first as well: behind a chunk that was not sealed before it was read, something may follow.
                let sealed = reader.is_sealed();
                let mut rest = reader.next();
                while let Some((record, after)) = record::decode(rest) {
                    visit(&record);
                    count += 1;
                    rest = after;
                }
                if !sealed {
                    break;
                }
                if let Some(reader) = inbox.readers.pop_front() {
                    self.take_back(reader);
                }
            }
            !(closed && inbox.readers.is_empty())
        });
        count
    }

    /// A chunk was read to its end: its bytes are free again.
    fn take_back(&self, reader: Reader) {
        self.waiting.fetch_sub(reader.capacity(), Ordering::AcqRel);
        if let Ok(free) = reader.recycle()
            && free.capacity() == CHUNK
        {
            let mut kept = lock(&self.free);
            if kept.len() < KEPT {
                kept.push(free);
            }
        }
    }

    /// A chunk for a record of `size` bytes.
    fn chunk(&self, size: usize) -> Free {
        let known = if size <= CHUNK { lock(&self.free).pop() } else { None };
        known.unwrap_or_else(|| Free::new(size.max(CHUNK)))
    }
}

impl Local {
    #[cold]
    fn register(size: usize) -> Option<Self> {
        let queue = super::global::queue()?;
        let lane = Arc::<Lane>::default();
        let (writer, reader) = queue.chunk(size).split();
        lock(&lane.readers).push_back(reader);
        lock(&queue.arrived).push(lane.clone());
        Some(Self { generation: queue.generation, beyond: false, writer, queue, lane })
    }

    #[inline]
    fn push(&mut self, header: &Header, parts: &[u8]) -> bool {
        let taken = (!self.beyond && self.append(header, parts)) || self.push_slowly(header, parts);
        self.queue.wake();
        taken
    }

    #[inline]
    fn append(&mut self, header: &Header, parts: &[u8]) -> bool {
        let length = parts.len() as u32;
        match header.kind {
            Kind::Start => self.writer.append(header.start_words(length), parts),
            _ => self.writer.append(header.words(length), parts),
        }
    }

    /// The chunk is full, or the budget was used up when it was begun.
    #[cold]
    fn push_slowly(&mut self, header: &Header, parts: &[u8]) -> bool {
        let full = self.writer.capacity();
        let size = record::HEADER + parts.len();
        let budget = self.queue.budget;
        let fits = |waiting: usize| waiting.saturating_add(size) <= budget;
        if self.beyond {
            self.beyond = !fits(self.queue.waiting.load(Ordering::Acquire));
        }
        if !self.beyond {
            if self.append(header, parts) {
                return true;
            }
            if fits(self.queue.waiting.fetch_add(full, Ordering::AcqRel) + full) {
                return self.rotate(header, parts);
            }
            self.queue.waiting.fetch_sub(full, Ordering::AcqRel);
        }
        match header.kind {
            Kind::Start => {
                self.queue.refused.fetch_add(1, Ordering::Relaxed);
                false
            }
            Kind::Note => {
                self.queue.cut.fetch_add(1, Ordering::Relaxed);
                false
            }
            // What was accepted has to come to its end, at worst without its values. This much goes beyond the budget: one header
            // for each open span.
            _ => {
                self.queue.cut.fetch_add(u64::from(!parts.is_empty()), Ordering::Relaxed);
                if self.append(header, &[]) {
                    return true;
                }
                self.queue.waiting.fetch_add(full, Ordering::AcqRel);
                self.beyond = true;
                self.rotate(header, &[])
            }
        }
    }

    /// Goes on in another chunk.
    fn rotate(&mut self, header: &Header, parts: &[u8]) -> bool {
        let (writer, reader) = self.queue.chunk(record::HEADER + parts.len()).split();
        // The old chunk is sealed by this, before the new one can be seen: the worker reads them in their order.
        self.writer = writer;
        lock(&self.lane.readers).push_back(reader);
        self.append(header, parts)
    }
}

/// Hands one record to the pipeline that is installed. `false` when there is none, or when it is full (counted).
pub(crate) fn push(header: &Header, parts: &[u8]) -> bool {
    let generation = super::global::generation();
    if generation == 0 {
        return false;
    }
    LOCAL
        .try_with(|local| {
            let Ok(mut local) = local.try_borrow_mut() else { return false };
            if local.as_ref().is_none_or(|l| l.generation != generation) {
                *local = Local::register(record::HEADER + parts.len());
            }
            local.as_mut().is_some_and(|l| l.push(header, parts))
        })
        .unwrap_or_else(|_| push_without_storage(header, parts))
}

/// The thread is ending and its storage is gone: the record goes through a lane of its own.
#[cold]
fn push_without_storage(header: &Header, parts: &[u8]) -> bool {
    Local::register(record::HEADER + parts.len()).is_some_and(|mut l| l.push(header, parts))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of these locks; a poisoned one still holds valid data.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
