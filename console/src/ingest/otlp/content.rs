//! Input and output of a span from its attributes and events, in Galileo's form for the span's type.

use serde_json::{Value, json};

use super::attributes::Attributes;
use super::proto::Event;
use crate::ingest::message;
use crate::model::SpanType;

/// The attributes that hold messages as one value, newest convention first.
const INPUT: [&str; 2] = ["gen_ai.input.messages", "gen_ai.prompt"];
const OUTPUT: [&str; 2] = ["gen_ai.output.messages", "gen_ai.completion"];
/// Plain values of any form.
const INPUT_VALUE: [&str; 4] =
    ["input.value", "traceloop.entity.input", "gen_ai.tool.call.arguments", "tool.parameters"];
const OUTPUT_VALUE: [&str; 3] = ["output.value", "traceloop.entity.output", "gen_ai.tool.call.result"];

pub(super) struct Content {
    pub(super) input: Option<Value>,
    pub(super) output: Option<Value>,
}

pub(super) fn read(span_type: SpanType, attributes: &Attributes, events: &[(Event, Attributes)]) -> Content {
    let value = |names: &[&str]| attributes.first(names).cloned();
    match span_type {
        SpanType::Llm => Content {
            input: input_messages(attributes, events)
                .or_else(|| message::messages(attributes.first(&INPUT_VALUE)?, "user"))
                .map(Value::Array),
            output: output_messages(attributes, events)
                .or_else(|| message::messages(attributes.first(&OUTPUT_VALUE)?, "assistant"))
                .and_then(|messages| messages.into_iter().next_back()),
        },
        SpanType::Tool => Content {
            input: value(&["gen_ai.tool.call.arguments"])
                .or_else(|| value(&INPUT_VALUE))
                .or_else(|| single(input_messages(attributes, events)))
                .map(as_text),
            output: value(&["gen_ai.tool.call.result"])
                .or_else(|| value(&OUTPUT_VALUE))
                .or_else(|| single(output_messages(attributes, events)))
                .map(as_text),
        },
        SpanType::Retriever => Content {
            input: value(&["gen_ai.retrieval.query.text"])
                .or_else(|| value(&INPUT_VALUE))
                .or_else(|| single(input_messages(attributes, events)))
                .map(as_text),
            output: documents(attributes).map(Value::Array),
        },
        SpanType::Workflow | SpanType::Agent | SpanType::Control => Content {
            input: value(&INPUT_VALUE).or_else(|| single(input_messages(attributes, events))),
            output: value(&OUTPUT_VALUE).or_else(|| single(output_messages(attributes, events))),
        },
    }
}

fn as_text(value: Value) -> Value {
    Value::String(message::text(&value))
}

/// One message with plain text is that text: it is how senders wrap what is no conversation.
fn single(messages: Option<Vec<Value>>) -> Option<Value> {
    let messages = messages?;
    match messages.as_slice() {
        [only] if only.get("tool_calls").is_none() && only["content"].is_string() => {
            Some(only["content"].clone()).filter(|text| text != "")
        }
        [_, ..] => Some(Value::Array(messages)),
        [] => None,
    }
}

fn input_messages(attributes: &Attributes, events: &[(Event, Attributes)]) -> Option<Vec<Value>> {
    let mut messages = INPUT
        .iter()
        .find_map(|name| message::messages(attributes.get(name)?, "user"))
        .or_else(|| indexed(attributes, "gen_ai.prompt", "user"))
        .or_else(|| indexed(attributes, "llm.input_messages", "user"))
        .or_else(|| from_events(events, &INPUT, &["gen_ai.content.prompt"], "user"))
        .or_else(|| spoken(events))?;
    if let Some(system) = attributes.get("gen_ai.system_instructions") {
        let system = match message::parsed(system) {
            Value::Array(parts) => message::messages(&json!([{"role": "system", "parts": parts}]), "system"),
            other => message::messages(&other, "system"),
        };
        messages.splice(0..0, system.into_iter().flatten());
    }
    Some(messages)
}

