//! Captured values as they travel from a span to the worker: a run of self-describing parts in one byte buffer.
//!
//! ```text
//! part  = field u8 | kind u8 | key length u16 | value length u32 | key bytes | value bytes      (little endian)
//! ```
//!
//! Text stays raw here. Escaping it into JSON is the worker's work, so a `&str` argument costs the caller one copy.

use super::scratch;

/// What a part says about its span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Field {
    /// One argument; the key is its name. The input is the object of all arguments in declaration order.
    Argument = 0,
    /// The whole input, given explicitly; wins over arguments.
    Input = 1,
    /// The output.
    Output = 2,
    /// What the input may show to readers without rights to the original.
    RedactedInput = 3,
    /// What the output may show to readers without rights to the original.
    RedactedOutput = 4,
    /// The text of an error or a panic.
    Error = 5,
    /// An explicit status code (unsigned integer).
    StatusCode = 6,
    /// A tag (text).
    Tag = 7,
    /// A metadata entry; the key is its name.
    Metadata = 8,
    /// Something that happened during the span: the key is its name, the value its attributes (JSON object) or null.
    Event = 9,
    /// The name of the span, when it is not the callsite's.
    Name = 10,
    /// The model's name (llm).
    Model = 11,
    /// The sampling temperature (llm).
    Temperature = 12,
    /// The tools offered to the model (llm, JSON array).
    Tools = 13,
    /// Why the model stopped (llm).
    FinishReason = 14,
    /// A number of the metrics object, such as `num_input_tokens` or `time_to_first_token_ns`; the key is its name.
    Metric = 15,
    /// The id of the tool call (tool).
    ToolCallId = 16,
    /// The kind of agent (agent).
    AgentType = 17,
    /// The error began in this span (null value).
    ErrorOrigin = 18,
    /// The session's id by the backend (text, trace fact).
    SessionId = 19,
    /// A dataset field of the trace; the key is `input`, `output` or a metadata name prefixed by `metadata.`.
    Dataset = 20,
    /// Any further attribute of this span type, by its wire name in the key (control spans, for example).
    Attribute = 21,
    /// A fact about where the span comes from, such as `w3c.parent_id` or `w3c.trace_id`; the key is its name.
    Origin = 22,
    /// A fact about the session when the backend has to look it up or create it; the key is `external_id`, `name`,
    /// `previous_session_id` or `metadata.<name>` (trace fact; an empty name asks for a new session).
    Session = 23,
    /// When the event that follows happened, in nanoseconds since the Unix epoch (unsigned integer).
    EventTime = 24,
}

impl Field {
    const ALL: [Self; 25] = [
        Self::Argument,
        Self::Input,
        Self::Output,
        Self::RedactedInput,
        Self::RedactedOutput,
        Self::Error,
        Self::StatusCode,
        Self::Tag,
        Self::Metadata,
        Self::Event,
        Self::Name,
        Self::Model,
        Self::Temperature,
        Self::Tools,
        Self::FinishReason,
        Self::Metric,
        Self::ToolCallId,
        Self::AgentType,
        Self::ErrorOrigin,
        Self::SessionId,
        Self::Dataset,
        Self::Attribute,
        Self::Origin,
        Self::Session,
        Self::EventTime,
    ];
}

/// How the bytes of a part's value are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum ValueKind {
    /// No value.
    Null = 0,
    /// UTF-8 text, not escaped.
    Text = 1,
    /// Valid JSON text.
    Json = 2,
    /// `i64`, little endian.
    Int = 3,
    /// `u64`, little endian.
    UInt = 4,
    /// `f64`, little endian.
    Float = 5,
    /// One byte, 0 or 1.
    Bool = 6,
    /// Text made by `Debug`.
    Debug = 7,
    /// The name of a type whose values cannot be captured.
    TypeName = 8,
}

impl ValueKind {
    const ALL: [Self; 9] = [
        Self::Null,
        Self::Text,
        Self::Json,
        Self::Int,
        Self::UInt,
        Self::Float,
        Self::Bool,
        Self::Debug,
        Self::TypeName,
    ];
}

const HEADER: usize = 8;

