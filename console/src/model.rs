//! What the console knows about traces, in the form that pages, terminal and API read.
//!
//! Times are nanoseconds since the Unix epoch in UTC, durations are nanoseconds. Ids are always in UUID version 4 form,
//! whatever protocol they came by.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// The id of a trace, span, session, project or log stream: 16 bytes, written as a UUID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Id(pub [u8; 16]);

impl Id {
    /// A new random UUID version 4.
    #[must_use]
    pub fn random() -> Id {
        let mut bytes = [0_u8; 16];
        // Without a source of randomness ids from the clock keep the console usable; they need not be secret.
        if getrandom::fill(&mut bytes).is_err() {
            bytes =
                (crate::time::now_ns() as u128).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835).to_be_bytes();
        }
        Id(bytes).as_v4()
    }

    /// The same 16 bytes with the version and variant bits of a UUID version 4, which is how ids from W3C headers are joined
    /// with Galileo's: every comparison ignores those six bits by setting them.
    #[must_use]
    pub fn as_v4(mut self) -> Id {
        self.0[6] = self.0[6] & 0x0F | 0x40;
        self.0[8] = self.0[8] & 0x3F | 0x80;
        self
    }

    /// Whether this is a UUID version 4, which is what the Galileo API takes.
    #[must_use]
    pub fn is_v4(&self) -> bool {
        self.0[6] >> 4 == 4 && self.0[8] >> 6 == 0b10
    }

    /// The last eight bytes without the two variant bits: what a W3C span id and the UUID of the same span have in common.
    #[must_use]
    pub fn low_key(&self) -> i64 {
        let mut low = [0_u8; 8];
        low.copy_from_slice(&self.0[8..]);
        low_key(u64::from_be_bytes(low))
    }

    /// The first eight bytes.
    #[must_use]
    pub fn high(&self) -> i64 {
        let mut high = [0_u8; 8];
        high.copy_from_slice(&self.0[..8]);
        i64::from_be_bytes(high)
    }

    pub(crate) fn from_parts(high: i64, low_key: i64) -> Id {
        let mut bytes = [0_u8; 16];
        bytes[..8].copy_from_slice(&high.to_be_bytes());
        bytes[8..].copy_from_slice(&low_key.to_be_bytes());
        Id(bytes).as_v4()
    }

    /// The id as 32 hexadecimal digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A W3C span id without the two bits that a UUID fixes.
pub(crate) fn low_key(span_id: u64) -> i64 {
    (span_id & 0x3FFF_FFFF_FFFF_FFFF) as i64
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [b'-'; 36];
        let mut at = 0;
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                at += 1;
            }
            text[at] = DIGITS[usize::from(byte >> 4)];
            text[at + 1] = DIGITS[usize::from(byte & 15)];
            at += 2;
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnId;

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a UUID")
    }
}

impl std::error::Error for NotAnId {}

impl FromStr for Id {
    type Err = NotAnId;

    /// Reads 36 characters with hyphens in the usual places or 32 hexadecimal digits, in either case.
    fn from_str(text: &str) -> Result<Id, NotAnId> {
        let text = text.as_bytes();
        if text.len() != 36 && text.len() != 32 {
            return Err(NotAnId);
        }
        let mut bytes = [0_u8; 16];
        let mut digits = 0;
        for (index, &character) in text.iter().enumerate() {
            if text.len() == 36 && matches!(index, 8 | 13 | 18 | 23) {
                if character != b'-' {
                    return Err(NotAnId);
                }
                continue;
            }
            let digit = (character as char).to_digit(16).ok_or(NotAnId)? as u8;
            bytes[digits / 2] = bytes[digits / 2] << 4 | digit;
            digits += 1;
        }
        Ok(Id(bytes))
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

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
    /// Index of the parent in [`TraceView::spans`].
    pub parent_index: Option<usize>,
    /// Indices of the children in [`TraceView::spans`], by start.
    pub children: Vec<usize>,
    /// Input, output and the rest; only when asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Box<Detail>>,
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

/// One span with everything, and where it belongs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SpanView {
    /// The trace that it is part of.
    pub trace_id: Id,
    /// The span; `children` and indices are empty here.
    pub span: SpanNode,
}

/// Which traces to list: newest first, every field narrows.
#[derive(Clone, Debug, Default)]
pub struct TraceQuery {
    /// Of this project.
    pub project_id: Option<Id>,
    /// Of this log stream or experiment.
    pub log_stream_id: Option<Id>,
    /// Of this session.
    pub session_id: Option<Id>,
    /// With a span of this service.
    pub service: Option<String>,
    /// With (`true`) or without (`false`) an error.
    pub failed: Option<bool>,
    /// Still open, or not.
    pub open: Option<bool>,
    /// With a span of this type.
    pub span_type: Option<SpanType>,
    /// With this text in the name, input or output of the trace or of a span.
    pub text: Option<String>,
    /// That began at or after this.
    pub from_ns: Option<i64>,
    /// That began before this.
    pub to_ns: Option<i64>,
    /// That took at least this long.
    pub min_duration_ns: Option<i64>,
    /// That took at most this long.
    pub max_duration_ns: Option<i64>,
    /// With at least so many tokens.
    pub min_tokens: Option<u64>,
    /// With at most so many tokens.
    pub max_tokens: Option<u64>,
    /// Continue after the page that ended with this cursor.
    pub after: Option<Cursor>,
    /// Rows on a page; 0 means 50, at most 500.
    pub limit: usize,
}

/// A place in the list that stays right while new traces arrive: the last row's start and id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Start of the last row.
    pub start_ns: i64,
    /// Id of the last row.
    pub id: Id,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.start_ns, self.id)
    }
}

impl FromStr for Cursor {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Cursor, NotAnId> {
        let (start, id) = text.split_once('_').ok_or(NotAnId)?;
        Ok(Cursor { start_ns: start.parse().map_err(|_| NotAnId)?, id: id.parse()? })
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Where the next page begins, when there is one.
    pub next: Option<Cursor>,
}

/// A project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Project {
    /// Id.
    pub id: Id,
    /// Name, unique.
    pub name: String,
    /// When it was first heard of.
    pub created_ns: i64,
}

/// A log stream of a project, or an experiment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogStream {
    /// Id.
    pub id: Id,
    /// Its project.
    pub project_id: Id,
    /// Name, unique in the project.
    pub name: String,
    /// It is an experiment.
    pub experiment: bool,
    /// When it was first heard of.
    pub created_ns: i64,
}

/// A session: traces that belong to one conversation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Session {
    /// Id.
    pub id: Id,
    /// Its project.
    pub project_id: Id,
    /// Its log stream or experiment.
    pub log_stream_id: Id,
    /// Name.
    pub name: String,
    /// The user's own id.
    pub external_id: Option<String>,
    /// The session before it.
    pub previous_session_id: Option<Id>,
    /// Key and value pairs of the user.
    pub metadata: BTreeMap<String, String>,
    /// When it began.
    pub created_ns: i64,
    /// How many traces it has.
    pub trace_count: u64,
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

/// A session and what its traces add up to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SessionSummary {
    /// The session.
    pub session: Session,
    /// Its place in the order of creation.
    pub number: i64,
    /// When its first trace began.
    pub first_ns: i64,
    /// When its last trace began.
    pub last_ns: i64,
    /// Tokens of its traces.
    pub tokens: u64,
    /// Traces in which something failed.
    pub failed: u64,
    /// Traces with open spans.
    pub open: u64,
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
