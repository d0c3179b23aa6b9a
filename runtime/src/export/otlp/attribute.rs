//! A message's attributes, written straight into the request: no tree of them is built and thrown away for each span.

use super::encode;
use crate::export::content;
use crate::model::{Part, ValueKind};
use serde_json::Value;
use std::borrow::Cow;

/// What an attribute says, as far as the protocol can say it.
#[derive(Clone, Debug)]
pub(super) enum Any<'a> {
    Text(Cow<'a, str>),
    Truth(bool),
    Int(i64),
    Double(f64),
    Texts(Vec<String>),
}

/// Attributes in the order in which they were set; the first value of a key stays.
#[derive(Debug)]
pub(super) struct Attributes<'b> {
    out: &'b mut Vec<u8>,
    /// The number of the message's field that holds them.
    field: u32,
    /// Where in `out` each key is.
    keys: Vec<(usize, usize)>,
}

impl<'b> Attributes<'b> {
    /// At the end of `out`, as repeated `field`s of the message that is being written there.
    pub(super) fn new(out: &'b mut Vec<u8>, field: u32) -> Self {
        Self { out, field, keys: Vec::with_capacity(24) }
    }

    /// Sets `key`, unless it is set.
    pub(super) fn set<'a>(&mut self, key: impl AsRef<str>, value: impl Into<Any<'a>>) {
        let key = key.as_ref();
        if self.has(key) {
            return;
        }
        let value = value.into();
        let length = value.length();
        let whole = encode::field_length(key.len()) + encode::field_length(length);
        encode::head(self.out, self.field, whole);
        encode::head(self.out, 1, key.len());
        self.keys.push((self.out.len(), self.out.len() + key.len()));
        self.out.extend_from_slice(key.as_bytes());
        encode::head(self.out, 2, length);
        value.write(self.out);
    }

    /// Sets `key` if there is a value.
    pub(super) fn set_some<'a>(&mut self, key: &str, value: Option<impl Into<Any<'a>>>) {
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
            _ => self.set(key, content::text(part)),
        }
    }

    /// Sets `key` to what comes nearest among the protocol's types; objects become JSON text.
    pub(super) fn set_json(&mut self, key: &str, value: &Value) {
        if let Some(value) = any(value) {
            self.set(key, value);
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.keys.iter().any(|&(from, to)| self.out.get(from..to) == Some(key.as_bytes()))
    }
}

fn any(value: &Value) -> Option<Any<'_>> {
    match value {
        Value::Null => None,
        Value::Bool(truth) => Some(Any::Truth(*truth)),
        Value::Number(number) => number.as_i64().map(Any::Int).or_else(|| number.as_f64().map(Any::Double)),
        Value::String(text) => Some(text.as_str().into()),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            Some(items.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>().into())
        }
        other => Some(other.to_string().into()),
    }
}

impl Any<'_> {
    /// Bytes of the `AnyValue`.
    fn length(&self) -> usize {
        match self {
            Self::Text(text) => encode::field_length(text.len()),
            Self::Truth(_) => 2,
            Self::Int(number) => 1 + encode::varint_length(*number as u64),
            Self::Double(_) => 9,
            Self::Texts(texts) => encode::field_length(list_length(texts)),
        }
    }

    /// Writes the `AnyValue`: one of its fields, by their numbers.
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => encode::bytes(out, 1, text.as_bytes()),
            Self::Truth(truth) => encode::varint_field(out, 2, u64::from(*truth)),
            Self::Int(number) => encode::varint_field(out, 3, *number as u64),
            Self::Double(number) => encode::fixed64(out, 4, number.to_bits()),
            Self::Texts(texts) => {
                encode::head(out, 5, list_length(texts));
                for text in texts {
                    encode::head(out, 1, encode::field_length(text.len()));
                    encode::bytes(out, 1, text.as_bytes());
                }
            }
        }
    }
}

/// Bytes of the `ArrayValue`.
fn list_length(texts: &[String]) -> usize {
    texts.iter().map(|text| encode::field_length(encode::field_length(text.len()))).sum()
}

impl<'a> From<&'a str> for Any<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Any<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'a> From<Cow<'a, str>> for Any<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Any<'_> {
    fn from(truth: bool) -> Self {
        Self::Truth(truth)
    }
}

impl From<u64> for Any<'_> {
    fn from(number: u64) -> Self {
        // The protocol's integers are signed; no count comes near the difference.
        i64::try_from(number).map_or_else(|_| number.to_string().into(), Self::Int)
    }
}

impl From<f64> for Any<'_> {
    fn from(number: f64) -> Self {
        Self::Double(number)
    }
}

impl From<Vec<String>> for Any<'_> {
    fn from(texts: Vec<String>) -> Self {
        Self::Texts(texts)
    }
}
