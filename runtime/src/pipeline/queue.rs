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

use super::chunk::{Free, Lease, Reader, Writer, append_here};
use super::record::{self, Header, Kind, Record};
use super::spool::Journal;
use super::{fork, global};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a chunk holds: some 220 empty spans, or 40 with a kilobyte of values each. Larger ones leave the processor's first cache.
const CHUNK: usize = 32 * 1024;
/// How many chunks are kept for their next use: 2 MiB, which a burst of 2,300 spans with values fills.
const KEPT: usize = 64;

/// The shared side of the hand-off.
pub(crate) struct Queue {
    generation: u32,
    /// What full chunks may take at most, as the worker has room for them.
    budget: AtomicUsize,
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
    wake: Box<dyn Fn() + Send + Sync>,
    /// Where records go before they go anywhere else.
    journal: Option<Arc<Journal>>,
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
    seat: Seat,
    queue: Arc<Queue>,
    lane: Arc<Lane>,
}

/// Where the thread's chunk lies.
enum Seat {
    /// On its desk: records are written without asking this `Local`.
    Desk(Lease),
    /// In a drawer, because it was taken beyond the budget, for what has to come to its end: each record has to ask.
    Drawer(Writer),
    /// Sealed, while the next one is fetched.
    Gone,
}

impl Seat {
    fn capacity(&self) -> usize {
        match self {
            Self::Desk(lease) => lease.capacity(),
            Self::Drawer(writer) => writer.capacity(),
            Self::Gone => 0,
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.queue.waiting.fetch_add(self.seat.capacity(), Ordering::AcqRel);
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
            budget: AtomicUsize::new(budget),
            waiting: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            cut: AtomicU64::new(0),
            free: Mutex::default(),
            arrived: Mutex::default(),
            inbox: Mutex::default(),
            wake,
            journal: None,
        }
    }

    /// The same queue, whose records are written to this journal first.
    pub(crate) fn with_journal(self, journal: Option<Arc<Journal>>) -> Self {
        Self { journal, ..self }
    }

    pub(crate) fn journal(&self) -> Option<&Arc<Journal>> {
        self.journal.as_ref()
    }

    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// Changes what full chunks may take; what waits already stays.
    pub(crate) fn set_budget(&self, bytes: usize) {
        // Relaxed: a thread that sees it late is late by one chunk.
        self.budget.store(bytes, Ordering::Relaxed);
    }

    /// What full chunks may take.
    pub(crate) fn budget(&self) -> usize {
        self.budget.load(Ordering::Relaxed)
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
        global::set_parked(self.generation, parked);
    }

