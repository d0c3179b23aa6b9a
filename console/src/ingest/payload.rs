//! Checks of `input` and `output`, whose shape depends on the type of the span.

use serde_json::value::RawValue;

use super::check::{Check, is_string};
use super::raw::RawObject;
use crate::model::SpanType;

const ROLES: [&str; 7] = ["agent", "assistant", "developer", "function", "system", "tool", "user"];

#[derive(serde::Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    role: Option<&'a RawValue>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    #[serde(borrow)]
    content: &'a RawValue,
    #[serde(borrow, default)]
    metadata: Option<&'a RawValue>,
}

/// Input and output, redacted or not, and the fields that only this type has.
pub(super) fn span(span_type: SpanType, object: &RawObject<'_>, check: &mut Check) {
    for (input, output) in [("input", "output"), ("redacted_input", "redacted_output")] {
        let (given_input, given_output) = (object.get(input), object.get(output));
        match span_type {
            SpanType::Workflow | SpanType::Agent => {
                any(input, given_input, check);
                any(output, given_output, check);
            }
            SpanType::Llm => {
                messages(input, given_input, check);
                message(output, given_output, check);
            }
            SpanType::Retriever => {
                check.text(input, given_input);
                documents(output, given_output, check);
            }
            SpanType::Tool => {
                check.text(input, given_input);
                check.text(output, given_output);
            }
            SpanType::Control => {
                any(input, given_input, check);
                check.object(output, given_output);
            }
        }
    }
    match span_type {
        SpanType::Llm => {
            check.text("model", object.get("model"));
            check.text("finish_reason", object.get("finish_reason"));
            check.number("temperature", object.get("temperature"));
            for list in ["tools", "events"] {
                if object.get(list).is_some_and(|json| serde_json::from_str::<Vec<&RawValue>>(json).is_err()) {
                    check.inside(list, |check| check.report("list_type", "Input should be a valid list"));
                }
            }
        }
        SpanType::Tool => check.text("tool_call_id", object.get("tool_call_id")),
        SpanType::Agent => check.text("agent_type", object.get("agent_type")),
        _ => {}
    }
}

/// Text, a list, or an object: messages, documents and blocks are checked as far as they show what they are.
pub(super) fn any(name: &'static str, json: Option<&str>, check: &mut Check) {
    match json {
        Some(json) if json.starts_with('[') => list(name, json, check),
        Some(json) if json.starts_with('{') || is_string(json) => {}
        Some(_) => check.inside(name, |check| {
            check.report(
                "string_type",
                "Input should be a string, a message, a list of messages, documents or content blocks",
            )
        }),
        None => {}
    }
}

pub(super) fn text_or_blocks(name: &'static str, json: Option<&str>, check: &mut Check) {
    match json {
        Some(json) if json.starts_with('[') => list(name, json, check),
        Some(json) if !is_string(json) => check.inside(name, |check| {
            check.report("string_type", "Input should be a valid string or a list of content blocks")
        }),
        _ => {}
    }
}

fn list(name: &'static str, json: &str, check: &mut Check) {
    if serde_json::from_str::<Vec<Message<'_>>>(json).is_err() {
        check.inside(name, |check| {
            check.report("list_type", "Input should be a valid list of messages, documents or content blocks")
        });
    }
}

fn messages(name: &'static str, json: Option<&str>, check: &mut Check) {
    let Some(json) = json else { return };
    check.inside(name, |check| match serde_json::from_str::<Vec<&RawValue>>(json) {
        Ok(messages) => messages
            .iter()
            .enumerate()
            .for_each(|(index, message)| check.inside_index(index, |check| one_message(message.get(), check))),
        Err(_) => check.report("list_type", "Input should be a valid list"),
    });
}

fn message(name: &'static str, json: Option<&str>, check: &mut Check) {
    if let Some(json) = json {
        check.inside(name, |check| one_message(json, check));
    }
}

fn one_message(json: &str, check: &mut Check) {
    let Ok(message) = serde_json::from_str::<Message<'_>>(json) else {
        return check.report("model_attributes_type", "Input should be a valid message");
    };
    match message.content.map(RawValue::get) {
        None if !json.contains("\"content\"") => check.missing("content"),
        None | Some("null") => {}
        Some(content) if is_string(content) || content.starts_with('[') => {}
        Some(_) => check.inside("content", |check| check.report("string_type", "Input should be a valid string")),
    }
    match message.role.map(RawValue::get) {
        None => check.missing("role"),
        Some(role) if serde_json::from_str::<String>(role).is_ok_and(|role| ROLES.contains(&role.as_str())) => {}
        Some(_) => check.inside("role", |check| {
            check.report(
                "enum",
                "Input should be 'agent', 'assistant', 'developer', 'function', 'system', 'tool' or 'user'",
            )
        }),
    }
}

fn documents(name: &'static str, json: Option<&str>, check: &mut Check) {
    let Some(json) = json else { return };
    check.inside(name, |check| match serde_json::from_str::<Vec<&RawValue>>(json) {
        Err(_) => check.report("list_type", "Input should be a valid list"),
        Ok(documents) => {
            for (index, document) in documents.iter().enumerate() {
                check.inside_index(index, |check| match serde_json::from_str::<Document<'_>>(document.get()) {
                    Err(error) => check.report("model_type", format!("Input should be a valid document: {error}")),
                    Ok(document) => {
                        if !is_string(document.content.get()) {
                            check.inside("content", |check| {
                                check.report("string_type", "Input should be a valid string")
                            });
                        }
                        check.object("metadata", document.metadata.map(RawValue::get).filter(|json| *json != "null"));
                    }
                });
            }
        }
    });
}
