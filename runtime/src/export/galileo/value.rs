//! What went into a span and came out of it, in the shape that each span type has on the wire.
//!
//! Values are written from the record straight into the request body. What has to be understood first, the messages of a model call and
//! the documents of a search, takes the longer way through [`Content`].

use super::map::WireSpan;
use super::text::{self, Limit, last};
use crate::export::content::{self, Content};
use crate::export::json::Object;
use crate::model::{Field, SpanType, ValueKind};
use crate::pipeline::exporter::SpanRecord;
use serde_json::{Map, Value};

pub(super) fn input(object: &mut Object<'_>, span: &WireSpan<'_>) {
    let record = &span.record;
    let redacted = last(record, Field::RedactedInput);
    if record.span_type() == SpanType::Llm {
        let content = Content::read(record.parts());
        write(object.key("input"), &messages(&content, span.limit));
        if redacted.is_some() {
            let shown = Content::read(record.parts()).shown();
            write(object.key("redacted_input"), &messages(&shown, span.limit));
        }
        return;
    }
    text::member(object, "input", |out| text::input(out, record, span.limit));
    if let Some(part) = redacted {
        text::member(object, "redacted_input", |out| text::part(out, &part, span.limit));
    }
}

pub(super) fn output(object: &mut Object<'_>, span: &WireSpan<'_>) {
    let record = &span.record;
    let redacted = last(record, Field::RedactedOutput);
    match record.span_type() {
        SpanType::Llm => {
            let content = Content::read(record.parts());
            write(object.key("output"), &answer(&content, record, span.limit));
            if redacted.is_some() {
                write(object.key("redacted_output"), &answer(&content.shown(), record, span.limit));
            }
        }
        SpanType::Retriever => {
            let content = Content::read(record.parts());
            write(object.key("output"), &documents(&content, record, span.limit));
            if redacted.is_some() {
                write(object.key("redacted_output"), &documents(&content.shown(), record, span.limit));
            }
        }
        SpanType::Control => {
            let decision = last(record, Field::Output).map(|part| content::value(&part));
            if let Some(decision) =
                decision.filter(|value| value.get("action").is_some() && value.get("matched").is_some())
            {
                write(object.key("output"), &decision);
            }
        }
        SpanType::Workflow | SpanType::Agent | SpanType::Tool => {
            text::member(object, "output", |out| text::output(out, record, span.limit));
            if let Some(part) = redacted {
                text::member(object, "redacted_output", |out| text::part(out, &part, span.limit));
            }
        }
    }
}

/// The conversation that a model was asked to go on with.
fn messages(content: &Content<'_>, limit: Limit) -> Value {
    if content.explicit_input.is_none()
        && let [only] = content.arguments.as_slice()
        && only.kind == ValueKind::Text
    {
        // The only argument is the question.
        return Value::Array(vec![message("user", only.text(), limit)]);
    }
    let found = content.input_messages();
    if found.is_empty() {
        return Value::Array(vec![message("user", "", limit)]);
    }
    Value::Array(found.iter().map(|found| galileo_message(found.to_galileo_parts(), limit)).collect())
}

/// What a model answered; an error when it did not.
fn answer(content: &Content<'_>, record: &SpanRecord<'_>, limit: Limit) -> Value {
    let mut found = content.output_messages();
    match found.len() {
        0 => message("assistant", &text::error(record), limit),
        1 => galileo_message(found.remove(0).to_galileo_parts(), limit),
        _ => message("assistant", &content.output.map(|part| content::text(&part)).unwrap_or_default(), limit),
    }
}

fn message(role: &str, text: &str, limit: Limit) -> Value {
    let mut object = Map::new();
    object.insert("role".into(), role.into());
    object.insert("content".into(), limit.cut(text).into());
    Value::Object(object)
}

/// A message with a role that the backend knows and a content within the limit.
fn galileo_message(mut message: Value, limit: Limit) -> Value {
    const ROLES: [&str; 7] = ["agent", "assistant", "developer", "function", "system", "tool", "user"];
    if let Some(content) = message.get("content").and_then(Value::as_str) {
        message["content"] = limit.cut(content).into();
    }
    if let Some(parts) = message.get_mut("content").and_then(Value::as_array_mut) {
        let share = limit.share(parts.len());
        for part in parts {
            if let Some(text) = part.get("text").and_then(Value::as_str) {
                part["text"] = share.cut(text).into();
            }
        }
    }
    if !message.get("role").and_then(Value::as_str).is_some_and(|role| ROLES.contains(&role)) {
        message["role"] = "user".into();
    }
    message
}

/// What a search found; an error as the only document when it failed.
fn documents(content: &Content<'_>, record: &SpanRecord<'_>, limit: Limit) -> Value {
    let found = content.documents();
    if found.is_empty() {
        let error = text::error(record);
        if error.is_empty() {
            return Value::Array(Vec::new());
        }
        let mut object = Map::new();
        object.insert("content".into(), limit.cut(&error).into());
        return Value::Array(vec![Value::Object(object)]);
    }
    let share = limit.share(found.len());
    let document = |found: content::Document| {
        let mut metadata: Map<String, Value> =
            found.metadata.into_iter().map(|(key, value)| (key, scalar(value))).collect();
        if let Some(id) = found.id {
            metadata.insert("id".into(), id.into());
        }
        if let Some(score) = found.score {
            metadata.insert("score".into(), score.into());
        }
        let mut object = Map::new();
        object.insert("content".into(), share.cut(&found.content).into());
        object.insert("metadata".into(), Value::Object(metadata));
        Value::Object(object)
    };
    Value::Array(found.into_iter().map(document).collect())
}

/// A document's metadata holds scalars only; anything else becomes its JSON text.
fn scalar(value: Value) -> Value {
    match value {
        Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
        other => Value::String(other.to_string()),
    }
}

pub(super) fn write(out: &mut Vec<u8>, value: &Value) {
    // Writing a value into a vector does not fail.
    let _ = serde_json::to_writer(out, value);
}
