//! One span in memory.

use super::Key;
use crate::model::part::PartIter;
use crate::model::{Field, Outcome, Part, Parts, SpanId, SpanType, TraceId};
use crate::pipeline::callsite;
use crate::pipeline::record::{Header, Kind, Record, StartFlags};
use crate::pipeline::redact::Redaction;
use crate::pipeline::spool::Label;

/// What a span costs beside its captured values: its slot here, a destination's node, and both in a map by id.
const OVERHEAD: usize = 400;
/// A buffer that grew past this for one large span is given back to the allocator.
const BUFFER_KEPT: usize = 16 * 1024;

/// The key of [`Label::place`] among the values of a record.
const PLACE: &str = "spool.place";

/// One span in memory: whatever of it has arrived.
#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) id: SpanId,
    pub(crate) trace_id: TraceId,
    pub(crate) trace: Key,
    /// The parent that the program meant; `NONE` directly under the trace.
    pub(crate) parent: SpanId,
    pub(crate) span_type: SpanType,
    pub(crate) flags: StartFlags,
    /// Unix time in nanoseconds by the wall clock.
    pub(crate) started_at: u64,
    pub(crate) outcome: Option<Outcome>,
    /// Headers that name the span were made.
    pub(crate) propagated: bool,
    /// Destinations have been told of it, or will be in this look.
    pub(super) settled: bool,
    pub(super) look: u32,
    pub(super) holders: u8,
    started: bool,
    /// The program recorded an error in it, whatever it returns.
    failed: bool,
    last_type: Option<SpanType>,
    callsite: u32,
    clock_start: u64,
    clock_end: u64,
    /// Captured values in the order of arrival.
    buffer: Vec<u8>,
    /// Where in `buffer` the START's own values are.
    start: (u32, u32),
}

impl Span {
    pub(super) fn new() -> Self {
        Self {
            id: SpanId::NONE,
            trace_id: TraceId::NONE,
            trace: 0,
            parent: SpanId::NONE,
            span_type: SpanType::Workflow,
            flags: StartFlags(0),
            started_at: 0,
            outcome: None,
            propagated: false,
            settled: false,
            look: 0,
            holders: 0,
            started: false,
            failed: false,
            last_type: None,
            callsite: 0,
            clock_start: 0,
            clock_end: 0,
            buffer: Vec::new(),
            start: (0, 0),
        }
    }

    /// A slot for the span with this id, outside of any store.
    #[cfg(feature = "testing")]
    pub(in crate::pipeline) fn of(id: SpanId) -> Self {
        Self { id, ..Self::new() }
    }

    /// Empties the slot for the next span; the buffer stays unless it is large. Returns the bytes that stay allocated.
    pub(super) fn reset(&mut self) -> usize {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        if buffer.capacity() > BUFFER_KEPT {
            buffer = Vec::new();
        }
        let kept = buffer.capacity();
        *self = Self { buffer, ..Self::new() };
        kept
    }

    pub(super) fn drop_buffer(&mut self) -> usize {
        std::mem::take(&mut self.buffer).capacity()
    }

    pub(super) fn buffer_capacity(&self) -> usize {
        self.buffer.capacity()
    }

    pub(in crate::pipeline) fn begin(&mut self, record: &Record<'_>, trace: Key, drift: i64) {
        let header = &record.header;
        self.trace_id = header.trace;
        self.trace = trace;
        self.parent = header.parent;
        self.span_type = self.last_type.unwrap_or(record.span_type());
        self.flags = header.flags;
        self.callsite = header.callsite;
        self.clock_start = header.time;
        self.started_at = header.time.saturating_add_signed(drift);
        self.started = true;
        let from = self.buffer.len();
        self.buffer.extend_from_slice(record.parts.0);
        self.start = (from as u32, self.buffer.len() as u32);
    }

    /// Notes what the end says that the span is, if it says so; its START may come later.
    pub(in crate::pipeline) fn retype(&mut self, span_type: Option<SpanType>) {
        if let Some(span_type) = span_type {
            (self.span_type, self.last_type) = (span_type, Some(span_type));
        }
    }

    /// Notes the end; `false` when it had ended before.
    pub(in crate::pipeline) fn end(&mut self, outcome: Outcome, time: u64) -> bool {
        if self.outcome.is_some() {
            return false;
        }
        self.outcome = Some(if self.failed && outcome == Outcome::Ok { Outcome::Error } else { outcome });
        self.clock_end = time;
        true
    }