/// One captured value, borrowed from a record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part<'a> {
    /// What it says about the span.
    pub field: Field,
    /// How to read `value`.
    pub kind: ValueKind,
    /// The name of the argument, metadata entry or event; empty where the field needs none.
    pub key: &'a str,
    /// The value's bytes.
    pub value: &'a [u8],
}

impl<'a> Part<'a> {
    /// The value as text, for the kinds that are text; empty otherwise.
    pub fn text(&self) -> &'a str {
        match self.kind {
            ValueKind::Text | ValueKind::Json | ValueKind::Debug | ValueKind::TypeName => {
                std::str::from_utf8(self.value).unwrap_or_default()
            }
            _ => "",
        }
    }

    /// The value as an unsigned integer, where it is a number that fits.
    pub fn as_u64(&self) -> Option<u64> {
        let bytes = <[u8; 8]>::try_from(self.value).ok()?;
        match self.kind {
            ValueKind::UInt => Some(u64::from_le_bytes(bytes)),
            ValueKind::Int => u64::try_from(i64::from_le_bytes(bytes)).ok(),
            _ => None,
        }
    }
}

/// Writes parts at the end of a byte buffer.
///
/// Recording never fails: a key longer than 64 KiB is cut at a character, a value longer than 4 GiB is not written.
pub struct Parts<'b> {
    buffer: &'b mut Vec<u8>,
    /// A buffer without room is exchanged for the thread's spare one when the first part comes.
    lends: bool,
}

impl<'b> Parts<'b> {
    /// Writes at the end of `buffer`.
    #[inline]
    pub fn new(buffer: &'b mut Vec<u8>) -> Self {
        Self { buffer, lends: false }
    }

    /// Writes into `empty`, which gets the thread's spare buffer when there is something to write, and goes without when there is not.
    #[inline]
    pub(crate) fn lent(empty: &'b mut Vec<u8>) -> Self {
        Self { buffer: empty, lends: true }
    }

    #[inline]
    fn begin(&mut self) {
        if self.buffer.capacity() == 0 && self.lends {
            *self.buffer = scratch::take();
        }
    }

    /// Adds one value whose bytes are at hand.
    #[inline]
    pub fn push(&mut self, field: Field, key: &str, kind: ValueKind, value: &[u8]) {
        self.push_with(field, key, |out| {
            out.extend_from_slice(value);
            kind
        });
    }

    /// Adds one value that `write` appends to the buffer; it returns the kind it wrote.
    ///
    /// `write` must only append.
    #[inline]
    pub fn push_with(&mut self, field: Field, key: &str, write: impl FnOnce(&mut Vec<u8>) -> ValueKind) {
        self.begin();
        let at = self.buffer.len();
        let key = cut_at_char(key, usize::from(u16::MAX));
        let [k0, k1] = (key.len() as u16).to_le_bytes();
        self.buffer.extend_from_slice(&[field as u8, 0, k0, k1, 0, 0, 0, 0]);
        self.buffer.extend_from_slice(key.as_bytes());
        let start = self.buffer.len();
        let kind = write(self.buffer);
        match u32::try_from(self.buffer.len().saturating_sub(start)) {
            Ok(len) => {
                self.buffer[at + 1] = kind as u8;
                self.buffer[at + 4..at + HEADER].copy_from_slice(&len.to_le_bytes());
            }
            Err(_) => self.buffer.truncate(at),
        }
    }

    /// Adds text.
    #[inline]
    pub fn text(&mut self, field: Field, key: &str, value: &str) {
        self.push(field, key, ValueKind::Text, value.as_bytes());
    }

    /// Adds an unsigned integer.
    #[inline]
    pub fn uint(&mut self, field: Field, key: &str, value: u64) {
        self.push(field, key, ValueKind::UInt, &value.to_le_bytes());
    }

    /// Adds a signed integer.
    #[inline]
    pub fn int(&mut self, field: Field, key: &str, value: i64) {
        self.push(field, key, ValueKind::Int, &value.to_le_bytes());
    }

    /// Adds a floating-point number.
    #[inline]
    pub fn float(&mut self, field: Field, key: &str, value: f64) {
        self.push(field, key, ValueKind::Float, &value.to_le_bytes());
    }

