//! One span or trace as Galileo's wire has it. Pure: the same record gives the same bytes.

use super::label::{self, AGENT_TYPES, included};
use super::text::{self, Limit, last};
use super::value;
use crate::export::content::{self, Content};
use crate::export::json::{self, Object};
use crate::model::{Field, SpanType, ValueKind};
use crate::pipeline::exporter::SpanRecord;
use serde_json::Value;

/// A span with what the tree around it decides.
#[derive(Clone, Copy)]
pub(super) struct WireSpan<'a> {
    pub(super) record: SpanRecord<'a>,
    pub(super) id: [u8; 36],
    /// The parent on the wire is not the one that the program meant, so that one goes into the metadata.
    pub(super) moved: bool,
    pub(super) limit: Limit,
}

/// Writes a span up to where its children stand; [`close`] writes the rest.
pub(super) fn open(out: &mut Vec<u8>, span: &WireSpan<'_>) {
    let record = &span.record;
    let mut object = Object::open(out);
    object.plain("type", record.span_type().as_str().as_bytes());
    object.string("name", record.name());
    object.plain("id", &span.id);
    value::input(&mut object, span);
    if record.is_ended() {
        value::output(&mut object, span);
        if let Some(code) = record.status_code() {
            object.uint("status_code", u64::from(code));
        }
    }
    created_at(&mut object, record);
    label::metadata(&mut object, span);
    label::tags(&mut object, record);
    metrics(&mut object, record);
    dataset(&mut object, record);
    typed(&mut object, span);
    if record.span_type().may_have_children() {
        object.key("spans").push(b'[');
    }
}

/// Ends what [`open`] began.
pub(super) fn close(out: &mut Vec<u8>, span_type: SpanType) {
    out.extend_from_slice(if span_type.may_have_children() { b"]}" } else { b"}" });
}

/// Writes the fields of an update: what has become known since the span was announced.
pub(super) fn update(object: &mut Object<'_>, span: &WireSpan<'_>) {
    let record = &span.record;
    value::output(object, span);
    if let Some(code) = record.status_code() {
        object.uint("status_code", u64::from(code));
    }
    label::later_tags(object, record);
    object.uint("duration_ns", record.span.duration());
}

/// A trace, from the span that stands for it.
pub(super) struct WireTrace<'a> {
    pub(super) id: [u8; 36],
    pub(super) root: Option<SpanRecord<'a>>,
    pub(super) limit: Limit,
    /// The trace that was complete when spans of it arrived.
    pub(super) linked_to: Option<[u8; 36]>,
    /// When there is no such span any more.
    pub(super) fallback: Option<SpanRecord<'a>>,
}

/// Writes a trace up to where its spans stand; the caller closes it with `]}`.
pub(super) fn open_trace(out: &mut Vec<u8>, trace: &WireTrace<'_>) {
    let mut object = Object::open(out);
    object.plain("type", b"trace");
    object.plain("id", &trace.id);
    if let Some(record) = trace.root.or(trace.fallback) {
        object.string("name", record.name());
        text::member(&mut object, "input", |out| text::input(out, &record, trace.limit));
        if trace.root.is_some() && record.is_ended() {
            trace_end(&mut object, &record, trace.limit);
            object.key("metrics").extend_from_slice(b"{\"duration_ns\":");
            json::uint(object.out, record.span.duration());
            object.out.push(b'}');
        }
        created_at(&mut object, &record);
        dataset(&mut object, &record);
    }
    // Labels of the trace itself; those of a span that lends it its name stay with the span.
    let own = trace.root.or(trace.fallback).filter(SpanRecord::is_trace);
    let own = own.map(|record| WireSpan { record, id: trace.id, moved: false, limit: trace.limit });
    label::trace_metadata(&mut object, own.as_ref(), trace.linked_to.as_ref());
    if let Some(own) = &own {
        label::tags(&mut object, &own.record);
    }
    object.key("spans").push(b'[');
}