    /// Looks for an error among values that were added to the span: it fails the span also when that returns a value, and also when the
    /// span has ended in what arrived before.
    pub(in crate::pipeline) fn heed_errors(&mut self, mut added: PartIter<'_>) {
        if added.any(|part| part.field == Field::Error) {
            self.failed = true;
            if self.outcome == Some(Outcome::Ok) {
                self.outcome = Some(Outcome::Error);
            }
        }
    }

    /// Masks what looks like a secret in the values that came last.
    pub(in crate::pipeline) fn mask_last(&mut self, bytes: usize, redaction: &Redaction) {
        let from = self.buffer.len().saturating_sub(bytes);
        if let Some(last) = self.buffer.get_mut(from..) {
            redaction.mask(last);
        }
    }

    pub(in crate::pipeline) fn append(&mut self, parts: &[u8]) {
        self.buffer.extend_from_slice(parts);
    }

    /// Whether its START has been seen.
    pub(crate) fn is_started(&self) -> bool {
        self.started
    }

    /// Whether its END has been seen.
    pub(crate) fn is_ended(&self) -> bool {
        self.outcome.is_some()
    }

    /// Nanoseconds from start to end; 0 while it is open.
    pub(crate) fn duration(&self) -> u64 {
        self.clock_end.saturating_sub(self.clock_start)
    }

    /// The captured values: those of the START first, whenever they arrived.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Part<'_>> + Clone {
        self.start_parts().chain(self.later_parts())
    }

    /// The values of the START alone.
    pub(crate) fn start_parts(&self) -> PartIter<'_> {
        self.between(self.start.0, self.start.1)
    }

    /// The values that came after the START.
    pub(crate) fn later_parts(&self) -> impl Iterator<Item = Part<'_>> + Clone {
        let end = self.buffer.len() as u32;
        self.between(0, self.start.0).chain(self.between(self.start.1, end))
    }

    fn between(&self, from: u32, to: u32) -> PartIter<'_> {
        PartIter(self.buffer.get(from as usize..to as usize).unwrap_or_default())
    }

    /// When it started by the clock of this process, in nanoseconds.
    #[cfg(feature = "langsmith")]
    pub(crate) fn clock_started_at(&self) -> u64 {
        self.clock_start
    }

    /// The annotated function, or the type of a span that has none.
    #[cfg(feature = "otlp")]
    pub(crate) fn callsite(&self) -> Option<&'static crate::model::Callsite> {
        callsite::get(self.callsite)
    }

    /// The name: the last one that was given, else the callsite's.
    pub(crate) fn name(&self) -> &str {
        match self.parts().filter(|part| part.field == Field::Name).last() {
            Some(part) => part.text(),
            None => callsite::get(self.callsite).map_or("", |site| site.name),
        }
    }

    /// Appends the span as two records that stand for themselves in any process: the name and `facts` travel as values, the times are
    /// the wall clock's.
    pub(crate) fn write_records(&self, out: &mut Vec<u8>, label: &Label, facts: &[(&str, &str)]) {
        let mut parts = Vec::new();
        let mut writer = Parts::new(&mut parts);
        if self.start_parts().all(|part| part.field != Field::Name) {
            writer.text(Field::Name, "", callsite::get(self.callsite).map_or("", |site| site.name));
        }
        for (key, value) in facts {
            if self.parts().all(|part| part.field != Field::Metadata || part.key != *key) {
                writer.text(Field::Metadata, key, value);
            }
        }
        if let Some(place) = &label.place {
            writer.text(Field::Origin, PLACE, place);
        }
        writer.append(self.start_parts().0);
        let header = Header {
            kind: Kind::Start,
            detail: self.span_type as u8,
            flags: StartFlags(self.flags.0 | label.flags),
            callsite: 0,
            trace: self.trace_id,
            span: self.id,
            parent: self.parent,
            time: label.began.unwrap_or(self.started_at),
        };
        header.encode_into(parts.len() as u32, out);
        out.extend_from_slice(&parts);
        let end = self.buffer.len() as u32;
        let (before, after) = (self.between(0, self.start.0).0, self.between(self.start.1, end).0);
        let outcome = self.outcome.unwrap_or(Outcome::Cancelled);
        let time = header.time.saturating_add(self.duration());
        let header = Header { kind: Kind::End, detail: outcome as u8, flags: StartFlags(0), time, ..header };
        header.encode_into((before.len() + after.len()) as u32, out);
        out.extend_from_slice(before);
        out.extend_from_slice(after);
    }

    /// Where it stood in the words of its destination, when it went to the disk.
    #[cfg(feature = "langsmith")]
    pub(crate) fn place(&self) -> Option<&str> {
        self.start_parts().find(|part| part.field == Field::Origin && part.key == PLACE).map(|part| part.text())
    }

    /// Memory that it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.buffer.len() + OVERHEAD
    }
}
