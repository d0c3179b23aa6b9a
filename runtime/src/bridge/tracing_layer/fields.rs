//! The fields of one `tracing` span or event, as they were recorded.

use crate::capture::Value as Captured;
use crate::model::{Field, Parts, ValueKind};
use std::fmt::{self, Write};
use tracing_core::field::{Field as TracingField, Visit};

/// Texts longer than this are cut; the rest would be cut by the pipeline's own limits, after the copy.
const TEXT_LIMIT: usize = 256 * 1024;

/// The value of one field.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Int(i64),
    UInt(u64),
    Float(f64),
    Bool(bool),
}

impl Value {
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(n) => Some(*n as f64),
            Self::UInt(n) => Some(*n as f64),
            Self::Float(n) => Some(*n),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Bool(_) => None,
        }
    }

    pub(super) fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Int(n) => u64::try_from(*n).ok(),
            Self::UInt(n) => Some(*n),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Float(_) | Self::Bool(_) => None,
        }
    }

    /// The object or list that it is the JSON text of.
    pub(super) fn to_structure(&self) -> Option<serde_json::Value> {
        let text = self.as_text().filter(|text| text.trim_start().starts_with(['{', '[']))?;
        serde_json::from_str(text).ok()
    }

    /// Writes it as a part of its own kind, within the limit of captured values; JSON text stays JSON, secrets in it left out.
    pub(super) fn write(&self, parts: &mut Parts<'_>, field: Field, key: &str) {
        match self {
            Self::Text(text) => match self.to_structure() {
                Some(json) => Captured::Json(&json).put(field, key, parts),
                None => Captured::Text(text).put(field, key, parts),
            },
            Self::Int(n) => parts.push(field, key, ValueKind::Int, &n.to_le_bytes()),
            Self::UInt(n) => parts.uint(field, key, *n),
            Self::Float(n) => parts.push(field, key, ValueKind::Float, &n.to_le_bytes()),
            Self::Bool(truth) => parts.push(field, key, ValueKind::Bool, &[u8::from(*truth)]),
        }
    }

    pub(super) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Int(n) => (*n).into(),
            Self::UInt(n) => (*n).into(),
            Self::Float(n) => (*n).into(),
            Self::Bool(truth) => (*truth).into(),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Int(n) => n.fmt(f),
            Self::UInt(n) => n.fmt(f),
            Self::Float(n) => n.fmt(f),
            Self::Bool(truth) => truth.fmt(f),
        }
    }
}

/// Fields by name, in the order in which they were recorded first; the last value of a name counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_text)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(key, value)| (*key, value))
    }

    fn set(&mut self, field: &TracingField, value: Value) {
        let name = field.name();
        match self.0.iter_mut().find(|(key, _)| *key == name) {
            Some(entry) => entry.1 = value,
            None => self.0.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &TracingField, value: f64) {
        self.set(field, Value::Float(value));
    }

    fn record_i64(&mut self, field: &TracingField, value: i64) {
        self.set(field, Value::Int(value));
    }

    fn record_u64(&mut self, field: &TracingField, value: u64) {
        self.set(field, Value::UInt(value));
    }

    fn record_bool(&mut self, field: &TracingField, value: bool) {
        self.set(field, Value::Bool(value));
    }

    fn record_str(&mut self, field: &TracingField, value: &str) {
        let mut text = Bounded::default();
        let _ = text.write_str(value);
        self.set(field, Value::Text(text.0));
    }

    fn record_debug(&mut self, field: &TracingField, value: &dyn fmt::Debug) {
        let mut text = Bounded::default();
        // An error here is the bound, or the value's own; what was written before it is kept.
        let _ = write!(text, "{value:?}");
        self.set(field, Value::Text(text.0));
    }
}

/// Text that stops growing at the limit, at a whole character.
#[derive(Default)]
struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = TEXT_LIMIT - self.0.len();
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        let end = (0..=room).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        self.0.push_str(&text[..end]);
        Err(fmt::Error)
    }
}
