//! The thread's current context: what every span reads and writes.

#[cfg(any(feature = "opentelemetry", feature = "tracing"))]
use super::neighbour;
use super::rare::{Rare, Remote, RemoteKind};
use crate::model::{SpanId, SpanType, TraceId, clock};
use crate::pipeline::record::{Header, Kind, StartFlags};
use crate::pipeline::{global, queue};
use std::cell::{Cell, RefCell};
use std::sync::Arc;

/// Ids and flags of the current span, copied whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Active {
    pub(crate) trace: TraceId,
    /// The current span; `NONE` directly under a trace.
    pub(crate) span: SpanId,
    /// The current span, or the nearest ancestor that may have children on the Galileo wire: what headers name.
    pub(crate) anchor: SpanId,
    pub(crate) flags: u8,
}

impl Default for Active {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// The span or trace came in by headers; no local span is open yet.
const REMOTE: u8 = 1;
/// The trace is not sampled: its spans keep their ids for headers and record nothing.
const UNSAMPLED: u8 = 2;
/// There are rare values beside these.
const RARE: u8 = 64;
/// The Galileo trace belongs to another process.
const REMOTE_TRACE: u8 = StartFlags::REMOTE_TRACE;
/// Only foreign headers came in; this process creates the Galileo trace.
const FOREIGN_TRACE: u8 = StartFlags::FOREIGN_TRACE;
/// The current span is a call of a language model.
const LLM: u8 = 16;
/// The rare values were changed inside the current span; they are put back when it ends.
const CHANGED: u8 = 32;

impl Active {
    pub(crate) const EMPTY: Self = Self { trace: TraceId::NONE, span: SpanId::NONE, anchor: SpanId::NONE, flags: 0 };

    pub(crate) fn remote(remote: &Remote) -> Self {
        let (parent, flags) = match remote.kind {
            RemoteKind::Galileo { parent } => (parent, REMOTE | REMOTE_TRACE),
            RemoteKind::Foreign => (SpanId::NONE, REMOTE | FOREIGN_TRACE),
        };
        let unsampled = if remote.sampled || !global::follows_callers() { 0 } else { UNSAMPLED };
        Self { trace: remote.trace, span: parent, anchor: parent, flags: flags | unsampled }
    }

    pub(crate) fn with_rare(mut self, rare: bool) -> Self {
        self.flags = self.flags & !RARE | if rare { RARE } else { 0 };
        self
    }

    #[inline]
    pub(crate) fn has_rare(&self) -> bool {
        self.flags & RARE != 0
    }

    /// Whether spans below this context are recorded.
    #[inline]
    pub(crate) fn is_recorded(&self) -> bool {
        self.flags & UNSAMPLED == 0
    }

    /// The same ids in a scope of its own: changes of rare values outside are not undone inside.
    #[inline]
    pub(crate) fn scoped(mut self) -> Self {
        self.flags &= !CHANGED;
        self
    }

    /// Whether rare values were changed since the current span began.
    #[inline]
    pub(crate) fn is_changed(&self) -> bool {
        self.flags & CHANGED != 0
    }

    /// Whether the current span is a call of a language model.
    pub(crate) fn is_llm(&self) -> bool {
        self.flags & LLM != 0 && self.is_local()
    }

    /// Whether a span opened here is the first of this process in its trace.
    #[inline]
    pub(crate) fn is_entry(&self) -> bool {
        self.trace.is_none() || self.flags & REMOTE != 0
    }

    /// Whether a recorded span of this process is open, which headers may name.
    pub(crate) fn is_local(&self) -> bool {
        !self.is_entry() && self.is_recorded()
    }

    /// Whether this is what it nearly always is: inside a recorded span of this process, without rare values.
    #[inline(always)]
    pub(crate) fn is_plain(&self) -> bool {
        self.flags & (UNSAMPLED | REMOTE | RARE) == 0 && !self.trace.is_none()
    }

    /// Where a span of this type that opens here stands. Nothing is made yet but the id of a trace that it begins.
    #[inline]
    pub(crate) fn place(&self, span_type: SpanType) -> Place {
        let flags = self.flags & !(REMOTE | CHANGED | LLM);
        if self.is_entry() {
            return first_place(self.trace, self.flags, flags, span_type);
        }
        // Both sets carry these two at the same places.
        let start = flags & (StartFlags::REMOTE_TRACE | StartFlags::FOREIGN_TRACE);
        Place { trace: self.trace, flags, start: StartFlags(start) }
    }

