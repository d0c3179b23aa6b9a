//! W3C Trace Context, level 2: `traceparent` and `tracestate`.

mod traceparent;
mod tracestate;

pub use traceparent::{TraceFlags, Traceparent};
pub use tracestate::TraceState;

use super::carrier::{Carrier, CarrierMut, Lines, trim_ows};
use super::counter::{Header, Reason};
use super::{OutgoingContext, Propagator, RemoteContext};

/// The header that names trace and parent.
pub const TRACEPARENT: &str = "traceparent";
/// The header with one entry per tracing system on the way.
pub const TRACESTATE: &str = "tracestate";

/// All lines of `traceparent` together, in bytes. A valid one of version 00 has 55.
const TRACEPARENT_LIMIT: usize = 512;
/// All lines of `tracestate` together, in bytes.
const TRACESTATE_LIMIT: usize = 8 * 1024;

/// What a W3C-speaking caller told us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct W3cContext {
    /// Trace, parent and flags.
    pub traceparent: Traceparent,
    /// The caller's list of other systems' entries, passed on untouched.
    pub tracestate: TraceState,
}

/// Reads and writes `traceparent` and `tracestate`.
#[derive(Debug, Clone, Copy, Default)]
pub struct TraceContextPropagator;

impl Propagator for TraceContextPropagator {
    fn fields(&self) -> &'static [&'static str] {
        &[TRACEPARENT, TRACESTATE]
    }

    fn extract(&self, carrier: &dyn Carrier, remote: &mut RemoteContext) {
        let traceparent = match Lines::collect(carrier, TRACEPARENT, TRACEPARENT_LIMIT) {
            Err(_) => return remote.reject(Header::Traceparent, Reason::Oversized),
            Ok(lines) if lines.count == 0 => {
                // Without a trace the list describes nothing. Its presence is worth a count: a proxy lost the other half.
                if Lines::collect(carrier, TRACESTATE, 0).map_or(true, |lines| lines.count > 0) {
                    remote.reject(Header::Tracestate, Reason::Partial);
                }
                return;
            }
            Ok(lines) if lines.count > 1 => return remote.reject(Header::Traceparent, Reason::Duplicate),
            Ok(lines) => match Traceparent::parse(trim_ows(&lines.text)) {
                Some(traceparent) => traceparent,
                None => return remote.reject(Header::Traceparent, Reason::Malformed),
            },
        };
        let tracestate = match Lines::collect(carrier, TRACESTATE, TRACESTATE_LIMIT) {
            Err(_) => {
                remote.reject(Header::Tracestate, Reason::Oversized);
                TraceState::default()
            }
            Ok(lines) => TraceState::parse(&lines.text).unwrap_or_else(|| {
                remote.reject(Header::Tracestate, Reason::Malformed);
                TraceState::default()
            }),
        };
        remote.w3c = Some(W3cContext { traceparent, tracestate });
    }

    fn inject(&self, outgoing: &OutgoingContext, carrier: &mut dyn CarrierMut) {
        if let Some(w3c) = &outgoing.w3c {
            carrier.set(TRACEPARENT, &w3c.traceparent.to_string());
            let tracestate = w3c.tracestate.to_header();
            if !tracestate.is_empty() {
                carrier.set(TRACESTATE, &tracestate);
            }
        }
    }
}
