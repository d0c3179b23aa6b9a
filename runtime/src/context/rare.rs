//! What few contexts carry: received headers, a session, inherited values.

use crate::model::{SpanId, TraceId};

/// The rare values of a context, shared by all spans of a trace.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Rare {
    /// Where the trace came from, when it began in another process.
    pub remote: Option<Remote>,
    /// The session that traces begun in this context belong to.
    pub session_id: Option<String>,
    /// Tags that every span below inherits.
    pub tags: Vec<String>,
    /// Metadata that every span below inherits.
    pub metadata: Vec<(String, String)>,
    /// Dataset fields of the trace: `input`, `output`, and `metadata.<name>`.
    pub dataset: Vec<(String, String)>,
}

/// A parent in another process, as it was read from headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// The Galileo trace id: received, or made from the foreign one.
    pub trace: TraceId,
    /// Whose trace it is.
    pub kind: RemoteKind,
    /// Whether the caller records the trace.
    pub sampled: bool,
    /// What arrived as W3C trace context, to be kept for output.
    pub w3c: Option<W3c>,
    /// The raw W3C baggage members, passed on untouched.
    pub baggage: Option<String>,
    /// The LangSmith dotted order that arrived.
    pub langsmith: Option<String>,
}

/// Whose trace a remote parent belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoteKind {
    /// Galileo headers came in: the trace was created by the caller.
    Galileo {
        /// The caller's span; `NONE` when the span lies directly under the trace.
        parent: SpanId,
    },
    /// Only W3C or LangSmith headers came in: no Galileo trace exists yet.
    Foreign,
}

/// A received W3C trace context.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct W3c {
    /// The received trace id, kept as it is for output.
    pub trace_id: [u8; 16],
    /// The caller's span.
    pub parent_id: [u8; 8],
    /// The received flags.
    pub flags: u8,
    /// The raw members, passed on within the standard's limits.
    pub tracestate: String,
}