    /// As [`place`](Self::place), where the context [is plain](Self::is_plain).
    #[inline(always)]
    pub(crate) fn plain_place(&self) -> Place {
        let start = self.flags & (StartFlags::REMOTE_TRACE | StartFlags::FOREIGN_TRACE);
        Place { trace: self.trace, flags: self.flags & !(CHANGED | LLM), start: StartFlags(start) }
    }

    /// The context inside a span that has opened at `place` under this one.
    #[inline(always)]
    pub(crate) fn child(&self, place: Place, span: SpanId, span_type: SpanType) -> Self {
        let Place { trace, mut flags, .. } = place;
        let mut anchor = span;
        if !span_type.may_have_children() {
            flags |= if span_type == SpanType::Llm { LLM } else { 0 };
            anchor = self.anchor;
        }
        Self { trace, span, anchor, flags }
    }
}

/// As [`Active::place`], for the first span of this process in its trace.
#[inline(never)]
fn first_place(mut trace: TraceId, outside: u8, mut flags: u8, span_type: SpanType) -> Place {
    let mut start = StartFlags::ENTRY | flags & (StartFlags::REMOTE_TRACE | StartFlags::FOREIGN_TRACE);
    if trace.is_none() {
        trace = TraceId::random();
        start |= StartFlags::ROOT;
    }
    #[cfg(feature = "testing")]
    crate::pipeline::watch::begins(trace);
    // A caller that records was asked when its headers were read, where its decision counts.
    let decided = outside & REMOTE != 0 && global::follows_callers();
    if !decided && !global::samples(trace, span_type) {
        flags |= UNSAMPLED;
    }
    Place { trace, flags, start: StartFlags(start) }
}

/// Where a span that is about to open stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) trace: TraceId,
    pub(crate) start: StartFlags,
    /// Those of the context inside.
    flags: u8,
}

impl Place {
    /// Whether the span will be recorded.
    #[inline]
    pub(crate) fn is_recorded(&self) -> bool {
        self.flags & UNSAMPLED == 0
    }
}

/// The thread's context as one value.
pub(crate) type Slot = (Active, Option<Arc<Rare>>);

thread_local! {
    // Two cells, so that the hot one needs no destructor and its access no registration.
    static ACTIVE: Cell<Active> = const { Cell::new(Active::EMPTY) };
    static RARE_VALUES: RefCell<Option<Arc<Rare>>> = const { RefCell::new(None) };
}

/// Ids and flags of the thread's current span.
#[inline]
pub(crate) fn get() -> Active {
    #[cfg(any(feature = "opentelemetry", feature = "tracing"))]
    neighbour::arrive();
    ACTIVE.get()
}

/// As [`swap`], unseen by the neighbour: for itself.
#[cfg(feature = "opentelemetry")]
pub(crate) fn swap_unseen(new: Slot) -> Slot {
    swap_here(new)
}

/// As [`current`], without asking the neighbour: for itself.
#[cfg(feature = "opentelemetry")]
pub(crate) fn current_unseen() -> Slot {
    let active = ACTIVE.get();
    (active.scoped(), if active.has_rare() { rare() } else { None })
}

/// Replaces ids and flags; the rare values stay. For entering and leaving a span on one thread.
#[inline]
pub(crate) fn set(active: Active) {
    #[cfg(not(any(feature = "opentelemetry", feature = "tracing")))]
    ACTIVE.set(active);
    #[cfg(any(feature = "opentelemetry", feature = "tracing"))]
    replace(active);
}

/// Replaces ids and flags, and returns the former ones; the rare values stay.
#[inline]
pub(crate) fn replace(active: Active) -> Active {
    #[cfg(any(feature = "opentelemetry", feature = "tracing"))]
    neighbour::arrive();
    let old = ACTIVE.replace(active);
    #[cfg(any(feature = "opentelemetry", feature = "tracing"))]
    neighbour::moved(old, active);
    old
}

/// The thread's context, rare values included.
pub(crate) fn current() -> Slot {
    let active = get();
    (active.scoped(), if active.has_rare() { rare() } else { None })
}