/// Writes the fields of a trace's update from the span that stands for it.
pub(super) fn update_trace(object: &mut Object<'_>, record: &SpanRecord<'_>, limit: Limit) {
    trace_end(object, record, limit);
    if record.is_trace() {
        label::later_tags(object, record);
    }
    object.uint("duration_ns", record.span.duration());
}

fn trace_end(object: &mut Object<'_>, record: &SpanRecord<'_>, limit: Limit) {
    text::member(object, "output", |out| text::output(out, record, limit));
    if let Some(code) = record.status_code() {
        object.uint("status_code", u64::from(code));
    }
}

fn created_at(object: &mut Object<'_>, record: &SpanRecord<'_>) {
    text::member(object, "created_at", |out| json::timestamp(out, record.started_at_nanos()));
}

fn metrics(object: &mut Object<'_>, record: &SpanRecord<'_>) {
    let out = object.key("metrics");
    let mut metrics = Object::open(out);
    if record.is_ended() {
        metrics.uint("duration_ns", record.span.duration());
    }
    let known = included(record);
    for (index, part) in known.clone().enumerate() {
        let repeated =
            || known.clone().skip(index + 1).any(|later| later.field == Field::Metric && later.key == part.key);
        let is_number = matches!(part.kind, ValueKind::Int | ValueKind::UInt | ValueKind::Float);
        if part.field == Field::Metric && is_number && part.key != "duration_ns" && !repeated() {
            json::value(&part, metrics.dynamic_key(part.key));
        }
    }
    metrics.close();
}

fn dataset(object: &mut Object<'_>, record: &SpanRecord<'_>) {
    if !record.span.start_parts().any(|part| part.field == Field::Dataset) {
        return;
    }
    let parts = || record.span.start_parts().filter(|part| part.field == Field::Dataset);
    for (key, wire) in [("input", "dataset_input"), ("output", "dataset_output")] {
        if let Some(part) = parts().filter(|part| part.key == key).last() {
            object.string(wire, part.text());
        }
    }
    let mut fields = Object::open(object.key("dataset_metadata"));
    for part in parts() {
        if let Some(key) = part.key.strip_prefix("metadata.") {
            json::string(fields.dynamic_key(key), part.text());
        }
    }
    fields.close();
}

fn typed(object: &mut Object<'_>, span: &WireSpan<'_>) {
    let record = &span.record;
    match record.span_type() {
        SpanType::Agent => {
            let given = last(record, Field::AgentType).map(|part| part.text());
            object.plain("agent_type", given.filter(|kind| AGENT_TYPES.contains(kind)).unwrap_or("default").as_bytes());
        }
        SpanType::Tool => {
            if let Some(part) = last(record, Field::ToolCallId) {
                object.string("tool_call_id", part.text());
            }
        }
        SpanType::Llm => {
            let content = Content::read(record.parts());
            if let Some(model) = content.model {
                object.string("model", model);
            }
            if let Some(temperature) = content.temperature.filter(|number| number.is_finite()) {
                json::float(object.key("temperature"), temperature);
            }
            if let Some(reason) = content.finish_reason {
                object.string("finish_reason", reason);
            }
            let tools = content.tools.map(|part| content::value(&part));
            if let Some(tools) =
                tools.filter(|tools| tools.as_array().is_some_and(|tools| tools.iter().all(Value::is_object)))
            {
                value::write(object.key("tools"), &tools);
            }
        }
        SpanType::Control => control(object, record),
        SpanType::Workflow | SpanType::Retriever => {}
    }
}

fn control(object: &mut Object<'_>, record: &SpanRecord<'_>) {
    let attribute = |key: &str| record.parts().filter(|part| part.field == Field::Attribute && part.key == key).last();
    if let Some(id) = attribute("control_id").and_then(|part| part.as_u64()) {
        object.uint("control_id", id);
    }
    for key in ["agent_name", "evaluator_name", "selector_path"] {
        if let Some(part) = attribute(key) {
            object.string(key, part.text());
        }
    }
    for (key, allowed) in [("check_stage", ["pre", "post"]), ("applies_to", ["llm_call", "tool_call"])] {
        if let Some(part) = attribute(key).filter(|part| allowed.contains(&part.text())) {
            object.string(key, part.text());
        }
    }
}
