//! What was asked and answered as the parts of a span.

use super::api::{Answer, Asked};
use crate::capture::Value;
use crate::model::{Field, Parts};
use serde_json::Value as Json;

/// Where a call went.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) provider: &'static str,
    pub(super) host: String,
}

pub(super) fn asked(asked: &Asked, to: &Address, content: bool, parts: &mut Parts<'_>) {
    parts.text(Field::Metadata, "gen_ai.provider.name", to.provider);
    parts.text(Field::Metadata, "server.address", &to.host);
    if let Some(model) = &asked.model {
        parts.text(Field::Model, "", model);
    }
    if let Some(temperature) = asked.temperature {
        Value::Float(temperature).put(Field::Temperature, "", parts);
    }
    if asked.stream {
        Value::Bool(true).put(Field::Metadata, "gen_ai.request.stream", parts);
    }
    for (name, value) in &asked.limits {
        put(value, Field::Metadata, &format!("gen_ai.request.{name}"), parts);
    }
    if content {
        if let Some(tools) = &asked.tools {
            put(tools, Field::Tools, "", parts);
        }
        put(&asked.messages, Field::Input, "", parts);
    }
}

pub(super) fn answered(answer: &Answer, content: bool, parts: &mut Parts<'_>) {
    for (name, value) in [("gen_ai.response.model", &answer.model), ("gen_ai.response.id", &answer.id)] {
        if let Some(value) = value {
            parts.text(Field::Metadata, name, value);
        }
    }
    if let Some(reason) = &answer.finish_reason {
        parts.text(Field::FinishReason, "", reason);
    }
    let usage = &answer.usage;
    for (name, count) in [
        ("num_input_tokens", usage.input),
        ("num_output_tokens", usage.output),
        ("num_total_tokens", usage.total),
        ("num_cached_input_tokens", usage.cached),
        ("num_cache_write_input_tokens", usage.cache_write),
        ("num_reasoning_tokens", usage.reasoning),
    ] {
        if let Some(count) = count {
            parts.uint(Field::Metric, name, count);
        }
    }
    if content {
        put(&answer.message, Field::Output, "", parts);
    }
}

/// Writes a value within the limits of captured values, secrets left out by name.
fn put(value: &Json, field: Field, key: &str, parts: &mut Parts<'_>) {
    match value {
        Json::Null => {}
        Json::String(text) => Value::Text(text).put(field, key, parts),
        Json::Number(number) if number.is_u64() => Value::UInt(number.as_u64().unwrap_or(0)).put(field, key, parts),
        other => Value::Json(other).put(field, key, parts),
    }
}
