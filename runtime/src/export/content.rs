//! What the parts of one span say, read once, in the forms that wire formats ask for: text, JSON, messages, documents.

use super::json;
use super::message::Message;
use crate::model::{Field, Part, ValueKind};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// A span's values, sorted by what they say. Where a field may be given once, the last one wins.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content<'a> {
    pub(crate) arguments: Vec<Part<'a>>,
    pub(crate) explicit_input: Option<Part<'a>>,
    pub(crate) output: Option<Part<'a>>,
    pub(crate) redacted_input: Option<Part<'a>>,
    pub(crate) redacted_output: Option<Part<'a>>,
    pub(crate) error: Option<Part<'a>>,
    pub(crate) status_code: Option<u64>,
    pub(crate) tags: Vec<&'a str>,
    /// Each key once, in the order in which it came first.
    pub(crate) metadata: Vec<(&'a str, Part<'a>)>,
    pub(crate) events: Vec<EventPart<'a>>,
    pub(crate) model: Option<&'a str>,
    pub(crate) temperature: Option<f64>,
    pub(crate) tools: Option<Part<'a>>,
    pub(crate) finish_reason: Option<&'a str>,
    pub(crate) metrics: Vec<(&'a str, Part<'a>)>,
    pub(crate) tool_call_id: Option<&'a str>,
    pub(crate) agent_type: Option<&'a str>,
    pub(crate) error_origin: bool,
    pub(crate) session_id: Option<&'a str>,
    pub(crate) dataset: Vec<(&'a str, Part<'a>)>,
    /// Further attributes by their wire name.
    pub(crate) attributes: Vec<(&'a str, Part<'a>)>,
    pub(crate) origin: Vec<(&'a str, &'a str)>,
    /// Facts about a session that the backend has to look up.
    session: Vec<(&'a str, &'a str)>,
    /// The time of the event that comes next.
    event_time: Option<u64>,
}

/// Something that happened during the span.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventPart<'a> {
    /// When, in nanoseconds since the Unix epoch.
    pub(crate) time: Option<u64>,
    /// Its name as the key, its attributes as the value.
    pub(crate) part: Part<'a>,
}

impl<'a> Content<'a> {
    /// Sorts the parts of one span, those of its start first.
    pub(crate) fn read(parts: impl IntoIterator<Item = Part<'a>>) -> Self {
        let mut content = Self::default();
        for part in parts {
            content.add(part);
        }
        content
    }

    fn add(&mut self, part: Part<'a>) {
        match part.field {
            Field::Argument => self.arguments.push(part),
            Field::Input => self.explicit_input = Some(part),
            Field::Output => self.output = Some(part),
            Field::RedactedInput => self.redacted_input = Some(part),
            Field::RedactedOutput => self.redacted_output = Some(part),
            Field::Error => self.error = Some(part),
            Field::StatusCode => self.status_code = number(&part).map(|n| n as u64),
            Field::Tag if !self.tags.contains(&part.text()) => self.tags.push(part.text()),
            Field::Metadata => set(&mut self.metadata, part),
            Field::EventTime => self.event_time = part.as_u64(),
            Field::Event => self.events.push(EventPart { time: self.event_time.take(), part }),
            Field::Model => self.model = Some(part.text()),
            Field::Temperature => self.temperature = number(&part),
            Field::Tools => self.tools = Some(part),
            Field::FinishReason => self.finish_reason = Some(part.text()),
            Field::Metric => set(&mut self.metrics, part),
            Field::ToolCallId => self.tool_call_id = Some(part.text()),
            Field::AgentType => self.agent_type = Some(part.text()),
            Field::ErrorOrigin => self.error_origin = true,
            Field::SessionId => self.session_id = Some(part.text()),
            Field::Dataset => set(&mut self.dataset, part),
            Field::Attribute => set(&mut self.attributes, part),
            Field::Origin => self.origin.push((part.key, part.text())),
            Field::Session => self.session.push((part.key, part.text())),
            _ => {}
        }
    }

