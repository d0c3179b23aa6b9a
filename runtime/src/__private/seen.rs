//! What a stream or an iterator has yielded so far: the joined text, or the list of items, within the capture limit.

use super::end::End;
use super::erased::Look;
use super::running::Running;
use crate::capture::{self, escape};
use crate::model::part::PartIter;
use crate::model::{Field, Part, Parts, ValueKind, clock};
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The items of one span.
#[derive(Debug)]
pub(super) struct Seen {
    is_llm: bool,
    started: u64,
    first_after: Option<u64>,
    count: u64,
    output: Output,
    /// Token counts and the like: what the last item that had any said.
    facts: Vec<u8>,
}

#[derive(Debug, Default)]
struct Output {
    form: Form,
    bytes: Vec<u8>,
    /// Bytes that came after the limit.
    cut: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Form {
    #[default]
    Nothing,
    /// All items are text: they are pieces of one.
    Text,
    /// A JSON list without its brackets.
    List,
}

impl Seen {
    pub(super) fn new(is_llm: bool) -> Self {
        Self { is_llm, started: 0, first_after: None, count: 0, output: Output::default(), facts: Vec::new() }
    }

    /// Something is asked for.
    pub(super) fn begin(&mut self) {
        if self.started == 0 {
            self.started = clock::now();
        }
    }

    /// An item came; an error ends the span.
    pub(super) fn item(&mut self, span: &mut Running, look: &mut dyn Look) {
        if self.first_after.is_none() {
            self.first_after = Some(clock::now().saturating_sub(self.started));
        }
        self.count += 1;
        let mut bytes = Vec::new();
        let mut parts = Parts::new(&mut bytes);
        let mut end = End::of_item(&mut parts);
        // The user's `output = |item| ..` may panic; that costs the record of this item.
        let looked = catch_unwind(AssertUnwindSafe(|| look.look(&mut end)));
        let is_error = end.is_error();
        if looked.is_err() {
            return;
        }
        let mut facts = Vec::new();
        for part in PartIter(&bytes) {
            if part.field == Field::Output {
                self.output.push(&part);
            } else {
                Parts::new(&mut facts).push(part.field, part.key, part.kind, part.value);
            }
        }
        if is_error {
            self.finish(span, Some(&facts));
        } else if !facts.is_empty() {
            self.facts = facts;
        }
    }

    /// The last item has come.
    pub(super) fn end(&mut self, span: &mut Running) {
        self.finish(span, None);
    }

    fn finish(&mut self, span: &mut Running, error: Option<&[u8]>) {
        span.finish(&mut |end: &mut End<'_, '_>| {
            self.write(end.parts());
            if let Some(error) = error {
                end.fail(error);
            }
        });
    }

    /// Writes what there is.
    pub(super) fn write(&mut self, parts: &mut Parts<'_>) {
        self.output.write(parts);
        parts.uint(Field::Metric, "num_items", self.count);
        if let Some(first) = self.first_after {
            let name = if self.is_llm { "time_to_first_token_ns" } else { "time_to_first_item_ns" };
            parts.uint(Field::Metric, name, first);
        }
        parts.append(&self.facts);
    }
}

impl Output {
    fn push(&mut self, part: &Part<'_>) {
        let text = part.kind == ValueKind::Text;
        if self.form == Form::Nothing {
            self.form = if text { Form::Text } else { Form::List };
        }
        if self.cut > 0 || self.bytes.len() + part.value.len() > capture::limit() {
            // The part of a text that still fits is worth keeping; half an item of a list is not.
            if self.cut == 0 && self.form == Form::Text && text {
                let kept = fitting(part.text(), capture::limit().saturating_sub(self.bytes.len()));
                self.bytes.extend_from_slice(kept.as_bytes());
                self.cut = part.value.len() - kept.len();
            } else {
                self.cut += part.value.len().max(1);
            }
            return;
        }
        match self.form {
            Form::Text if text => self.bytes.extend_from_slice(part.value),
            Form::Text => write_json(&mut self.bytes, part),
            _ => {
                if !self.bytes.is_empty() {
                    self.bytes.push(b',');
                }
                write_json(&mut self.bytes, part);
            }
        }
    }

    fn write(&self, parts: &mut Parts<'_>) {
        let mut marker = String::new();
        if self.cut > 0 {
            let _ = write!(marker, "...[{} bytes cut]", self.cut);
        }
        match self.form {
            Form::Nothing => {}
            Form::Text => parts.push_with(Field::Output, "", |out| {
                out.extend_from_slice(&self.bytes);
                out.extend_from_slice(marker.as_bytes());
                ValueKind::Text
            }),
            Form::List => parts.push_with(Field::Output, "", |out| {
                out.push(b'[');
                out.extend_from_slice(&self.bytes);
                if self.cut > 0 {
                    out.extend_from_slice(if self.bytes.is_empty() { b"\"" } else { b",\"" });
                    out.extend_from_slice(marker.as_bytes());
                    out.push(b'"');
                }
                out.push(b']');
                ValueKind::Json
            }),
        }
    }
}

fn fitting(text: &str, room: usize) -> &str {
    if text.len() <= room {
        return text;
    }
    let end = (room.saturating_sub(3)..=room).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    &text[..end]
}

/// Appends a captured value as JSON.
fn write_json(out: &mut Vec<u8>, part: &Part<'_>) {
    let eight = <[u8; 8]>::try_from(part.value).unwrap_or_default();
    match part.kind {
        ValueKind::Json => out.extend_from_slice(part.value),
        ValueKind::Bool => out.extend_from_slice(if part.value == [1] { b"true" } else { b"false" }),
        ValueKind::Int => number(out, i64::from_le_bytes(eight)),
        ValueKind::UInt => number(out, u64::from_le_bytes(eight)),
        ValueKind::Float => number(out, f64::from_le_bytes(eight)),
        ValueKind::Text | ValueKind::Debug | ValueKind::TypeName => {
            out.push(b'"');
            escape(out, part.text());
            out.push(b'"');
        }
        _ => out.extend_from_slice(b"null"),
    }
}

fn number(out: &mut Vec<u8>, number: impl serde::Serialize) {
    // Numbers are always serialisable.
    let _ = capture::write_json(out, &number);
}
