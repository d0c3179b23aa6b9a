//! Traces: the row of a list and the whole tree.

use serde::{Deserialize, Serialize};

use super::{Detail, Id, SpanNode, Tokens};

/// One row of the list of traces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceSummary {
    /// The trace.
    pub id: Id,
    /// The trace's name; that of its first span when nobody sent the trace itself. May be empty.
    pub name: String,
    /// Where the trace was sent.
    pub project_id: Id,
    /// The project's name.
    pub project_name: String,
    /// The log stream or experiment.
    pub log_stream_id: Id,
    /// The log stream's name.
    pub log_stream_name: String,
    /// The session, when it belongs to one.
    pub session_id: Option<Id>,
    /// Names of the services that sent spans, sorted.
    pub services: Vec<String>,
    /// When the first span (or the trace) began.
    pub start_ns: i64,
    /// From the first start to the last known end; `None` while nothing has ended.
    pub duration_ns: Option<i64>,
    /// Work is still going on: the trace is not complete, or a span is open.
    pub open: bool,
    /// The trace itself was sent; `false` when only spans refer to it.
    pub has_record: bool,
    /// The status code on the trace itself.
    pub status_code: Option<i64>,
    /// Spans that failed.
    pub error_count: u64,
    /// Spans received.
    pub span_count: u64,
    /// Spans that have started and not ended.
    pub open_count: u64,
    /// Tokens of the llm spans.
    pub tokens: Tokens,
    /// The beginning of the trace's input as one line of text, at most 200 characters.
    pub input_preview: String,
    /// The beginning of the trace's output.
    pub output_preview: String,
    /// Grows with each change; compare with [`Change::version`].
    pub version: u64,
}

/// A trace as a tree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceView {
    /// The row of the list.
    pub summary: TraceSummary,
    /// The trace's own input, output and so on; empty when only spans refer to it.
    pub detail: Detail,
    /// All spans, each before its descendants, siblings by start: the order in which a tree is drawn.
    /// Nesting is by index, so that no depth of a tree can exhaust a stack.
    pub spans: Vec<SpanNode>,
    /// Services whose clocks are off, as far as calls tell. Times stay as they were recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skews: Vec<Skew>,
}

/// How far the clock of a service is off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skew {
    /// The service.
    pub service: String,
    /// The service that called it, by whose spans this is known.
    pub against: String,
    /// How far its clock is ahead of that of the service at the root; negative when it is behind.
    pub ahead_ns: i64,
    /// Calls that the estimate is made from.
    pub calls: u64,
}

impl TraceView {
    /// The spans directly under the trace.
    pub fn roots(&self) -> impl Iterator<Item = &SpanNode> {
        self.spans.iter().filter(|span| span.depth == 0)
    }

    /// The children of one span.
    pub fn children<'a>(&'a self, span: &'a SpanNode) -> impl Iterator<Item = &'a SpanNode> {
        span.children.iter().filter_map(|&index| self.spans.get(index))
    }

    /// The span with that id.
    #[must_use]
    pub fn span(&self, id: Id) -> Option<&SpanNode> {
        self.spans.iter().find(|span| span.id == id)
    }
}

/// How much of each span a tree holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Names, times, errors, tokens: enough to draw the tree.
    Outline,
    /// Input, output and the rest too.
    Full,
}

/// Where an error of a trace began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The span's name.
    pub name: String,
    /// Its service, where it names one itself.
    pub service: Option<String>,
    /// What it said.
    pub error: Option<String>,
    /// The trace as a whole failed, not only a part that was made good.
    pub whole: bool,
}

/// A trace was created or changed. Sent after the change is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The trace's project.
    pub project_id: Id,
    /// The trace.
    pub trace_id: Id,
    /// Grows with each commit.
    pub version: u64,
}
