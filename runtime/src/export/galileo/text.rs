//! Inputs and outputs as the text that stands inside a JSON string.

use crate::capture::{escape, prefix};
use crate::export::json::{self, Object};
use crate::model::{Field, Outcome, Part, ValueKind};
use crate::pipeline::exporter::SpanRecord;
use std::borrow::Cow;

/// How much of a value is sent: everything, until the backend has found a span too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit(usize);

impl Limit {
    pub(super) const NONE: Self = Self(usize::MAX);

    /// The limit after the backend has found a span too large so many times.
    pub(super) fn after(refusals: u8) -> Self {
        match refusals {
            0 => Self::NONE,
            1 => Self(16 * 1024),
            2 => Self(2 * 1024),
            _ => Self(256),
        }
    }

    /// The limit of each of several values that share one.
    pub(super) fn share(self, values: usize) -> Self {
        if self == Self::NONE { self } else { Self((self.0 / values.max(1)).max(32)) }
    }

    /// The text, cut at the limit, with a note of how much is missing.
    pub(super) fn cut(self, text: &str) -> Cow<'_, str> {
        if text.len() <= self.0 {
            return Cow::Borrowed(text);
        }
        let kept = prefix(text, self.0);
        Cow::Owned(format!("{kept}...[{} bytes cut]", text.len() - kept.len()))
    }
}

/// Writes a member whose value is a JSON string; `write` brings what stands inside it.
pub(super) fn member(object: &mut Object<'_>, key: &'static str, write: impl FnOnce(&mut Vec<u8>)) {
    let out = object.key(key);
    out.push(b'"');
    write(out);
    out.push(b'"');
}

/// The last value that was given for a field.
pub(super) fn last<'a>(record: &SpanRecord<'a>, field: Field) -> Option<Part<'a>> {
    record.parts().filter(|part| part.field == field).last()
}

/// The input: the explicit one, else the object of all arguments in their order.
pub(super) fn input(out: &mut Vec<u8>, record: &SpanRecord<'_>, limit: Limit) {
    if let Some(explicit) = last(record, Field::Input) {
        return part(out, &explicit, limit);
    }
    let arguments = || record.span.start_parts().filter(|part| part.field == Field::Argument);
    if arguments().next().is_none() {
        return;
    }
    let share = if limit == Limit::NONE { limit } else { limit.share(arguments().count()) };
    out.push(b'{');
    for (index, argument) in arguments().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(br#"\""#);
        json::escape_twice(out, argument.key);
        out.extend_from_slice(br#"\":"#);
        if argument.value.len() <= share.0 {
            json::as_json_inside_string(&argument, out);
        } else {
            let cut = share.cut(argument.text());
            out.extend_from_slice(br#"\""#);
            json::escape_twice(out, &cut);
            out.extend_from_slice(br#"\""#);
        }
    }
    out.push(b'}');
}

/// The output; an error's text where there is none.
pub(super) fn output(out: &mut Vec<u8>, record: &SpanRecord<'_>, limit: Limit) {
    match last(record, Field::Output) {
        Some(output) => part(out, &output, limit),
        None => escape(out, &limit.cut(&error(record))),
    }
}

/// What went wrong, if something did.
pub(super) fn error<'a>(record: &SpanRecord<'a>) -> Cow<'a, str> {
    let said = last(record, Field::Error);
    match (said, record.outcome()) {
        (Some(part), _) => Cow::Borrowed(part.text()),
        (None, Some(Outcome::Panic)) => Cow::Borrowed("panicked"),
        (None, Some(Outcome::Cancelled)) => Cow::Borrowed("cancelled"),
        _ => Cow::Borrowed(""),
    }
}

/// One value.
pub(super) fn part(out: &mut Vec<u8>, part: &Part<'_>, limit: Limit) {
    if part.kind == ValueKind::TypeName {
        out.push(b'<');
        escape(out, part.text());
        out.push(b'>');
    } else if part.value.len() <= limit.0 {
        json::inside_string(part, out);
    } else {
        escape(out, &limit.cut(part.text()));
    }
}
