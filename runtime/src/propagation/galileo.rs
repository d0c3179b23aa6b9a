//! Galileo's own headers: `X-Galileo-Trace-ID` and `X-Galileo-Parent-ID`.

use super::carrier::{Carrier, CarrierMut, Lines, trim_ows};
use super::counter::{Header, Reason};
use super::{OutgoingContext, Propagator, RemoteContext};
use crate::model::{SpanId, TraceId};

/// The header that names the trace.
pub const TRACE_ID: &str = "X-Galileo-Trace-ID";
/// The header that names the caller's span, or the trace again when no span is open there.
pub const PARENT_ID: &str = "X-Galileo-Parent-ID";

/// A UUID has 36 characters, 38 in braces and 45 with the `urn:uuid:` prefix.
const LIMIT: usize = 128;

/// What a Galileo-speaking caller told us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GalileoContext {
    /// The trace of the whole request.
    pub trace_id: TraceId,
    /// The caller's span; `None` attaches to the trace itself.
    pub parent_id: Option<SpanId>,
}

impl GalileoContext {
    /// The value of `X-Galileo-Parent-ID`.
    #[must_use]
    pub fn parent_header(&self) -> String {
        match self.parent_id {
            Some(parent) => parent.to_string(),
            None => self.trace_id.to_string(),
        }
    }
}

/// Reads and writes the two Galileo headers.
///
/// Any spelling of a version 4 UUID is read (capitals, braces, no hyphens) and the usual one written. A trace without a
/// readable parent attaches to the trace, as in the reference SDK; a parent without a readable trace is "no parent".
#[derive(Debug, Clone, Copy, Default)]
pub struct GalileoPropagator;

impl Propagator for GalileoPropagator {
    fn fields(&self) -> &'static [&'static str] {
        &[TRACE_ID, PARENT_ID]
    }

    fn extract(&self, carrier: &dyn Carrier, remote: &mut RemoteContext) {
        let trace_id = read(carrier, Header::GalileoTrace, remote, TraceId::parse);
        let parent_id = read(carrier, Header::GalileoParent, remote, SpanId::parse);
        match (trace_id, parent_id) {
            (Some(trace_id), parent_id) => {
                let parent_id = parent_id.filter(|parent| parent.to_bytes() != trace_id.to_bytes());
                remote.galileo = Some(GalileoContext { trace_id, parent_id });
            }
            (None, Some(_)) => remote.reject(Header::GalileoParent, Reason::Partial),
            (None, None) => {}
        }
    }

    fn inject(&self, outgoing: &OutgoingContext, carrier: &mut dyn CarrierMut) {
        if let Some(galileo) = &outgoing.galileo {
            carrier.set(TRACE_ID, &galileo.trace_id.to_string());
            carrier.set(PARENT_ID, &galileo.parent_header());
        }
    }
}

fn read<T>(
    carrier: &dyn Carrier,
    header: Header,
    remote: &mut RemoteContext,
    parse: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let reason = match Lines::collect(carrier, header.name(), LIMIT) {
        Err(_) => Reason::Oversized,
        Ok(lines) if lines.count == 0 => return None,
        Ok(lines) if lines.count > 1 => Reason::Duplicate,
        Ok(lines) => match std::str::from_utf8(trim_ows(&lines.text)).ok().and_then(parse) {
            Some(id) => return Some(id),
            None => Reason::Malformed,
        },
    };
    remote.reject(header, reason);
    None
}