/// The thread's rare values.
#[cold]
pub(crate) fn rare() -> Option<Arc<Rare>> {
    RARE_VALUES.try_with(|r| r.try_borrow().ok().and_then(|r| r.clone())).ok().flatten()
}

/// Shows the thread's rare values to `read`, without counting a reference.
#[cold]
pub(crate) fn read_rare(read: impl FnOnce(&Rare)) {
    let _ = RARE_VALUES.try_with(|cell| {
        if let Ok(Some(rare)) = cell.try_borrow().as_deref() {
            read(rare);
        }
    });
}

/// Changes the thread's rare values until the running span ends; outside any span, until they are changed again.
pub(crate) fn change_rare(change: impl FnOnce(&mut Rare)) {
    let mut active = get();
    let former = if active.has_rare() { rare() } else { None };
    let mut new = former.as_deref().cloned().unwrap_or_default();
    if !active.is_changed() {
        new.replaced = former;
    }
    change(&mut new);
    let new = (!new.is_empty()).then(|| Arc::new(new));
    active.flags |= CHANGED;
    swap((active.with_rare(new.is_some()), new));
}

/// Leaves the current span for `outer`, the ids and flags from before it.
#[inline]
pub(crate) fn leave(outer: Active) {
    if get().is_changed() {
        put_back(outer);
    }
    set(outer);
}

/// Undoes what [`change_rare`] did inside the span that ends.
#[cold]
fn put_back(outer: Active) {
    let replaced = rare().and_then(|r| r.replaced.clone());
    swap((outer, replaced));
}

/// Replaces the thread's context and returns the former one.
#[inline]
pub(crate) fn swap(new: Slot) -> Slot {
    #[cfg(any(feature = "opentelemetry", feature = "tracing"))]
    neighbour::arrive();
    #[cfg(any(feature = "opentelemetry", feature = "tracing"))]
    let active = new.0;
    let old = swap_here(new);
    #[cfg(any(feature = "opentelemetry", feature = "tracing"))]
    neighbour::moved(old.0, active);
    old
}

#[inline]
fn swap_here(new: Slot) -> Slot {
    let old = ACTIVE.replace(new.0);
    // Without rare values on either side the second cell holds `None` already.
    let rare = if old.has_rare() || new.0.has_rare() { swap_rare(new.1) } else { None };
    (old, rare)
}

/// Exchanges the thread's context with `other`, in place.
#[inline(always)]
pub(crate) fn exchange(other: &mut Slot) {
    let old = get();
    // Asked first, so that nothing has to be kept over a call.
    if (old.flags | other.0.flags) & RARE != 0 {
        return exchange_rare(other);
    }
    set(other.0);
    other.0 = old;
}

#[cold]
#[inline(never)]
fn exchange_rare(other: &mut Slot) {
    other.1 = swap_rare(other.1.take());
    other.0 = replace(other.0);
}

/// Replaces the thread's context with `outer`, from which the rare values are taken; the former context is dropped.
#[inline(always)]
pub(crate) fn restore(outer: &mut Slot) {
    if get().has_rare() || outer.0.has_rare() {
        drop(swap_rare(outer.1.take()));
    }
    set(outer.0);
}

#[inline(never)]
fn swap_rare(new: Option<Arc<Rare>>) -> Option<Arc<Rare>> {
    #[cfg(feature = "testing")]
    crate::pipeline::watch::follow(new.as_ref().and_then(|rare| rare.watch.as_ref()));
    RARE_VALUES
        .try_with(|cell| cell.try_borrow_mut().ok().map(|mut r| std::mem::replace(&mut *r, new)))
        .ok()
        .flatten()
        .flatten()
}

/// Hands a record without parts to the pipeline.
pub(crate) fn report(kind: Kind, trace: TraceId, span: SpanId) {
    let header = Header {
        kind,
        detail: 0,
        flags: StartFlags(0),
        callsite: 0,
        trace,
        span,
        parent: SpanId::NONE,
        time: clock::now(),
    };
    queue::push(&header, &[]);
}

/// Says that headers were made which name `active`: the worker announces the span at once.
pub(crate) fn report_propagated(active: Active) {
    // Directly under the trace there is no ancestor to announce; the span itself stands for its trace.
    let span = if active.anchor.is_none() { active.span } else { active.anchor };
    report(Kind::Propagated, active.trace, span);
    if let Some(queue) = crate::pipeline::global::queue() {
        queue.wake();
    }
}