    /// With the redacted copies in place of the originals, for backends where every reader may see everything.
    pub(crate) fn shown(mut self) -> Self {
        if let Some(input) = self.redacted_input.take() {
            self.explicit_input = Some(input);
            self.arguments.clear();
        }
        if let Some(output) = self.redacted_output.take() {
            self.output = Some(output);
        }
        self
    }

    /// A count or a duration out of the metrics.
    #[cfg(any(feature = "langsmith", feature = "otlp"))]
    pub(crate) fn metric(&self, name: &str) -> Option<u64> {
        self.metrics.iter().find(|(key, _)| *key == name).and_then(|(_, part)| part.as_u64())
    }

    /// A fact about where the span comes from.
    #[cfg(any(feature = "langsmith", feature = "otlp"))]
    pub(crate) fn origin(&self, name: &str) -> Option<&'a str> {
        self.origin.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }

    /// A fact about a session that the backend has to look up.
    pub(crate) fn session(&self, name: &str) -> Option<&'a str> {
        self.session.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }

    /// The input as text: text as it is, anything else as JSON; without an explicit input, the object of all arguments in their order.
    pub(crate) fn input_text(&self) -> Option<Cow<'a, str>> {
        if let Some(part) = &self.explicit_input {
            return Some(text(part));
        }
        if self.arguments.is_empty() {
            return None;
        }
        let mut object = Vec::with_capacity(self.arguments.iter().map(|part| part.value.len() + 32).sum());
        for part in &self.arguments {
            object.push(if object.is_empty() { b'{' } else { b',' });
            json::string(&mut object, part.key);
            object.push(b':');
            match part.kind {
                ValueKind::Json => object.extend_from_slice(part.text().as_bytes()),
                ValueKind::Text | ValueKind::Debug => json::string(&mut object, part.text()),
                _ => object.extend_from_slice(value(part).to_string().as_bytes()),
            }
        }
        object.push(b'}');
        // Text and JSON make text.
        String::from_utf8(object).ok().map(Cow::Owned)
    }

    /// Whether [`input_text`](Self::input_text) is JSON.
    #[cfg(feature = "otlp")]
    pub(crate) fn input_is_json(&self) -> bool {
        self.explicit_input.map_or(!self.arguments.is_empty(), |part| part.kind == ValueKind::Json)
    }

    /// What a model was asked. An argument that is a list of messages is taken as such, and a single one is what a user said; else the
    /// object of all arguments is.
    pub(crate) fn input_messages(&self) -> Vec<Message> {
        let candidates = self.explicit_input.iter().chain(&self.arguments);
        if let Some(found) = candidates.filter(|p| p.kind == ValueKind::Json).find_map(|p| Message::list(&value(p))) {
            return found;
        }
        let input = match (&self.explicit_input, self.arguments.as_slice()) {
            (None, [only]) => Some(text(only)),
            _ => self.input_text(),
        };
        input.map(|text| vec![Message::text("user", text)]).unwrap_or_default()
    }

    /// What a model answered.
    pub(crate) fn output_messages(&self) -> Vec<Message> {
        let Some(output) = &self.output else { return Vec::new() };
        if output.kind == ValueKind::Json
            && let Some(found) = Message::list(&value(output))
        {
            return found;
        }
        match text(output) {
            text if text.is_empty() => Vec::new(),
            text => vec![Message::text("assistant", text)],
        }
    }

    /// What a search found.
    pub(crate) fn documents(&self) -> Vec<Document> {
        self.output.as_ref().map(|part| Document::list(value(part))).unwrap_or_default()
    }
}

/// Replaces the value of the part's key, or adds it.
fn set<'a>(list: &mut Vec<(&'a str, Part<'a>)>, part: Part<'a>) {
    match list.iter_mut().find(|(key, _)| *key == part.key) {
        Some(entry) => entry.1 = part,
        None => list.push((part.key, part)),
    }
}

