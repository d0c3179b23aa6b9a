//! What few contexts carry: received headers, a session, inherited values.

use crate::model::{Dataset, Session, SpanId, TraceId};
use crate::propagation::{Baggage, LangSmithContext, RemoteContext, W3cContext};
use std::sync::Arc;

/// The rare values of a context, shared by all spans of a trace.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Rare {
    /// Where the trace came from, when it began in another process.
    pub remote: Option<Remote>,
    /// The application's own members of W3C baggage, received or added here, which go on with every request.
    pub baggage: Baggage,
    /// The session that traces begun in this context belong to.
    pub session: Option<Session>,
    /// Tags that every span below inherits.
    pub tags: Vec<String>,
    /// Metadata that every span below inherits.
    pub metadata: Vec<(String, String)>,
    /// The dataset row that traces begun in this context answer.
    pub dataset: Option<Dataset>,
    /// What these values replaced in the running span, to be put back when that span ends (see [`super::active::set_rare`]).
    pub(crate) replaced: Option<Arc<Rare>>,
    /// The test that looks at the traces which begin here.
    #[cfg(feature = "testing")]
    pub(crate) watch: Option<Arc<crate::pipeline::watch::Watch>>,
}

impl Rare {
    pub(crate) fn is_empty(&self) -> bool {
        #[cfg(feature = "testing")]
        if self.watch.is_some() {
            return false;
        }
        let Self { remote, baggage, session, tags, metadata, dataset, replaced, .. } = self;
        remote.is_none()
            && baggage.is_empty()
            && session.is_none()
            && tags.is_empty()
            && metadata.is_empty()
            && dataset.is_none()
            && replaced.is_none()
    }
}

/// A parent in another process, as it was read from headers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Remote {
    /// The Galileo trace id: received, or made from the foreign one.
    pub trace: TraceId,
    /// Whose trace it is.
    pub kind: RemoteKind,
    /// Whether the caller records the trace.
    pub sampled: bool,
    /// What arrived as W3C trace context, to be kept for output.
    pub w3c: Option<W3cContext>,
    /// What arrived as LangSmith's headers.
    pub langsmith: Option<LangSmithContext>,
}

/// Whose trace a remote parent belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemoteKind {
    /// Galileo headers came in: the trace was created by the caller.
    Galileo {
        /// The caller's span; `NONE` when the span lies directly under the trace.
        parent: SpanId,
    },
    /// Only W3C or LangSmith headers came in: no Galileo trace exists yet.
    Foreign,
}

impl Remote {
    /// The parent that headers named; `None` when they named no trace.
    pub fn from_headers(headers: &RemoteContext) -> Option<Self> {
        let kind = match &headers.galileo {
            Some(galileo) => RemoteKind::Galileo { parent: galileo.parent_id.unwrap_or(SpanId::NONE) },
            None => RemoteKind::Foreign,
        };
        Some(Self {
            trace: headers.trace_id()?,
            kind,
            sampled: headers.is_sampled(),
            w3c: headers.w3c.clone(),
            langsmith: headers.langsmith.clone(),
        })
    }

    /// The trace in W3C form: the received one, else the same bytes as the Galileo trace, else those of the LangSmith trace.
    pub fn w3c_trace_id(&self) -> [u8; 16] {
        match (&self.w3c, self.kind, &self.langsmith) {
            (Some(w3c), _, _) => w3c.traceparent.trace_id,
            (None, RemoteKind::Foreign, Some(langsmith)) => langsmith.dotted_order.trace_id(),
            (None, _, _) => self.trace.to_bytes(),
        }
    }

    /// The parent in W3C form; `None` when the caller named no span.
    pub fn w3c_parent_id(&self) -> Option<[u8; 8]> {
        match (&self.w3c, self.kind, &self.langsmith) {
            // Zero where another system began the trace in this process.
            (Some(w3c), _, _) => Some(w3c.traceparent.parent_id).filter(|parent| *parent != [0; 8]),
            (None, RemoteKind::Galileo { parent }, _) => (!parent.is_none()).then(|| parent.w3c()),
            (None, RemoteKind::Foreign, Some(langsmith)) => langsmith.dotted_order.run_id().last_chunk().copied(),
            (None, RemoteKind::Foreign, None) => None,
        }
    }
}
