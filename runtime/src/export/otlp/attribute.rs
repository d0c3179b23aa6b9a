//! A list of attributes under construction.

use super::wire::{Any, AnyValue, ArrayValue, KeyValue};
use crate::export::content;
use crate::model::{Part, ValueKind};
use serde_json::Value;

/// Attributes in the order in which they were set; the first value of a key stays.
#[derive(Debug, Default)]
pub(super) struct Attributes(Vec<KeyValue>);

impl Attributes {
    /// Sets `key`, unless it is set.
    pub(super) fn set(&mut self, key: impl Into<String>, value: impl Into<Any>) {
        let key = key.into();
        if !self.has(&key) {
            self.0.push(KeyValue { key, value: Some(AnyValue { value: Some(value.into()) }) });
        }
    }

    /// Sets `key` if there is a value.
    pub(super) fn set_some(&mut self, key: &str, value: Option<impl Into<Any>>) {
        if let Some(value) = value {
            self.set(key, value);
        }
    }

    /// Sets `key` to a captured value: numbers, truth values and text as such, anything else as JSON text.
    pub(super) fn set_part(&mut self, key: &str, part: &Part<'_>) {
        match part.kind {
            ValueKind::Null => {}
            ValueKind::Json => self.set_json(key, &content::value(part)),
            ValueKind::Int | ValueKind::UInt | ValueKind::Float | ValueKind::Bool => {
                self.set_json(key, &content::value(part));
            }
            _ => self.set(key, content::text(part).into_owned()),
        }
    }

    /// Sets `key` to what comes nearest among the protocol's types; objects become JSON text.
    pub(super) fn set_json(&mut self, key: &str, value: &Value) {
        if let Some(value) = any(value) {
            self.set(key, value);
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|kv| kv.key == key)
    }

    pub(super) fn into_inner(self) -> Vec<KeyValue> {
        self.0
    }
}

fn any(value: &Value) -> Option<Any> {
    match value {
        Value::Null => None,
        Value::Bool(truth) => Some(Any::BoolValue(*truth)),
        Value::Number(number) => number.as_i64().map(Any::IntValue).or_else(|| number.as_f64().map(Any::DoubleValue)),
        Value::String(text) => Some(Any::StringValue(text.clone())),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            Some(items.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>().into())
        }
        other => Some(Any::StringValue(other.to_string())),
    }
}

impl From<&str> for Any {
    fn from(text: &str) -> Self {
        Self::StringValue(text.to_owned())
    }
}

impl From<String> for Any {
    fn from(text: String) -> Self {
        Self::StringValue(text)
    }
}

impl From<bool> for Any {
    fn from(truth: bool) -> Self {
        Self::BoolValue(truth)
    }
}

impl From<u64> for Any {
    fn from(number: u64) -> Self {
        // The protocol's integers are signed; no count comes near the difference.
        i64::try_from(number).map_or_else(|_| Self::StringValue(number.to_string()), Self::IntValue)
    }
}

impl From<f64> for Any {
    fn from(number: f64) -> Self {
        Self::DoubleValue(number)
    }
}

impl From<Vec<String>> for Any {
    fn from(texts: Vec<String>) -> Self {
        let values = texts.into_iter().map(|text| AnyValue { value: Some(Self::StringValue(text)) }).collect();
        Self::ArrayValue(ArrayValue { values })
    }
}
