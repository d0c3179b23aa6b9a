//! What one annotated function knows at compile time, and how its values get into a record.

use crate::capture::{Value, is_secret_name};
use crate::model::{Callsite, Field, Parts, SpanType, ValueKind};
use serde::Serialize;
use std::fmt::{Debug, Display};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The static side of one annotated function.
#[derive(Debug)]
pub struct Site {
    pub(super) callsite: Callsite,
    /// What each captured value says, in the order in which the generated code passes them.
    values: &'static [(Field, &'static str)],
}

impl Site {
    /// Made once, as a `static`.
    pub const fn new(callsite: Callsite, values: &'static [(Field, &'static str)]) -> Self {
        Self { callsite, values }
    }

    #[inline]
    pub(super) const fn is_llm(&self) -> bool {
        matches!(self.callsite.span_type, SpanType::Llm)
    }

    pub(super) fn write(&self, values: &[Value<'_>], parts: &mut Parts<'_>) {
        for ((field, key), value) in self.values.iter().zip(values) {
            put(*field, key, value, parts);
        }
    }
}

/// Adds one value; lists of tags and maps of metadata become one part for each entry.
pub(super) fn put(field: Field, key: &str, value: &Value<'_>, parts: &mut Parts<'_>) {
    match field {
        Field::Tag => spread(value, parts, |json, parts| match json {
            serde_json::Value::Array(tags) => tags.iter().for_each(|tag| parts.text(Field::Tag, "", &plain_text(tag))),
            other => parts.text(Field::Tag, "", &plain_text(&other)),
        }),
        Field::Metadata if key.is_empty() => spread(value, parts, |json, parts| {
            let serde_json::Value::Object(entries) = json else { return };
            for (key, value) in &entries {
                let text = if is_secret_name(key) { crate::capture::REDACTED.to_owned() } else { plain_text(value) };
                parts.text(Field::Metadata, key, &text);
            }
        }),
        _ => value.put(field, key, parts),
    }
}

#[cold]
fn spread(value: &Value<'_>, parts: &mut Parts<'_>, write: impl FnOnce(serde_json::Value, &mut Parts<'_>)) {
    let mut bytes = Vec::new();
    let kind = value.write(&mut bytes);
    let text = || String::from_utf8_lossy(&bytes).into_owned();
    let json = match kind {
        ValueKind::Json => serde_json::from_slice(&bytes).unwrap_or_else(|_| text().into()),
        ValueKind::Text | ValueKind::Debug => text().into(),
        ValueKind::Int | ValueKind::UInt | ValueKind::Float | ValueKind::Bool => match number(kind, &bytes) {
            Some(number) => number,
            None => return,
        },
        ValueKind::Null | ValueKind::TypeName => return,
        #[allow(unreachable_patterns, reason = "kinds may be added")]
        _ => return,
    };
    write(json, parts);
}

fn number(kind: ValueKind, bytes: &[u8]) -> Option<serde_json::Value> {
    let eight = <[u8; 8]>::try_from(bytes);
    Some(match kind {
        ValueKind::Bool => (bytes == [1]).into(),
        ValueKind::Int => i64::from_le_bytes(eight.ok()?).into(),
        ValueKind::UInt => u64::from_le_bytes(eight.ok()?).into(),
        _ => f64::from_le_bytes(eight.ok()?).into(),
    })
}

fn plain_text(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `capture_as(parameter = Debug)`
#[inline]
pub fn as_debug<T: Debug>(value: &T) -> Value<'_> {
    Value::Debug(value)
}

/// `capture_as(parameter = Display)`
#[inline]
pub fn as_display<T: Display>(value: &T) -> Value<'_> {
    Value::Display(value)
}

/// `capture_as(parameter = Serialize)`
#[inline]
pub fn as_serialize<T: Serialize>(value: &T) -> Value<'_> {
    Value::Json(value)
}

/// Runs expressions of the user's that stand in the attribute; `false` when one of them panicked. That costs the record of the values,
/// not the program.
pub fn survives(capture: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(capture)).is_ok()
}
