//! What the store takes: deliveries of spans and traces, whatever protocol they came by.

use super::merge::Record;
use super::row::SpanKey;
use crate::model::{Id, Sources};

/// Where a span or trace was sent: numbers of a project and one of its log streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) project_no: i64,
    pub(crate) stream_no: i64,
}

/// One delivery of a span.
#[derive(Clone, Debug)]
pub(crate) struct SpanPart {
    pub(crate) trace_id: Id,
    pub(crate) key: SpanKey,
    pub(crate) record: Record,
    pub(crate) ended: bool,
    pub(crate) place: Place,
    pub(crate) sources: Sources,
    pub(crate) seen_ns: i64,
}

/// An update of a span whose trace the sender does not name.
#[derive(Clone, Debug)]
pub(crate) struct SpanUpdate {
    pub(crate) key: SpanKey,
    pub(crate) record: Record,
    pub(crate) ended: bool,
    pub(crate) sources: Sources,
}

/// One delivery of a trace itself.
#[derive(Clone, Debug)]
pub(crate) struct TracePart {
    pub(crate) trace_id: Id,
    pub(crate) record: Record,
    pub(crate) complete: bool,
    pub(crate) place: Place,
    /// Whether it makes the trace known, as a create does and an update does not.
    pub(crate) create: bool,
    pub(crate) seen_ns: i64,
}

/// Something to store.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Span(SpanPart),
    Update(SpanUpdate),
    Trace(TracePart),
}

impl Part {
    /// Moves it to another place.
    pub(crate) fn set_place(&mut self, place: Place) {
        match self {
            Part::Span(part) => part.place = place,
            Part::Trace(part) => part.place = place,
            Part::Update(_) => {}
        }
    }
}
