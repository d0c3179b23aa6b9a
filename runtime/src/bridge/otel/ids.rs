//! Ids that fit both systems.

use crate::model;
use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::IdGenerator;

/// Ids for OpenTelemetry that are also Galileo's: random but for the six bits by which a version 4 UUID is known.
///
/// With it a span has the same id everywhere. Without it Galileo's ids differ from OpenTelemetry's in those bits; spans are joined all the
/// same, and OTLP carries OpenTelemetry's own ids.
#[derive(Clone, Copy, Debug, Default)]
pub struct GalileoIdGenerator;

impl IdGenerator for GalileoIdGenerator {
    fn new_trace_id(&self) -> TraceId {
        TraceId::from_bytes(model::TraceId::random().to_bytes())
    }

    fn new_span_id(&self) -> SpanId {
        SpanId::from_bytes(model::SpanId::random().w3c())
    }
}
