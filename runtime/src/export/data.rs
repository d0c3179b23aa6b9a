//! A span that belongs to its holder: what tests and exporters in memory keep.

use super::content::{self, Content};
use crate::model::{Outcome, SpanId, SpanType, TraceId};
use crate::pipeline::exporter::SpanRecord;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// One span with everything that is known of it, independent of the pipeline that recorded it.
///
/// ```
/// use galileo::{Config, Span, export::Memory};
///
/// let memory = Memory::new();
/// let guard = Config::builder().exporter(memory.clone()).init()?;
/// Span::tool("weather").input("Padua").tag("forecast").in_scope(|| ());
/// guard.shutdown(std::time::Duration::from_secs(5));
/// let spans = memory.spans();
/// assert_eq!((spans[0].name.as_str(), &spans[0].tags), ("weather", &vec!["forecast".to_owned()]));
/// # Ok::<(), galileo::InitError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SpanData {
    /// The trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
    /// The parent that the program meant; `None` directly under the trace.
    pub parent_id: Option<SpanId>,
    /// What kind of work it stands for.
    pub span_type: SpanType,
    /// Its name.
    pub name: String,
    /// When it started.
    pub started_at: SystemTime,
    /// How long it took; `None` while it is open.
    pub duration: Option<Duration>,
    /// How it ended; `None` while it is open.
    pub outcome: Option<Outcome>,
    /// The status code: what the program said, else 200, 500 or 499 by outcome; `None` while it is open.
    pub status_code: Option<u16>,
    /// The input: what was given as such, else the object of all arguments by name.
    pub input: Option<Value>,
    /// The output.
    pub output: Option<Value>,
    /// The input as readers without rights to the original may see it.
    pub redacted_input: Option<Value>,
    /// The output as readers without rights to the original may see it.
    pub redacted_output: Option<Value>,
    /// The text of an error or a panic.
    pub error: Option<String>,
    /// Tags, each once.
    pub tags: Vec<String>,
    /// Metadata by name.
    pub metadata: Map<String, Value>,
    /// Figures by their names on the wire, such as `num_input_tokens`.
    pub metrics: BTreeMap<String, u64>,
    /// What happened during the span.
    pub events: Vec<EventData>,
    /// The model (llm).
    pub model: Option<String>,
    /// The sampling temperature (llm).
    pub temperature: Option<f64>,
    /// The tools offered to the model (llm).
    pub tools: Option<Value>,
    /// Why the model stopped (llm).
    pub finish_reason: Option<String>,
    /// The id of the tool call (tool).
    pub tool_call_id: Option<String>,
    /// The kind of agent (agent).
    pub agent_type: Option<String>,
    /// Further attributes of this span type by their names on the wire.
    pub attributes: Map<String, Value>,
    /// The session by the backend's id; stands on the first span of a trace.
    pub session_id: Option<String>,
    /// The session by the application's own id; stands on the first span of a trace.
    pub session_external_id: Option<String>,
    /// The dataset row: `input`, `output` and `metadata.<name>`; stands on the first span of a trace.
    pub dataset: BTreeMap<String, String>,
    /// Whether it is the first span of this process in its trace.
    pub is_entry: bool,
}

/// Something that happened during a span.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EventData {
    /// Its name.
    pub name: String,
    /// When; `None` where nobody said.
    pub time: Option<SystemTime>,
    /// What is known of it: an object, or null.
    pub attributes: Value,
}

impl SpanData {
    /// Whether it failed: an error, a panic, or a status of 400 and above.
    pub fn is_error(&self) -> bool {
        matches!(self.outcome, Some(Outcome::Error | Outcome::Panic))
            || self.error.is_some()
            || self.status_code.is_some_and(|code| code >= 400)
    }

    /// When it ended; `None` while it is open.
    pub fn ended_at(&self) -> Option<SystemTime> {
        Some(self.started_at + self.duration?)
    }
}

impl SpanRecord<'_> {
    /// A copy that belongs to its holder.
    pub fn to_data(&self) -> SpanData {
        let content = Content::read(self.parts());
        let text = |text: Option<&str>| text.map(str::to_owned);
        let value = |part: &Option<crate::model::Part<'_>>| part.as_ref().map(content::value);
        let arguments = || {
            let all: Map<String, Value> =
                content.arguments.iter().map(|part| (part.key.to_owned(), content::value(part))).collect();
            (!all.is_empty()).then_some(Value::Object(all))
        };
        SpanData {
            trace_id: self.trace_id(),
            span_id: self.span_id(),
            parent_id: self.parent_id(),
            span_type: self.span_type(),
            name: self.name().to_owned(),
            started_at: self.started_at(),
            duration: self.duration(),
            outcome: self.outcome(),
            status_code: self.status_code(),
            input: value(&content.explicit_input).or_else(arguments),
            output: value(&content.output),
            redacted_input: value(&content.redacted_input),
            redacted_output: value(&content.redacted_output),
            error: content.error.as_ref().map(|part| content::text(part).into_owned()),
            tags: content.tags.iter().map(|tag| (*tag).to_owned()).collect(),
            metadata: content.metadata.iter().map(|(key, part)| ((*key).to_owned(), content::value(part))).collect(),
            metrics: content
                .metrics
                .iter()
                .filter_map(|(key, part)| Some(((*key).to_owned(), part.as_u64()?)))
                .collect(),
            events: content
                .events
                .iter()
                .map(|event| EventData {
                    name: event.part.key.to_owned(),
                    time: event.time.map(|nanos| UNIX_EPOCH + Duration::from_nanos(nanos)),
                    attributes: content::value(&event.part),
                })
                .collect(),
            model: text(content.model),
            temperature: content.temperature,
            tools: value(&content.tools),
            finish_reason: text(content.finish_reason),
            tool_call_id: text(content.tool_call_id),
            agent_type: text(content.agent_type),
            attributes: content
                .attributes
                .iter()
                .map(|(key, part)| ((*key).to_owned(), content::value(part)))
                .collect(),
            session_id: text(content.session_id),
            session_external_id: text(content.session("external_id")),
            dataset: content
                .dataset
                .iter()
                .map(|(key, part)| ((*key).to_owned(), content::text(part).into_owned()))
                .collect(),
            is_entry: self.is_entry(),
        }
    }
}