    /// Wakes the worker if it sleeps.
    pub(crate) fn wake(&self) {
        // Whoever takes the mark away calls.
        if global::is_parked() && global::set_parked(self.generation, false) {
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
    fn register(size: usize) -> Option<Self> {
        let queue = global::queue()?;
        let lane = Arc::<Lane>::default();
        let (writer, reader) = queue.chunk(size).split();
        lock(&lane.readers).push_back(reader);
        lock(&queue.arrived).push(lane.clone());
        let generation = queue.generation;
        Some(Self { generation, seat: Seat::Desk(Lease::new(writer, generation)), queue, lane })
    }

    /// What `append_here` could not do: the chunk is full, or the budget was used up when it was begun.
    fn push(&mut self, header: &Header, parts: &[u8]) -> bool {
        let size = record::HEADER + parts.len();
        let full = self.seat.capacity();
        let budget = self.queue.budget.load(Ordering::Relaxed);
        let fits = |waiting: usize| waiting.saturating_add(size) <= budget;
        if let Seat::Drawer(writer) = &mut self.seat
            && fits(self.queue.waiting.load(Ordering::Acquire))
            && append(writer, header, parts)
        {
            return true;
        }
        if append_to_desk(self.generation, header, parts) {
            return true;
        }
        if fits(self.queue.waiting.fetch_add(full, Ordering::AcqRel) + full) {
            let writer = self.rotate(size);
            self.seat = Seat::Desk(Lease::new(writer, self.generation));
            return append_to_desk(self.generation, header, parts);
        }
        match header.kind {
            Kind::Start => {
                self.queue.refused.fetch_add(1, Ordering::Relaxed);
            }
            Kind::Note => {
                self.queue.cut.fetch_add(1, Ordering::Relaxed);
            }
            // What was accepted has to come to its end, at worst without its values. This much goes beyond the budget: one header for
            // each open span.
            _ => {
                self.queue.cut.fetch_add(u64::from(!parts.is_empty()), Ordering::Relaxed);
                let taken = match &mut self.seat {
                    Seat::Desk(_) => append_to_desk(self.generation, header, &[]),
                    Seat::Drawer(writer) => append(writer, header, &[]),
                    Seat::Gone => false,
                };
                if !taken {
                    let mut writer = self.rotate(record::HEADER);
                    let taken = append(&mut writer, header, &[]);
                    self.seat = Seat::Drawer(writer);
                    return taken;
                }
                self.queue.waiting.fetch_sub(full, Ordering::AcqRel);
                return true;
            }
        }
        self.queue.waiting.fetch_sub(full, Ordering::AcqRel);
        false
    }

    /// Seals the chunk and begins another.
    fn rotate(&mut self, size: usize) -> Writer {
        let (writer, reader) = self.queue.chunk(size).split();
        // Sealed before the new one can be seen: the worker reads them in their order.
        self.seat = Seat::Gone;
        lock(&self.lane.readers).push_back(reader);
        writer
    }
}

fn append(writer: &mut Writer, header: &Header, parts: &[u8]) -> bool {
    match header.kind {
        Kind::Start => writer.append(header.start_words(parts.len() as u32), parts),
        _ => writer.append(header.words(parts.len() as u32), parts),
    }
}

fn append_to_desk(generation: u32, header: &Header, parts: &[u8]) -> bool {
    match header.kind {
        Kind::Start => append_here(generation, header.start_words(parts.len() as u32), parts),
        _ => append_here(generation, header.words(parts.len() as u32), parts),
    }
}

/// Hands one record to the pipeline that is installed. `false` when there is none, or when it is full (counted).
pub(crate) fn push(header: &Header, parts: &[u8]) -> bool {
    let pushed = match header.kind {
        Kind::Start => push_start_fast(header, parts),
        _ => push_end_fast(header, parts),
    };
    pushed.unwrap_or_else(|| push_slowly(*header, parts))
}

/// What nearly always does for a START: `true`, or nothing. Then nothing has happened, and [`push`] knows more.
///
/// Whoever has to do more after it can leave the rest to a cold function and keep nothing over its call.
#[inline(always)]
pub(crate) fn push_start_fast(header: &Header, parts: &[u8]) -> Option<bool> {
    let state = global::unparked_generation()?;
    append_here(state, header.start_words(parts.len() as u32), parts).then_some(true)
}

/// As [`push_start_fast`], for anything but a START.
#[inline(always)]
pub(crate) fn push_end_fast(header: &Header, parts: &[u8]) -> Option<bool> {
    let state = global::unparked_generation()?;
    append_here(state, header.words(parts.len() as u32), parts).then_some(true)
}

/// The worker sleeps, the thread is new to the pipeline, its chunk is full, it is ending, records go to disk first, or nobody records any
/// more.
#[cold]
#[inline(never)]
fn push_slowly(header: Header, parts: &[u8]) -> bool {
    fork::restart_if_forked();
    let generation = global::generation();
    if generation == 0 {
        return false;
    }
    let size = record::HEADER + parts.len();
    let journaled = if global::is_journaled() { global::queue() } else { None };
    let journal = journaled.as_ref().and_then(|queue| queue.journal());
    if let Some(journal) = journal {
        journal.append(&header, parts);
    }
    let push = |local: &mut Local| local.push(&header, parts);
    let pushed = LOCAL.try_with(|local| {
        // Taken only while a record is written, which runs no code of others.
        let Ok(mut local) = local.try_borrow_mut() else { return false };
        if local.as_ref().is_none_or(|l| l.generation != generation) {
            *local = None;
            *local = Local::register(size);
        }
        local.as_mut().is_some_and(push)
    });
    // Without storage, because the thread is ending, the record goes through a lane of its own.
    let taken = pushed.unwrap_or_else(|_| Local::register(size).as_mut().is_some_and(push));
    if let (Some(journal), false, Kind::Start) = (journal, taken, header.kind) {
        journal.refused(header.span);
    }
    if taken
        && global::is_parked()
        && let Some(queue) = global::queue()
    {
        queue.wake();
    }
    taken
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of these locks; a poisoned one still holds valid data.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
