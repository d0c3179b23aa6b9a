//! LangSmith's headers: the dotted order in `langsmith-trace`, and metadata, tags and project in `baggage`.

mod dotted_order;
mod members;

pub use dotted_order::DottedOrder;
pub use members::{Replica, ReplicaUpdates};
pub(super) use members::{Writer, writer};

use serde_json::{Map, Value};

use super::baggage::{self, Baggage};
use super::carrier::{Carrier, CarrierMut, Lines, trim_ows};
use super::counter::{Header, Reason};
use super::{OutgoingContext, Propagator, RemoteContext};

/// The header that names every run from the root to the caller.
pub const LANGSMITH_TRACE: &str = "langsmith-trace";

/// All lines together. One level takes 59 bytes, so this is a tree of 138 levels.
const LIMIT: usize = 8 * 1024;

/// What a LangSmith-speaking caller told us, or what we tell one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LangSmithContext {
    /// The runs from the root to the parent.
    pub dotted_order: DottedOrder,
    /// Metadata that every run of the trace inherits.
    pub metadata: Map<String, Value>,
    /// Tags that every run of the trace inherits.
    pub tags: Vec<String>,
    /// The project of the trace.
    pub project: Option<String>,
    /// Further projects that get a copy, reduced to what a header may decide. Read, never written.
    pub replicas: Vec<Replica>,
}

impl LangSmithContext {
    /// A context that names runs and nothing else.
    #[must_use]
    pub fn new(dotted_order: DottedOrder) -> Self {
        Self { dotted_order, metadata: Map::new(), tags: Vec::new(), project: None, replicas: Vec::new() }
    }
}

/// Reads and writes `langsmith-trace` and the `langsmith-*` members of `baggage`.
#[derive(Debug, Clone, Copy, Default)]
pub struct LangSmithPropagator;

impl Propagator for LangSmithPropagator {
    fn fields(&self) -> &'static [&'static str] {
        &[LANGSMITH_TRACE, baggage::BAGGAGE]
    }

    fn extract(&self, carrier: &dyn Carrier, remote: &mut RemoteContext) {
        let reason = match Lines::collect(carrier, LANGSMITH_TRACE, LIMIT) {
            Err(_) => Reason::Oversized,
            Ok(lines) if lines.count == 0 => return,
            Ok(lines) if lines.count > 1 => Reason::Duplicate,
            Ok(lines) => match DottedOrder::parse(trim_ows(&lines.text)) {
                None => Reason::Malformed,
                Some(dotted_order) => {
                    let mut context = LangSmithContext::new(dotted_order);
                    // An oversized baggage is counted by the propagator whose header it is.
                    if let Ok((baggage, _)) = baggage::collect(carrier)
                        && !members::read(&baggage, &mut context)
                    {
                        remote.reject(Header::LangSmithBaggage, Reason::Malformed);
                    }
                    remote.langsmith = Some(context);
                    return;
                }
            },
        };
        remote.reject(Header::LangSmithTrace, reason);
    }

    fn inject(&self, outgoing: &OutgoingContext, carrier: &mut dyn CarrierMut) {
        let Some(langsmith) = &outgoing.langsmith else { return };
        carrier.set(LANGSMITH_TRACE, langsmith.dotted_order.as_str());
        let mut own = Baggage::default();
        members::write(langsmith, &mut own);
        own.merge_into(carrier);
    }
}