    /// Adds a truth value.
    #[inline]
    pub fn bool(&mut self, field: Field, key: &str, value: bool) {
        self.push(field, key, ValueKind::Bool, &[u8::from(value)]);
    }

    /// Adds a field that has no value.
    #[inline]
    pub fn flag(&mut self, field: Field) {
        self.push(field, "", ValueKind::Null, &[]);
    }

    /// Adds parts that were written before, elsewhere.
    #[inline]
    pub fn append(&mut self, parts: &[u8]) {
        self.begin();
        self.buffer.extend_from_slice(parts);
    }

    /// The bytes written to the buffer so far, by this writer or before it.
    pub fn bytes(&self) -> usize {
        self.buffer.len()
    }
}

fn cut_at_char(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let end = (0..=limit).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
    &text[..end]
}

/// Reads the parts of one record in the order in which they were written. Stops at the first byte that does not fit the format.
#[derive(Clone, Debug)]
pub(crate) struct PartIter<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for PartIter<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        let (head, rest) = self.0.split_first_chunk::<HEADER>()?;
        let field = *Field::ALL.get(usize::from(head[0]))?;
        let kind = *ValueKind::ALL.get(usize::from(head[1]))?;
        let key_len = usize::from(u16::from_le_bytes([head[2], head[3]]));
        let value_len = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let (key, rest) = rest.split_at_checked(key_len)?;
        let (value, rest) = rest.split_at_checked(value_len)?;
        self.0 = rest;
        Some(Part { field, kind, key: std::str::from_utf8(key).unwrap_or_default(), value })
    }
}

/// Hands the bytes of every value of a run of parts to `visit`, which may change them but not their number.
pub(crate) fn for_each_value(mut bytes: &mut [u8], mut visit: impl FnMut(ValueKind, &mut [u8])) {
    while bytes.len() >= HEADER {
        let (head, rest) = bytes.split_at_mut(HEADER);
        let Some(kind) = ValueKind::ALL.get(usize::from(head[1])) else { return };
        let key = usize::from(u16::from_le_bytes([head[2], head[3]]));
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let Some(rest) = rest.get_mut(key..) else { return };
        let Some((value, after)) = rest.split_at_mut_checked(length) else { return };
        visit(*kind, value);
        bytes = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back_as_they_were_written() {
        let mut buffer = Vec::new();
        let mut parts = Parts::new(&mut buffer);
        parts.text(Field::Argument, "question", "why?");
        parts.uint(Field::Metric, "num_input_tokens", 7);
        parts.flag(Field::ErrorOrigin);
        let read: Vec<_> = PartIter(&buffer).collect();
        assert_eq!(read.len(), 3);
        assert_eq!((read[0].key, read[0].text()), ("question", "why?"));
        assert_eq!(read[1].as_u64(), Some(7));
        assert_eq!((read[2].field, read[2].kind), (Field::ErrorOrigin, ValueKind::Null));
    }

    #[test]
    fn numbered_tables_match_the_enumerations() {
        for (i, field) in Field::ALL.iter().enumerate() {
            assert_eq!(*field as usize, i);
        }
        for (i, kind) in ValueKind::ALL.iter().enumerate() {
            assert_eq!(*kind as usize, i);
        }
    }

    #[test]
    fn a_torn_buffer_ends_the_reading() {
        let mut buffer = Vec::new();
        Parts::new(&mut buffer).text(Field::Output, "", "whole");
        let whole = buffer.len();
        Parts::new(&mut buffer).text(Field::Output, "", "torn");
        for end in whole..buffer.len() {
            assert_eq!(PartIter(&buffer[..end]).count(), 1, "cut at {end}");
        }
    }

    #[test]
    fn an_overlong_key_is_cut_at_a_character() {
        let mut buffer = Vec::new();
        let key = "é".repeat(40_000);
        Parts::new(&mut buffer).text(Field::Metadata, &key, "v");
        let read: Vec<_> = PartIter(&buffer).collect();
        assert_eq!(read[0].key.len(), 65_534);
        assert_eq!(read[0].text(), "v");
    }
}
