//! Attributes of a span or resource by name.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value, json};

use super::json::{base64, non_finite};
use super::proto::{Any, AnyValue, KeyValue};

/// Attributes of one span that are kept; a specification-abiding SDK stops at 128.
const MOST: usize = 1000;

/// Nesting of lists and maps in a value.
const DEPTH: usize = 64;

/// Items of an indexed list such as `llm.input_messages.<n>.message.role`.
const INDICES: usize = 1000;

/// Attributes by name; the last of two with one name counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attributes(pub(crate) Map<String, Value>);

impl Attributes {
    pub(crate) fn read(list: Vec<KeyValue>) -> Attributes {
        Attributes(
            list.into_iter()
                .take(MOST)
                .map(|pair| (pair.key, pair.value.map_or(Value::Null, |value| read(value, DEPTH))))
                .collect(),
        )
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// The value of the first of these names that is there.
    pub(crate) fn first(&self, names: &[&str]) -> Option<&Value> {
        names.iter().find_map(|name| self.get(name))
    }

    pub(crate) fn text(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.get(name)?.as_str()).filter(|text| !text.is_empty())
    }

    /// A whole number, also from text or a float.
    pub(crate) fn integer(&self, names: &[&str]) -> Option<i64> {
        names.iter().find_map(|name| match self.get(name)? {
            Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|value| value as i64)),
            Value::String(text) => text.parse().ok(),
            _ => None,
        })
    }

    pub(crate) fn number(&self, names: &[&str]) -> Option<f64> {
        names.iter().find_map(|name| match self.get(name)? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        })
    }

    /// `prefix.<n>.a.b = v` as a list of objects `{"a": {"b": v}}`, in the order of the indices.
    pub(crate) fn indexed(&self, prefix: &str) -> Option<Vec<Value>> {
        let mut items: BTreeMap<usize, Value> = BTreeMap::new();
        for (name, value) in &self.0 {
            let Some((index, path)) =
                name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.')).and_then(|rest| rest.split_once('.'))
            else {
                continue;
            };
            let Some(index) = index.parse::<usize>().ok().filter(|index| *index < INDICES) else { continue };
            let mut at = items.entry(index).or_insert_with(|| json!({}));
            for step in path.split('.').take(DEPTH) {
                if !at.is_object() {
                    *at = json!({});
                }
                at = &mut at[step];
            }
            *at = value.clone();
        }
        (!items.is_empty()).then(|| items.into_values().map(lists).collect())
    }
}

/// Objects whose keys are indices become lists.
fn lists(value: Value) -> Value {
    let Value::Object(object) = value else { return value };
    let mut indexed: BTreeMap<usize, Value> = BTreeMap::new();
    let all = !object.is_empty() && object.keys().all(|key| key.parse::<usize>().is_ok());
    if !all {
        return Value::Object(object.into_iter().map(|(key, value)| (key, lists(value))).collect());
    }
    for (key, value) in object {
        indexed.insert(key.parse().unwrap_or(usize::MAX), lists(value));
    }
    Value::Array(indexed.into_values().collect())
}

fn read(any: Any, depth: usize) -> Value {
    match any.value {
        _ if depth == 0 => Value::Null,
        None => Value::Null,
        Some(AnyValue::String(text)) => Value::String(text),
        Some(AnyValue::Bool(flag)) => Value::Bool(flag),
        Some(AnyValue::Int(number)) => Value::Number(number.into()),
        Some(AnyValue::Double(number)) => {
            Number::from_f64(number).map_or_else(|| Value::String(non_finite(number).into()), Value::Number)
        }
        Some(AnyValue::Array(list)) => {
            Value::Array(list.values.into_iter().map(|value| read(value, depth - 1)).collect())
        }
        Some(AnyValue::Map(map)) => Value::Object(
            map.values
                .into_iter()
                .take(MOST)
                .map(|pair| (pair.key, pair.value.map_or(Value::Null, |value| read(value, depth - 1))))
                .collect(),
        ),
        Some(AnyValue::Bytes(bytes)) => json!({"bytesValue": base64(&bytes)}),
    }
}

/// A value as OTLP writes it: the way back from [`Attributes::read`].
pub(crate) fn write(value: &Value) -> Any {
    let value = match value {
        Value::Null => None,
        Value::String(text) => Some(AnyValue::String(text.clone())),
        Value::Bool(flag) => Some(AnyValue::Bool(*flag)),
        Value::Number(number) => {
            Some(number.as_i64().map_or_else(|| AnyValue::Double(number.as_f64().unwrap_or(0.0)), AnyValue::Int))
        }
        Value::Array(list) => Some(AnyValue::Array(super::proto::AnyList { values: list.iter().map(write).collect() })),
        Value::Object(object) => match object
            .get("bytesValue")
            .and_then(Value::as_str)
            .filter(|_| object.len() == 1)
            .and_then(super::json::unbase64)
        {
            Some(bytes) => Some(AnyValue::Bytes(bytes)),
            None => Some(AnyValue::Map(super::proto::AnyMap {
                values: object
                    .iter()
                    .map(|(key, value)| KeyValue { key: key.clone(), value: Some(write(value)) })
                    .collect(),
            })),
        },
    };
    Any { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexed_names_become_lists_of_objects() {
        let attributes = Attributes(
            [
                ("m.10.message.role", json!("user")),
                ("m.2.message.role", json!("assistant")),
                ("m.2.message.tool_calls.0.tool_call.id", json!("c")),
                ("m.2.message", json!("overridden by its members or the reverse")),
                ("m.x.message.role", json!("no index")),
                ("m.4000000000.message.role", json!("too large an index")),
                ("mm.1.a", json!(1)),
            ]
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
        );
        let expected = json!([{"message": {"role": "assistant", "tool_calls": [{"tool_call": {"id": "c"}}]}}, {"message": {"role": "user"}}]);
        assert_eq!(attributes.indexed("m").map(Value::Array), Some(expected));
        assert_eq!(attributes.indexed("none"), None);
    }
}