/// One thing that a search found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Document {
    pub(crate) content: String,
    pub(crate) id: Option<String>,
    pub(crate) score: Option<f64>,
    /// Everything else that is known of it.
    pub(crate) metadata: Map<String, Value>,
}

/// Where different crates keep a document's text.
const TEXT_KEYS: [&str; 5] = ["content", "page_content", "text", "pageContent", "body"];

impl Document {
    /// One value, a list of values, or an object that holds the list under `documents`.
    pub(crate) fn list(found: Value) -> Vec<Self> {
        match found {
            Value::Null => Vec::new(),
            Value::String(text) if text.is_empty() => Vec::new(),
            Value::Array(items) => items.into_iter().map(Self::one).collect(),
            Value::Object(mut object) if object.get("documents").is_some_and(Value::is_array) => {
                Self::list(object.remove("documents").unwrap_or_default())
            }
            other => vec![Self::one(other)],
        }
    }

    fn one(value: Value) -> Self {
        let bare = |content| Self { content, id: None, score: None, metadata: Map::new() };
        let mut object = match value {
            Value::String(text) => return bare(text),
            // A search may return pairs of a score and the thing that was found.
            Value::Array(mut pair) if pair.len() == 2 && pair.iter().any(Value::is_number) => {
                let at = usize::from(!pair[0].is_number());
                let score = pair.remove(at).as_f64();
                let document = pair.pop().map(Self::one).unwrap_or_else(|| bare(String::new()));
                return Self { score: document.score.or(score), ..document };
            }
            Value::Object(object) => object,
            other => return bare(other.to_string()),
        };
        let Some(key) = TEXT_KEYS.into_iter().find(|key| object.get(*key).is_some_and(Value::is_string)) else {
            return bare(Value::Object(object).to_string());
        };
        let content = match object.remove(key) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        let mut metadata = match object.remove("metadata") {
            Some(Value::Object(metadata)) => metadata,
            Some(Value::Null) | None => Map::new(),
            Some(other) => Map::from_iter([("metadata".to_owned(), other)]),
        };
        let id = object.remove("id").map(|id| match id {
            Value::String(id) => id,
            other => other.to_string(),
        });
        let score = object.get("score").and_then(Value::as_f64);
        if score.is_some() {
            object.remove("score");
        }
        for (key, value) in object {
            metadata.entry(key).or_insert(value);
        }
        Self { content, id, score, metadata }
    }
}

/// The value as text: text as it is, anything else as JSON.
pub(crate) fn text<'a>(part: &Part<'a>) -> Cow<'a, str> {
    match part.kind {
        ValueKind::Text | ValueKind::Json | ValueKind::Debug => Cow::Borrowed(part.text()),
        ValueKind::TypeName => Cow::Owned(format!("<{}>", part.text())),
        ValueKind::Null => Cow::Borrowed(""),
        _ => Cow::Owned(value(part).to_string()),
    }
}

/// The value as JSON. JSON that cannot be read stays text.
pub(crate) fn value(part: &Part<'_>) -> Value {
    let eight = || <[u8; 8]>::try_from(part.value).ok();
    match part.kind {
        ValueKind::Null => Value::Null,
        ValueKind::Json => serde_json::from_slice(part.value)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(part.value).into_owned())),
        ValueKind::Int => eight().map(|b| i64::from_le_bytes(b).into()).unwrap_or_default(),
        ValueKind::UInt => eight().map(|b| u64::from_le_bytes(b).into()).unwrap_or_default(),
        // JSON has no infinity; the text keeps what the number was.
        ValueKind::Float => eight()
            .map(f64::from_le_bytes)
            .map(|f| serde_json::Number::from_f64(f).map_or_else(|| f.to_string().into(), Value::Number))
            .unwrap_or_default(),
        ValueKind::Bool => Value::Bool(part.value == [1]),
        ValueKind::Text | ValueKind::Debug | ValueKind::TypeName => Value::String(text(part).into_owned()),
    }
}

fn number(part: &Part<'_>) -> Option<f64> {
    match value(part) {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}
