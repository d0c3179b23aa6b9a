//! The fields of one span or event, as they were recorded.

use crate::capture::Value as Captured;
use crate::model::{Field, Parts, ValueKind};
use std::borrow::Cow;
use std::fmt::{self, Write};

/// Texts longer than this are cut; the rest would be cut by the pipeline's own limits, after the copy.
const TEXT_LIMIT: usize = 256 * 1024;

/// The value of one field.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::bridge) enum Value {
    Text(String),
    Int(i64),
    #[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "OpenTelemetry has signed numbers only"))]
    UInt(u64),
    Float(f64),
    Bool(bool),
}

impl Value {
    /// Text within the limit.
    pub(in crate::bridge) fn text(text: &str) -> Self {
        let mut bounded = Bounded::default();
        let _ = bounded.write_str(text);
        Self::Text(bounded.0)
    }

    pub(in crate::bridge) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(in crate::bridge) fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(n) => Some(*n as f64),
            Self::UInt(n) => Some(*n as f64),
            Self::Float(n) => Some(*n),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Bool(_) => None,
        }
    }

    pub(in crate::bridge) fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Int(n) => u64::try_from(*n).ok(),
            Self::UInt(n) => Some(*n),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Float(_) | Self::Bool(_) => None,
        }
    }

    /// The object or list that it is the JSON text of.
    pub(in crate::bridge) fn to_structure(&self) -> Option<serde_json::Value> {
        let text = self.as_text().filter(|text| text.trim_start().starts_with(['{', '[']))?;
        serde_json::from_str(text).ok()
    }

    /// Writes it as a part of its own kind, within the limit of captured values; JSON text stays JSON, secrets in it left out.
    pub(in crate::bridge) fn write(&self, parts: &mut Parts<'_>, field: Field, key: &str) {
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

    pub(in crate::bridge) fn to_json(&self) -> serde_json::Value {
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
pub(in crate::bridge) struct Fields(Vec<(Cow<'static, str>, Value)>);

impl Fields {
    pub(in crate::bridge) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    pub(in crate::bridge) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_text)
    }

    pub(in crate::bridge) fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (&**key, value))
    }

    /// Sets a field; the last value of a name counts.
    pub(in crate::bridge) fn set(&mut self, name: impl Into<Cow<'static, str>>, value: Value) {
        let name = name.into();
        match self.0.iter_mut().find(|(key, _)| *key == name) {
            Some(entry) => entry.1 = value,
            None => self.0.push((name, value)),
        }
    }
}

/// Text that stops growing at the limit, at a whole character.
#[derive(Default)]
pub(in crate::bridge) struct Bounded(pub(in crate::bridge) String);

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
