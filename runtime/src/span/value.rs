//! Values that the program hands over by hand, as parts.

use crate::model::{Field, Parts, ValueKind};
use serde::Serialize;

/// Adds `value`: text stays text, anything else becomes JSON. What cannot be serialised leaves the error's text.
pub(super) fn write(parts: &mut Parts<'_>, field: Field, key: &str, value: &(impl Serialize + ?Sized)) {
    parts.push_with(field, key, |out| {
        let start = out.len();
        match serde_json::to_value(value) {
            Ok(serde_json::Value::Null) => ValueKind::Null,
            Ok(serde_json::Value::String(text)) => {
                out.extend_from_slice(text.as_bytes());
                ValueKind::Text
            }
            Ok(value) => match serde_json::to_writer(&mut *out, &value) {
                Ok(()) => ValueKind::Json,
                Err(_) => {
                    out.truncate(start);
                    ValueKind::Null
                }
            },
            Err(error) => {
                out.extend_from_slice(format!("<{error}>").as_bytes());
                ValueKind::Text
            }
        }
    });
}