fn output_messages(attributes: &Attributes, events: &[(Event, Attributes)]) -> Option<Vec<Value>> {
    OUTPUT
        .iter()
        .find_map(|name| message::messages(attributes.get(name)?, "assistant"))
        .or_else(|| indexed(attributes, "gen_ai.completion", "assistant"))
        .or_else(|| indexed(attributes, "llm.output_messages", "assistant"))
        .or_else(|| from_events(events, &OUTPUT, &["gen_ai.content.completion"], "assistant"))
        .or_else(|| {
            let (_, choice) = events.iter().find(|(event, _)| event.name == "gen_ai.choice")?;
            let message = choice.get("message").map(message::parsed).unwrap_or_else(|| Value::Object(choice.0.clone()));
            message::messages(&with_role(message, "assistant"), "assistant")
        })
}

fn indexed(attributes: &Attributes, prefix: &str, role: &str) -> Option<Vec<Value>> {
    let items = attributes.indexed(prefix)?.into_iter().map(|item| with_role(unwrap(item), role)).collect();
    message::messages(&Value::Array(items), role)
}

/// OpenInference puts each object into another one that says what it is.
fn unwrap(value: Value) -> Value {
    match value {
        Value::Object(mut object) => {
            let wrapper = ["message", "tool_call", "message_content", "document"]
                .iter()
                .find(|name| object.len() == 1 && object.get(**name).is_some_and(Value::is_object));
            if let Some(inner) = wrapper.and_then(|name| object.remove(*name)) {
                return unwrap(inner);
            }
            if let Some(contents) = object.remove("contents") {
                object.entry("content").or_insert(contents);
            }
            Value::Object(object.into_iter().map(|(key, value)| (key, unwrap(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(unwrap).collect()),
        other => other,
    }
}

fn with_role(mut value: Value, role: &str) -> Value {
    if let Value::Object(object) = &mut value {
        object.entry("role").or_insert_with(|| role.into());
        if !object.contains_key("tool_calls") {
            object.entry("content").or_insert_with(|| "".into());
        }
    }
    value
}

/// Messages that travel as attributes of an event.
fn from_events(events: &[(Event, Attributes)], names: &[&str], older: &[&str], role: &str) -> Option<Vec<Value>> {
    events
        .iter()
        .filter(|(event, _)| {
            event.name == "gen_ai.client.inference.operation.details" || older.contains(&event.name.as_str())
        })
        .find_map(|(_, attributes)| message::messages(attributes.first(names)?, role))
}

/// One event for each message: `gen_ai.user.message` and its siblings.
fn spoken(events: &[(Event, Attributes)]) -> Option<Vec<Value>> {
    let messages: Vec<Value> = events
        .iter()
        .filter_map(|(event, attributes)| {
            let role = event.name.strip_prefix("gen_ai.")?.strip_suffix(".message")?;
            Some(with_role(
                Value::Object(attributes.0.iter().map(|(key, value)| (key.clone(), message::parsed(value))).collect()),
                role,
            ))
        })
        .collect();
    message::messages(&Value::Array(messages), "user")
}

fn documents(attributes: &Attributes) -> Option<Vec<Value>> {
    let galileo = || {
        let messages = message::parsed(attributes.get("gen_ai.output.messages")?);
        let content =
            messages.as_array()?.iter().find_map(|message| message.get("content")?.get("documents").cloned())?;
        message::documents(&content)
    };
    let indexed = || {
        Some(
            ["retrieval.documents", "reranker.output_documents"]
                .iter()
                .find_map(|prefix| attributes.indexed(prefix))?
                .into_iter()
                .map(|item| message::document(&unwrap(item)))
                .collect(),
        )
    };
    attributes
        .get("gen_ai.retrieval.documents")
        .and_then(message::documents)
        .or_else(galileo)
        .or_else(indexed)
        .or_else(|| message::documents(attributes.first(&OUTPUT_VALUE)?))
        .or_else(|| attributes.first(&OUTPUT_VALUE).map(|value| vec![message::document(value)]))
}
