//! What is written beside a span's values: its metadata and its tags.

use super::map::WireSpan;
use super::text::{self, Limit};
use crate::export::json::{self, Object};
use crate::model::{Field, Outcome, Part, SpanType};
use crate::pipeline::exporter::SpanRecord;

/// The kinds of agent that the backend knows.
pub(super) const AGENT_TYPES: [&str; 8] =
    ["default", "planner", "react", "reflection", "router", "classifier", "supervisor", "judge"];
/// How much of an error's text goes into a tag.
const ERROR_TAG_BYTES: usize = 200;

pub(super) fn metadata(object: &mut Object<'_>, span: &WireSpan<'_>) {
    let mut fields = Object::open(object.key("user_metadata"));
    entries(&mut fields, span);
    fields.close();
}

/// Writes the metadata of a trace: what was said about the trace itself, and the trace that was complete before it, in one object.
pub(super) fn trace_metadata(object: &mut Object<'_>, own: Option<&WireSpan<'_>>, linked_to: Option<&[u8; 36]>) {
    if own.is_none() && linked_to.is_none() {
        return;
    }
    let mut fields = Object::open(object.key("user_metadata"));
    if let Some(own) = own {
        entries(&mut fields, own);
    }
    if let Some(id) = linked_to {
        fields.plain("linked_trace_id", id);
    }
    fields.close();
}

fn entries(fields: &mut Object<'_>, span: &WireSpan<'_>) {
    let record = &span.record;
    if record.is_entry() {
        let service = record.service;
        let facts = [
            ("service.name", Some(&service.name)),
            ("service.version", service.version.as_ref()),
            ("deployment.environment", service.environment.as_ref()),
            ("host.name", service.host.as_ref()),
        ];
        // A span from another process's spool brings its own.
        let given = |key: &str| included(record).any(|part| part.field == Field::Metadata && part.key == key);
        for (key, fact) in facts {
            if let Some(text) = fact.filter(|_| !given(key)) {
                fields.string(key, text);
            }
        }
    }
    if span.moved {
        fields.plain("galileo.parent_id", &record.span.parent.to_text());
    }
    let known = included(record);
    let mut event_time = None;
    for (index, part) in known.clone().enumerate() {
        let repeated = |field| known.clone().skip(index + 1).any(|later| later.field == field && later.key == part.key);
        match part.field {
            // A key is written once, with its last value.
            Field::Metadata | Field::Origin if !repeated(part.field) => {
                text_member(fields, part.key, &part, span.limit)
            }
            Field::Event => {
                text_member(fields, &event_key(index, &part, ""), &part, span.limit);
                if let Some(time) = event_time.take() {
                    let out = fields.dynamic_key(&event_key(index, &part, ".time"));
                    out.push(b'"');
                    json::timestamp(out, time);
                    out.push(b'"');
                }
            }
            Field::EventTime => event_time = part.as_u64(),
            Field::Attribute if record.span_type() != SpanType::Control && !repeated(part.field) => {
                text_member(fields, part.key, &part, span.limit);
            }
            Field::AgentType if !AGENT_TYPES.contains(&part.text()) => {
                text_member(fields, "agent_type", &part, span.limit)
            }
            _ => {}
        }
    }
}

/// Events have no room of their own on this wire; their place in the record keeps equal names apart and in order.
fn event_key(index: usize, part: &Part<'_>, what: &str) -> String {
    format!("event.{index}.{}{what}", part.key)
}

fn text_member(fields: &mut Object<'_>, key: &str, part: &Part<'_>, limit: Limit) {
    let out = fields.dynamic_key(key);
    out.push(b'"');
    text::part(out, part, limit);
    out.push(b'"');
}

/// The parts that a create carries: everything of a whole span, the START's of an open one. What comes later goes into the update.
pub(super) fn included<'a>(record: &SpanRecord<'a>) -> impl Iterator<Item = Part<'a>> + Clone + use<'a> {
    let later = record.is_ended().then(|| record.span.later_parts()).into_iter().flatten();
    record.span.start_parts().chain(later)
}

pub(super) fn tags(object: &mut Object<'_>, record: &SpanRecord<'_>) {
    let mut list = List::open(object.key("tags"));
    for part in included(record).filter(|part| part.field == Field::Tag) {
        list.string(part.text());
    }
    if record.is_ended() {
        outcome_tags(&mut list, record);
    }
    list.close();
}

/// Writes what has become known since the span was announced: an update has no metadata of its own, but tags can carry it.
pub(super) fn later_tags(object: &mut Object<'_>, record: &SpanRecord<'_>) {
    let mut list = List::open(object.key("tags"));
    for part in record.span.later_parts() {
        match part.field {
            Field::Tag => list.string(part.text()),
            Field::Metadata | Field::Origin => list.pair(part.key, &part),
            Field::Event => list.pair(&format!("event.{}", part.key), &part),
            _ => {}
        }
    }
    outcome_tags(&mut list, record);
    list.close();
}

/// How a span ended, where that was not well (design decision D15).
fn outcome_tags(list: &mut List<'_>, record: &SpanRecord<'_>) {
    let Some(outcome) = record.outcome().filter(|outcome| *outcome != Outcome::Ok) else { return };
    list.string(match outcome {
        Outcome::Panic => "outcome=panic",
        Outcome::Cancelled => "outcome=cancelled",
        _ => "outcome=error",
    });
    let error = text::error(record);
    if !error.is_empty() {
        list.string(&format!("error={}", crate::capture::prefix(&error, ERROR_TAG_BYTES)));
    }
    if record.parts().any(|part| part.field == Field::ErrorOrigin) {
        list.string("error.origin=true");
    }
}

/// Writes the items of a list of strings.
struct List<'b> {
    out: &'b mut Vec<u8>,
    first: bool,
}

impl<'b> List<'b> {
    fn open(out: &'b mut Vec<u8>) -> Self {
        out.push(b'[');
        Self { out, first: true }
    }

    fn comma(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
    }

    fn string(&mut self, text: &str) {
        self.comma();
        json::string(self.out, text);
    }

    fn pair(&mut self, key: &str, part: &Part<'_>) {
        self.comma();
        self.out.push(b'"');
        crate::capture::escape(self.out, key);
        self.out.push(b'=');
        text::part(self.out, part, Limit::NONE);
        self.out.push(b'"');
    }

    fn close(self) {
        self.out.push(b']');
    }
}
