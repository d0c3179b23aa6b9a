//! How a context crosses a process boundary: parsers and writers of every header that names a trace.
//!
//! This module knows ids and carriers and nothing of spans: [`Propagators::extract`] turns headers into a [`RemoteContext`],
//! [`Propagators::inject`] turns an [`OutgoingContext`] into headers, and both are plain data.
//!
//! # When several headers name a trace
//!
//! Every service resolves the same set of headers the same way:
//!
//! | question | first | else | else |
//! | --- | --- | --- | --- |
//! | trace and parent on Galileo's side | `X-Galileo-*` | `traceparent`, its 16 bytes made a version 4 UUID | `langsmith-trace`, the root run's id made a version 4 UUID |
//! | trace and parent on OpenTelemetry's side | `traceparent` | `X-Galileo-*` (16 bytes; last 8 bytes) | `langsmith-trace` (16 bytes; last 8 bytes) |
//! | runs on LangSmith's side | `langsmith-trace` | a root run with the trace's id | |
//! | sampled | yes, if `X-Galileo-*` is there: its sender recorded | the flag of `traceparent` | yes |
//!
//! So headers that disagree split the request in two traces, one for each kind of backend, and neither loses its spans.
//!
//! # What is refused
//!
//! A header that is malformed, comes twice, or is longer than its limit over all its lines is treated as absent and counted
//! in [`rejected_headers`]. Nothing here fails or panics on anything that a peer can send.

pub mod baggage;
mod carrier;
mod composite;
mod counter;
pub mod galileo;
mod installed;
pub mod langsmith;
mod percent;
pub mod trace_context;

#[cfg(test)]
mod tests;

pub use baggage::{Baggage, BaggagePropagator};
pub use carrier::{Carrier, CarrierMut, EnvCarrier};
pub use composite::{Propagators, UnknownPropagator};
pub use counter::{Header, Reason, RejectedHeaders, Rejection, rejected_headers};
pub use galileo::{GalileoContext, GalileoPropagator};
pub(crate) use installed::writes_langsmith;
pub use installed::{install, installed};
pub use langsmith::{DottedOrder, LangSmithContext, LangSmithPropagator};
pub use trace_context::{TraceContextPropagator, TraceFlags, TraceState, Traceparent, W3cContext};

use crate::model::{SpanId, TraceId};

/// One way of writing a context into headers.
pub trait Propagator: std::fmt::Debug + Send + Sync {
    /// The names that it reads and writes, as they are written.
    fn fields(&self) -> &'static [&'static str];

    /// Reads what it knows into `remote`. Whatever cannot be read is reported with [`RemoteContext::reject`].
    fn extract(&self, carrier: &dyn Carrier, remote: &mut RemoteContext);

    /// Writes what `outgoing` holds for it.
    fn inject(&self, outgoing: &OutgoingContext, carrier: &mut dyn CarrierMut);
}

/// Everything that came in with a request, each kind of header by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RemoteContext {
    /// `X-Galileo-Trace-ID` and `X-Galileo-Parent-ID`.
    pub galileo: Option<GalileoContext>,
    /// `traceparent` and `tracestate`.
    pub w3c: Option<W3cContext>,
    /// `langsmith-trace` and its part of `baggage`.
    pub langsmith: Option<LangSmithContext>,
    /// The members of `baggage`.
    pub baggage: Baggage,
    /// The headers that were refused.
    pub rejected: Vec<Rejection>,
}

/// Which span of the caller is the parent, in the most exact form that the headers gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RemoteParent {
    /// The trace itself: no span was open.
    Trace,
    /// A span of a service that speaks Galileo's protocol; it can be named as a parent there.
    Span(SpanId),
    /// A span of which only the W3C id is known.
    W3c([u8; 8]),
    /// A LangSmith run.
    Run([u8; 16]),
}

impl RemoteContext {
    /// Whether no header named a trace. Baggage may still have come in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.galileo.is_none() && self.w3c.is_none() && self.langsmith.is_none()
    }

    /// The trace on Galileo's side.
    #[must_use]
    pub fn trace_id(&self) -> Option<TraceId> {
        match (&self.galileo, &self.w3c, &self.langsmith) {
            (Some(galileo), _, _) => Some(galileo.trace_id),
            (None, Some(w3c), _) => Some(TraceId::from_w3c(w3c.traceparent.trace_id)),
            (None, None, Some(langsmith)) => Some(TraceId::from_w3c(langsmith.dotted_order.trace_id())),
            (None, None, None) => None,
        }
    }

    /// The parent on Galileo's side.
    #[must_use]
    pub fn parent(&self) -> Option<RemoteParent> {
        match (&self.galileo, &self.w3c, &self.langsmith) {
            (Some(galileo), _, _) => Some(galileo.parent_id.map_or(RemoteParent::Trace, RemoteParent::Span)),
            (None, Some(w3c), _) => Some(RemoteParent::W3c(w3c.traceparent.parent_id)),
            (None, None, Some(langsmith)) => Some(RemoteParent::Run(langsmith.dotted_order.run_id())),
            (None, None, None) => None,
        }
    }

    /// Whether this process has to create the trace on Galileo's side because no service before it has done so.
    #[must_use]
    pub fn creates_trace(&self) -> bool {
        self.galileo.is_none()
    }

    /// The trace on OpenTelemetry's side, which is also what goes on in `traceparent`.
    #[must_use]
    pub fn w3c_trace_id(&self) -> Option<[u8; 16]> {
        match (&self.w3c, &self.galileo, &self.langsmith) {
            (Some(w3c), _, _) => Some(w3c.traceparent.trace_id),
            (None, Some(galileo), _) => Some(galileo.trace_id.to_bytes()),
            (None, None, Some(langsmith)) => Some(langsmith.dotted_order.trace_id()),
            (None, None, None) => None,
        }
    }

    /// The parent on OpenTelemetry's side; `None` when there is none but the trace.
    #[must_use]
    pub fn w3c_parent_id(&self) -> Option<[u8; 8]> {
        match (&self.w3c, &self.galileo, &self.langsmith) {
            (Some(w3c), _, _) => Some(w3c.traceparent.parent_id),
            (None, Some(galileo), _) => galileo.parent_id.map(|parent| parent.w3c()),
            (None, None, Some(langsmith)) => langsmith.dotted_order.run_id().last_chunk().copied(),
            (None, None, None) => None,
        }
    }

    /// Whether the caller recorded the trace, as far as it said so.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        match (&self.galileo, &self.w3c) {
            (None, Some(w3c)) => w3c.traceparent.flags.is_sampled(),
            _ => true,
        }
    }

    /// Notes that a header was refused and counts it for the process.
    pub fn reject(&mut self, header: Header, reason: Reason) {
        let rejection = Rejection { header, reason };
        counter::count(rejection);
        self.rejected.push(rejection);
    }
}

/// Everything that goes out with a request, each kind of header by itself; absent parts are not written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutgoingContext {
    /// For `X-Galileo-Trace-ID` and `X-Galileo-Parent-ID`.
    pub galileo: Option<GalileoContext>,
    /// For `traceparent` and `tracestate`.
    pub w3c: Option<W3cContext>,
    /// For `langsmith-trace` and its part of `baggage`.
    pub langsmith: Option<LangSmithContext>,
    /// The application's own members of `baggage`.
    pub baggage: Baggage,
}
