//! The spans and traces that are in memory: START, NOTE and END records joined by span id, in slots that are used again, so that a
//! span costs no allocation once the worker is warm.
//!
//! Invariant: a span stays until every destination has released it; a trace stays while it has spans or a destination keeps it.

mod ids;
mod span;
#[cfg(test)]
mod tests;
mod trace;

use std::time::Duration;

pub(crate) use self::ids::IdMap;
pub(crate) use self::span::Span;
pub(crate) use self::trace::Trace;

use self::trace::Remembered;
use super::record::{self, Kind, Record, StartFlags};
use super::redact::Redaction;
use crate::model::{Outcome, SpanId, TraceId};

/// The number of a slot.
pub(crate) type Key = u32;

/// Memory of empty buffers that is kept for the next spans.
const FREE_KEPT: usize = 2 * 1024 * 1024;

/// What a look at the hand-off changed, in the order in which it happened.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Spans that destinations hear of for the first time; parents come before their children.
    pub(crate) started: Vec<Key>,
    /// Spans whose START and END have both arrived now.
    pub(crate) ended: Vec<Key>,
    /// Spans that have to be announced because headers name them.
    pub(crate) propagated: Vec<Key>,
    /// Traces that something happened to, each once.
    pub(crate) traces: Vec<Key>,
    /// Spans that were accepted.
    pub(crate) accepted: u64,
}

/// All spans and traces in memory.
#[derive(Debug, Default)]
pub(crate) struct Store {
    spans: Vec<Span>,
    free_spans: Vec<Key>,
    /// Memory of the buffers of free slots.
    free_bytes: usize,
    traces: Vec<Trace>,
    free_traces: Vec<Key>,
    by_span: IdMap<Key>,
    by_trace: IdMap<Key>,
    remembered: Remembered,
    /// Destinations that need each span.
    holders: u8,
    /// Destinations that follow each trace to its completion.
    keepers: u8,
    /// Values are masked by their looks as they come in.
    redaction: Option<Redaction>,
    /// What comes in now has been here before.
    restoring: bool,
    /// Spans that left memory, for the journal.
    freed: Option<Vec<SpanId>>,
    bytes: usize,
    look: u32,
    /// Spans whose END or NOTE came first, or whose parent has not been heard of. Both are settled within one more look, because the
    /// other record was handed over before this one.
    unsettled: Vec<Key>,
    /// Traces that were shared before their first START was seen.
    shared_early: Vec<(TraceId, Kind, u32)>,
}

impl Store {
    /// A store for `holders` destinations, of which `keepers` complete traces.
    pub(crate) fn new(holders: u8, keepers: u8) -> Self {
        Self { holders, keepers, ..Self::default() }
    }

    /// The same store with the masking of secrets by their looks.
    pub(crate) fn redacting(mut self, redaction: Option<Redaction>) -> Self {
        self.redaction = redaction;
        self
    }

    /// The same store, which takes note of spans that leave memory.
    pub(crate) fn telling_what_is_freed(mut self) -> Self {
        self.freed = Some(Vec::new());
        self
    }

    /// Spans that left memory since the last call, if they are taken note of.
    pub(crate) fn freed(&mut self) -> Option<&mut Vec<SpanId>> {
        self.freed.as_mut()
    }

    /// What is masked as it comes in.
    pub(crate) fn redaction(&self) -> Option<&Redaction> {
        self.redaction.as_ref()
    }

    pub(crate) fn span(&self, key: Key) -> &Span {
        &self.spans[key as usize]
    }

    pub(crate) fn trace(&self, key: Key) -> &Trace {
        &self.traces[key as usize]
    }

    pub(crate) fn find_span(&self, id: SpanId) -> Option<Key> {
        self.by_span.get(id.to_bytes()).copied()
    }

