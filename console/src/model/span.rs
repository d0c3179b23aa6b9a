//! Spans: what was sent of one, and its place in the tree.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::Id;

/// What a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum SpanType {
    /// Any step; what an unknown span becomes.
    #[default]
    Workflow,
    /// A step that decides what to do next.
    Agent,
    /// One call of a language model.
    Llm,
    /// A search that returns documents.
    Retriever,
    /// A call of a tool.
    Tool,
    /// A check that may stop or steer.
    Control,
}

impl SpanType {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            SpanType::Workflow => "workflow",
            SpanType::Agent => "agent",
            SpanType::Llm => "llm",
            SpanType::Retriever => "retriever",
            SpanType::Tool => "tool",
            SpanType::Control => "control",
        }
    }

    /// The type of that wire name.
    #[must_use]
    pub fn parse(name: &str) -> Option<SpanType> {
        Some(match name {
            "workflow" => SpanType::Workflow,
            "agent" => SpanType::Agent,
            "llm" => SpanType::Llm,
            "retriever" => SpanType::Retriever,
            "tool" => SpanType::Tool,
            "control" => SpanType::Control,
            _ => return None,
        })
    }
}

impl fmt::Display for SpanType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a span went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It has not ended yet.
    Running,
    /// It ended, and nothing says that it failed.
    #[default]
    Ok,
    /// It returned an error or a status code from 400 on.
    Error,
    /// It panicked.
    Panic,
    /// It was dropped before it was done.
    Cancelled,
}

/// The protocols by which a span came; several when senders report the same span twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Sources(pub u8);

impl Sources {
    /// The Galileo API.
    pub const GALILEO: Sources = Sources(1);
    /// OTLP over HTTP.
    pub const OTLP: Sources = Sources(2);
    /// LangSmith runs.
    pub const LANGSMITH: Sources = Sources(4);

    /// Both sets together.
    #[must_use]
    pub fn union(self, other: Sources) -> Sources {
        Sources(self.0 | other.0)
    }

    /// The names of the protocols.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        [(1, "galileo"), (2, "otlp"), (4, "langsmith")]
            .iter()
            .filter(|(bit, _)| self.0 & bit != 0)
            .map(|(_, name)| *name)
            .collect()
    }
}

impl<'de> Deserialize<'de> for Sources {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Sources, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        let known = [("galileo", Sources::GALILEO), ("otlp", Sources::OTLP), ("langsmith", Sources::LANGSMITH)];
        Ok(known
            .iter()
            .filter(|(name, _)| names.iter().any(|present| present == name))
            .fold(Sources::default(), |all, (_, one)| all.union(*one)))
    }
}

impl Serialize for Sources {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.names().serialize(serializer)
    }
}

/// Tokens of a span, or summed over the llm spans of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tokens {
    /// Tokens of the prompt.
    pub input: u64,
    /// Tokens of the answer.
    pub output: u64,
    /// The total that the sender gave, else the sum.
    pub total: u64,
}

/// Input, output and all the rest of a span or trace.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Detail {
    /// What went in, as sent.
    pub input: Option<Value>,
    /// What came out, as sent.
    pub output: Option<Value>,
    /// The input as it may be shown to others.
    pub redacted_input: Option<Value>,
    /// The output as it may be shown to others.
    pub redacted_output: Option<Value>,
    /// Key and value pairs of the user.
    pub metadata: BTreeMap<String, String>,
    /// Labels of the user.
    pub tags: Vec<String>,
    /// Numbers of the sender: `duration_ns`, `num_input_tokens` and others.
    pub metrics: BTreeMap<String, Value>,
    /// The start that the sender gave, as sent; a trace may contain spans that began before it.
    pub created_at: Option<String>,
    /// Everything else that was sent: `model`, `temperature`, `tools`, `events`, OTLP attributes and so on.
    pub more: BTreeMap<String, Value>,
}

/// Why a span does not hang under the parent that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Orphan {
    /// No span with the parent's id has arrived.
    MissingParent,
    /// The parent belongs to this other trace.
    ParentInTrace(Id),
    /// The parents form a circle; it is cut here.
    Circle,
}

/// One span in its place in the tree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpanNode {
    /// The span.
    pub id: Id,
    /// The parent that the span names, found or not; `None` directly under the trace.
    pub parent_id: Option<Id>,
    /// Why it stands directly under the trace although it names a parent.
    pub orphan: Option<Orphan>,
    /// Type.
    #[serde(rename = "type")]
    pub span_type: SpanType,
    /// Name; may be empty.
    pub name: String,
    /// The service that made it: its own when it is an entry span, else that of its nearest ancestor which is one.
    pub service: Option<String>,
    /// It is the first span of a process.
    pub entry: bool,
    /// Start.
    pub start_ns: i64,
    /// Duration; `None` while it is open or when the sender gave none.
    pub duration_ns: Option<i64>,
    /// It has not ended.
    pub open: bool,
    /// HTTP-like status.
    pub status_code: Option<i64>,
    /// How it went.
    pub outcome: Outcome,
    /// What went wrong, when it failed and said so.
    pub error: Option<String>,
    /// The failure began here.
    pub error_origin: bool,
    /// It was answered from a cache.
    pub cached: bool,
    /// The model, for llm spans.
    pub model: Option<String>,
    /// Its own tokens.
    pub tokens: Tokens,
    /// By which protocols it came.
    pub sources: Sources,
    /// Distance from the trace: 0 for a span directly under it.
    pub depth: usize,
    /// Index of the parent in [`TraceView::spans`](super::TraceView::spans).
    pub parent_index: Option<usize>,
    /// Indices of the children in [`TraceView::spans`](super::TraceView::spans), by start.
    pub children: Vec<usize>,
    /// Input, output and the rest; only when asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Box<Detail>>,
}

/// One span with everything, and where it belongs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SpanView {
    /// The trace that it is part of.
    pub trace_id: Id,
    /// The span; `children` and indices are empty here.
    pub span: SpanNode,
}
