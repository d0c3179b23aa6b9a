//! Which run lies under which: the dotted order of every span, from its start on.

use crate::export::recent::Recent;
use crate::model::{SpanId, TraceId};
use crate::pipeline::exporter::SpanRecord;
use crate::propagation::DottedOrder;

/// Spans whose place is remembered; children of older ones are put directly under their trace.
const REMEMBERED: usize = 65_536;

/// The places of spans and of traces.
#[derive(Debug)]
pub(super) struct Orders {
    spans: Recent<SpanId, DottedOrder>,
    /// The run that stands for the trace.
    traces: Recent<TraceId, DottedOrder>,
}

impl Default for Orders {
    fn default() -> Self {
        Self { spans: Recent::new(REMEMBERED), traces: Recent::new(REMEMBERED) }
    }
}

/// What came in with the first span of a trace.
#[derive(Clone, Debug, Default)]
pub(super) struct Received<'a> {
    pub(super) dotted_order: Option<&'a str>,
}

impl Orders {
    /// Takes note of a span that has started; its parent was noted before.
    pub(super) fn note(&mut self, record: &SpanRecord<'_>, received: &Received<'_>) {
        let order = self.place(record, received);
        if record.is_trace() {
            self.traces.put(record.trace_id(), order.clone());
        }
        self.spans.put(record.span_id(), order);
    }

    fn place(&mut self, record: &SpanRecord<'_>, received: &Received<'_>) -> DottedOrder {
        if let Some(place) = record.place().and_then(|text| DottedOrder::parse(text.as_bytes())) {
            return place;
        }
        let (micros, trace) = (record.clock_started_at() / 1_000, record.trace_id());
        if record.is_trace() {
            return DottedOrder::root(micros, trace.to_bytes());
        }
        let received = received.dotted_order.and_then(|text| DottedOrder::parse(text.as_bytes()));
        let above = match (record.parent_id().and_then(|parent| self.spans.get(&parent)), received) {
            (_, Some(received)) => received,
            (Some(parent), None) => parent.clone(),
            (None, None) => match self.traces.get(&trace) {
                Some(root) => root.clone(),
                None => {
                    let root = DottedOrder::root(micros, trace.to_bytes());
                    self.traces.put(trace, root.clone());
                    root
                }
            },
        };
        above.child(micros, record.span_id().to_bytes())
    }

    /// The place of a span; directly under its trace where nothing is remembered.
    pub(super) fn of(&self, record: &SpanRecord<'_>) -> DottedOrder {
        let micros = record.clock_started_at() / 1_000;
        self.spans.get(&record.span_id()).cloned().unwrap_or_else(|| {
            DottedOrder::root(micros, record.trace_id().to_bytes()).child(micros, record.span_id().to_bytes())
        })
    }
}