    /// Bytes held by spans in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Spans in memory, those included of which only a part has arrived.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.by_span.len()
    }

    /// Whether another look is needed to understand what has arrived.
    pub(crate) fn is_unsettled(&self) -> bool {
        !self.unsettled.is_empty()
    }

    /// Takes in one record. `drift` is added to the time of a START to make it the wall clock's.
    pub(crate) fn take(&mut self, record: &Record<'_>, drift: i64, now: Duration, changes: &mut Changes) {
        let header = &record.header;
        match header.kind {
            Kind::Start => self.start(record, drift, now, changes),
            Kind::End => {
                let key = self.append(header.span, record.parts.0);
                let span = &mut self.spans[key as usize];
                span.retype(record.retyped());
                if span.end(record.outcome(), header.time) && span.is_started() {
                    self.ended(key, now, changes);
                }
            }
            Kind::Note => {
                let key = self.append(header.span, record.parts.0);
                self.spans[key as usize].heed_errors(record.parts.clone());
            }
            Kind::Propagated => {
                self.share(header.trace, header.kind, now, changes);
                let key = self.append(header.span, &[]);
                self.spans[key as usize].propagated = true;
                if self.spans[key as usize].settled {
                    changes.propagated.push(key);
                }
            }
            Kind::Hold | Kind::Release => self.share(header.trace, header.kind, now, changes),
        }
    }

    /// Takes in a span that comes back from the spool, for one destination alone. Its parent is not waited for.
    pub(crate) fn restore(&mut self, mut bytes: &[u8], now: Duration, changes: &mut Changes) {
        let (holders, redaction) = (std::mem::replace(&mut self.holders, 1), self.redaction.take());
        self.restoring = true;
        let mut key = None;
        while let Some((record, rest)) = record::decode(bytes) {
            match (record.header.kind, key) {
                (Kind::Start, None) => {
                    let id = record.header.span;
                    // Another destination may still hold the span itself: then this is a copy that nobody looks up.
                    let slot = if self.find_span(id).is_some() { self.new_slot(id) } else { self.span_slot(id) };
                    self.begin(slot, &record, 0, now, changes);
                    key = Some(slot);
                }
                (Kind::End, Some(key)) => {
                    let span = &mut self.spans[key as usize];
                    span.append(record.parts.0);
                    self.bytes += record.parts.0.len();
                    span.heed_errors(record.parts.clone());
                    if span.end(record.outcome(), record.header.time) {
                        self.ended(key, now, changes);
                    }
                }
                _ => {}
            }
            bytes = rest;
        }
        self.restoring = false;
        for &key in &changes.traces {
            // The rest of it may stand in the next file.
            self.traces[key as usize].propagated = true;
        }
        (self.holders, self.redaction) = (holders, redaction);
        for &key in &changes.traces {
            self.traces[key as usize].listed = false;
        }
    }

    fn start(&mut self, record: &Record<'_>, drift: i64, now: Duration, changes: &mut Changes) {
        let header = &record.header;
        let key = self.span_slot(header.span);
        if self.spans[key as usize].is_started() {
            // An id that is used twice can only be damage; the first span keeps it.
            return;
        }
        self.begin(key, record, drift, now, changes);
    }

    fn begin(&mut self, key: Key, record: &Record<'_>, drift: i64, now: Duration, changes: &mut Changes) {
        let header = &record.header;
        let trace = self.trace_slot(header.trace, header.flags);
        let span = &mut self.spans[key as usize];
        let known = span.holders > 0;
        let before = span.bytes();
        span.begin(record, trace, drift);
        if let Some(redaction) = &self.redaction {
            span.mask_last(record.parts.0.len(), redaction);
        }
        span.holders += self.holders;
        self.bytes += span.bytes() - before;
        let ended = span.is_ended();
        let entry = &mut self.traces[trace as usize];
        entry.spans += 1;
        entry.open += 1;
        if entry.root.is_none() && header.flags.has(StartFlags::ENTRY) {
            entry.root = Some(key);
        }
        changes.accepted += 1;
        touch(entry, trace, now, changes);
        if known {
            // It waits in `unsettled` because its END or a NOTE came first; `settle` tells of it.
        } else if self.parent_is_settled(key) {
            self.spans[key as usize].settled = true;
            changes.started.push(key);
        } else {
            self.wait(key);
        }
        if ended {
            self.ended(key, now, changes);
        }
    }

    fn ended(&mut self, key: Key, now: Duration, changes: &mut Changes) {
        let trace = self.spans[key as usize].trace;
        let entry = &mut self.traces[trace as usize];
        entry.open = entry.open.saturating_sub(1);
        touch(entry, trace, now, changes);
        changes.ended.push(key);
    }

    /// Ends every span that is open, as cancelled.
    pub(crate) fn end_all(&mut self, time: u64, now: Duration, changes: &mut Changes) {
        for key in 0..self.spans.len() as Key {
            let span = &mut self.spans[key as usize];
            if span.is_started() && span.end(Outcome::Cancelled, time) {
                self.ended(key, now, changes);
            }
        }
    }

    /// Ends a look: whatever waits for another record has either got it or never will.
    pub(crate) fn settle(&mut self, changes: &mut Changes) {
        let mut waiting = std::mem::take(&mut self.unsettled);
        // A child may wait in front of its parent, so go over them until nothing moves; only then are those told of whose parent
        // will not come, and again their children after them.
        for force in [Force::No, Force::Orphans, Force::All] {
            loop {
                let before = waiting.len();
                waiting.retain(|&key| !self.settle_one(key, force, changes));
                if waiting.len() == before {
                    break;
                }
            }
        }
        self.unsettled = waiting;
        self.look = self.look.wrapping_add(1);
        let look = self.look;
        self.shared_early.retain(|(_, _, seen)| look.wrapping_sub(*seen) <= 1);
        for &key in &changes.traces {
            self.traces[key as usize].listed = false;
        }
    }

    /// Whether the span needs to wait no longer.
    fn settle_one(&mut self, key: Key, force: Force, changes: &mut Changes) -> bool {
        let span = &self.spans[key as usize];
        let waited = self.look.wrapping_sub(span.look) >= 1;
        if !span.is_started() {
            // The START of this END belongs to a pipeline that is gone, or was refused and counted where it was.
            if waited {
                self.release_span(key);
            }
            return waited;
        }
        let forced = waited
            && match force {
                Force::No => false,
                Force::Orphans => self.find_span(span.parent).is_none(),
                // Two spans that name each other as parent.
                Force::All => true,
            };
        if !forced && !self.parent_is_settled(key) {
            return false;
        }
        self.spans[key as usize].settled = true;
        changes.started.push(key);
        self.release_span(key);
        true
    }

    /// Whether destinations know the parent, or nothing more can be learned about it by waiting.
    fn parent_is_settled(&self, key: Key) -> bool {
        let span = &self.spans[key as usize];
        self.restoring
            || span.parent.is_none()
            || span.flags.has(StartFlags::ENTRY)
            || self.find_span(span.parent).is_some_and(|parent| self.spans[parent as usize].settled)
            || self.traces[span.trace as usize].late
    }

    /// Keeps a span until the end of the next look; waiting counts as one more holder.
    fn wait(&mut self, key: Key) {
        let span = &mut self.spans[key as usize];
        span.look = self.look;
        span.holders += 1;
        self.unsettled.push(key);
    }

    /// Adds values to a span, which may not have started yet as far as is known here.
    fn append(&mut self, id: SpanId, parts: &[u8]) -> Key {
        let key = self.span_slot(id);
        let span = &mut self.spans[key as usize];
        span.append(parts);
        if let Some(redaction) = &self.redaction {
            span.mask_last(parts.len(), redaction);
        }
        self.bytes += parts.len();
        if span.holders == 0 {
            self.wait(key);
        }
        key
    }

    fn share(&mut self, id: TraceId, kind: Kind, now: Duration, changes: &mut Changes) {
        let Some(&key) = self.by_trace.get(id.to_bytes()) else {
            self.shared_early.push((id, kind, self.look));
            return;
        };
        let trace = &mut self.traces[key as usize];
        share(trace, kind);
        touch(trace, key, now, changes);
    }

    fn span_slot(&mut self, id: SpanId) -> Key {
        if let Some(key) = self.find_span(id) {
            return key;
        }
        let key = self.new_slot(id);
        self.by_span.insert(id.to_bytes(), key);
        key
    }

    fn new_slot(&mut self, id: SpanId) -> Key {
        let key = match self.free_spans.pop() {
            Some(key) => {
                self.free_bytes = self.free_bytes.saturating_sub(self.spans[key as usize].buffer_capacity());
                key
            }
            None => {
                self.spans.push(Span::new());
                (self.spans.len() - 1) as Key
            }
        };
        let span = &mut self.spans[key as usize];
        span.id = id;
        self.bytes += span.bytes();
        key
    }

    fn trace_slot(&mut self, id: TraceId, flags: StartFlags) -> Key {
        if let Some(&key) = self.by_trace.get(id.to_bytes()) {
            return key;
        }
        let mut trace = Trace::new(id, flags, self.keepers);
        if let Some(former) = self.remembered.get(id) {
            trace.late = true;
            trace.flags = former;
        }
        self.shared_early.retain(|(early, kind, _)| {
            if *early == id {
                share(&mut trace, *kind);
            }
            *early != id
        });
        let key = match self.free_traces.pop() {
            Some(key) => {
                self.traces[key as usize] = trace;
                key
            }
            None => {
                self.traces.push(trace);
                (self.traces.len() - 1) as Key
            }
        };
        self.by_trace.insert(id.to_bytes(), key);
        key
    }

    /// A destination, or the wait for another record, is done with a span.
    pub(crate) fn release_span(&mut self, key: Key) {
        let span = &mut self.spans[key as usize];
        span.holders = span.holders.saturating_sub(1);
        if span.holders > 0 {
            return;
        }
        if self.by_span.get(span.id.to_bytes()) == Some(&key) {
            self.by_span.remove(span.id.to_bytes());
        }
        if let Some(freed) = &mut self.freed
            && !span.flags.has(StartFlags::SPOOLED)
        {
            freed.push(span.id);
        }
        self.bytes = self.bytes.saturating_sub(span.bytes());
        let (started, trace) = (span.is_started(), span.trace);
        let kept = span.reset();
        if self.free_bytes + kept <= FREE_KEPT {
            self.free_bytes += kept;
        } else {
            span.drop_buffer();
        }
        self.free_spans.push(key);
        if started {
            let entry = &mut self.traces[trace as usize];
            entry.spans = entry.spans.saturating_sub(1);
            if entry.root == Some(key) {
                entry.root = None;
            }
            self.forget_trace_if_over(trace);
        }
    }

    /// A destination is done with a trace; `delivered` says that what comes later is late, and not the rest of it.
    pub(crate) fn release_trace(&mut self, key: Key, delivered: bool) {
        let trace = &mut self.traces[key as usize];
        trace.keepers = trace.keepers.saturating_sub(1);
        // A span of it may have arrived that nobody has been told of yet; the trace was over all the same.
        trace.late |= delivered;
        trace.unfinished = !delivered;
        self.forget_trace_if_over(key);
    }

    fn forget_trace_if_over(&mut self, key: Key) {
        let trace = &self.traces[key as usize];
        if trace.spans > 0 || trace.keepers > 0 || trace.listed {
            return;
        }
        let (id, flags, unfinished) = (trace.id, trace.flags, trace.unfinished);
        if self.by_trace.remove(id.to_bytes()).is_some() {
            if !unfinished {
                self.remembered.add(id, flags);
            }
            self.free_traces.push(key);
        }
    }
}

/// Which spans are told of although their parent has not been.
#[derive(Clone, Copy)]
enum Force {
    No,
    Orphans,
    All,
}

fn share(trace: &mut Trace, kind: Kind) {
    match kind {
        Kind::Propagated => trace.propagated = true,
        Kind::Hold => trace.holds += 1,
        Kind::Release => trace.holds = trace.holds.saturating_sub(1),
        Kind::Start | Kind::End | Kind::Note => {}
    }
}

fn touch(trace: &mut Trace, key: Key, now: Duration, changes: &mut Changes) {
    trace.active_at = now;
    if !trace.listed {
        trace.listed = true;
        changes.traces.push(key);
    }
}

impl Changes {
    /// Whether there is nothing to tell.
    pub(crate) fn is_empty(&self) -> bool {
        self.started.is_empty() && self.ended.is_empty() && self.propagated.is_empty() && self.traces.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.started.clear();
        self.ended.clear();
        self.propagated.clear();
        self.traces.clear();
        self.accepted = 0;
    }
}
