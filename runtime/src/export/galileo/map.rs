//! One span or trace as Galileo's wire has it. Pure: the same record gives the same bytes.
//!
//! Values are written from the record straight into the request body. What has to be understood first, the messages of a model call and
//! the documents of a search, takes the longer way through [`Content`].

use super::text::{self, Limit};
use crate::export::content::{self, Content};
use crate::export::json::{self, Object};
use crate::model::{Field, Outcome, Part, SpanType, ValueKind};
use crate::pipeline::exporter::SpanRecord;
use serde_json::{Map, Value};

/// A span with what the tree around it decides.
#[derive(Clone, Copy)]
pub(super) struct WireSpan<'a> {
    pub(super) record: SpanRecord<'a>,
    pub(super) id: [u8; 36],
    /// The parent on the wire is not the one that the program meant, so that one goes into the metadata.
    pub(super) moved: bool,
    pub(super) limit: Limit,
}

/// The kinds of agent that the backend knows.
const AGENT_TYPES: [&str; 8] =
    ["default", "planner", "react", "reflection", "router", "classifier", "supervisor", "judge"];
/// How much of an error's text goes into a tag.
const ERROR_TAG_BYTES: usize = 200;

/// Writes a span up to where its children stand; [`close`] writes the rest.
pub(super) fn open(out: &mut Vec<u8>, span: &WireSpan<'_>) {
    let record = &span.record;
    let mut object = Object::open(out);
    object.plain("type", record.span_type().as_str().as_bytes());
    object.string("name", record.name());
    object.plain("id", &span.id);
    input(&mut object, span);
    if record.is_ended() {
        output(&mut object, span);
        if let Some(code) = record.status_code() {
            object.uint("status_code", u64::from(code));
        }
    }
    json::timestamp(quoted(object.key("created_at")), record.started_at_nanos());
    object.out.push(b'"');
    metadata(&mut object, span);
    tags(&mut object, record, record.is_ended());
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
    output(object, span);
    if let Some(code) = record.status_code() {
        object.uint("status_code", u64::from(code));
    }
    // An update has no metadata of its own; tags can carry it.
    let mut list = List::open(object.key("tags"));
    later_tags(&mut list, record);
    list.close();
    object.uint("duration_ns", record.span.duration());
}

fn later_tags(list: &mut List<'_>, record: &SpanRecord<'_>) {
    for part in record.span.later_parts() {
        match part.field {
            Field::Tag => list.string(part.text()),
            Field::Metadata | Field::Origin => list.pair(part.key, &part),
            _ => {}
        }
    }
    outcome_tags(list, record);
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
        let start = quoted(object.key("input"));
        text::input(start, &record, trace.limit);
        start.push(b'"');
        if trace.root.is_some() && record.is_ended() {
            trace_end(&mut object, &record, trace.limit);
            object.key("metrics").extend_from_slice(b"{\"duration_ns\":");
            json::uint(object.out, record.span.duration());
            object.out.push(b'}');
        }
        json::timestamp(quoted(object.key("created_at")), record.started_at_nanos());
        object.out.push(b'"');
        dataset(&mut object, &record);
        if record.is_trace() {
            let own = WireSpan { record, id: trace.id, moved: false, limit: trace.limit };
            metadata(&mut object, &own);
            tags(&mut object, &record, record.is_ended());
        }
    }
    if let Some(id) = trace.linked_to {
        let mut fields = Object::open(object.key("user_metadata"));
        fields.plain("linked_trace_id", &id);
        fields.close();
    }
    object.key("spans").push(b'[');
}

/// Writes the fields of a trace's update from the span that stands for it.
pub(super) fn update_trace(object: &mut Object<'_>, record: &SpanRecord<'_>, limit: Limit) {
    trace_end(object, record, limit);
    if record.is_trace() {
        let mut list = List::open(object.key("tags"));
        later_tags(&mut list, record);
        list.close();
    }
    object.uint("duration_ns", record.span.duration());
}

fn trace_end(object: &mut Object<'_>, record: &SpanRecord<'_>, limit: Limit) {
    let out = quoted(object.key("output"));
    text::output(out, record, limit);
    out.push(b'"');
    if let Some(code) = record.status_code() {
        object.uint("status_code", u64::from(code));
    }
}

fn quoted(out: &mut Vec<u8>) -> &mut Vec<u8> {
    out.push(b'"');
    out
}

fn input(object: &mut Object<'_>, span: &WireSpan<'_>) {
    let record = &span.record;
    let redacted = last(record, Field::RedactedInput);
    if record.span_type() == SpanType::Llm {
        let content = Content::read(record.parts());
        write_value(object.key("input"), &messages(&content, span.limit));
        if redacted.is_some() {
            let shown = Content::read(record.parts()).shown();
            write_value(object.key("redacted_input"), &messages(&shown, span.limit));
        }
        return;
    }
    let out = quoted(object.key("input"));
    text::input(out, record, span.limit);
    out.push(b'"');
    if let Some(part) = redacted {
        let out = quoted(object.key("redacted_input"));
        text::part(out, &part, span.limit);
        out.push(b'"');
    }
}

fn output(object: &mut Object<'_>, span: &WireSpan<'_>) {
    let record = &span.record;
    let redacted = last(record, Field::RedactedOutput);
    match record.span_type() {
        SpanType::Llm => {
            let content = Content::read(record.parts());
            write_value(object.key("output"), &answer(&content, record, span.limit));
            if redacted.is_some() {
                write_value(object.key("redacted_output"), &answer(&content.shown(), record, span.limit));
            }
        }
        SpanType::Retriever => {
            let content = Content::read(record.parts());
            write_value(object.key("output"), &documents(&content, record, span.limit));
            if redacted.is_some() {
                write_value(object.key("redacted_output"), &documents(&content.shown(), record, span.limit));
            }
        }
        SpanType::Control => {
            let decision = last(record, Field::Output).map(|part| content::value(&part));
            if let Some(decision) =
                decision.filter(|value| value.get("action").is_some() && value.get("matched").is_some())
            {
                write_value(object.key("output"), &decision);
            }
        }
        SpanType::Workflow | SpanType::Agent | SpanType::Tool => {
            let out = quoted(object.key("output"));
            text::output(out, record, span.limit);
            out.push(b'"');
            if let Some(part) = redacted {
                let out = quoted(object.key("redacted_output"));
                text::part(out, &part, span.limit);
                out.push(b'"');
            }
        }
    }
}

/// The conversation that a model was asked to go on with.
fn messages(content: &Content<'_>, limit: Limit) -> Value {
    if content.explicit_input.is_none()
        && let [only] = content.arguments.as_slice()
        && only.kind == ValueKind::Text
    {
        // The only argument is the question.
        return Value::Array(vec![message("user", only.text(), limit)]);
    }
    let found = content.input_messages();
    if found.is_empty() {
        return Value::Array(vec![message("user", "", limit)]);
    }
    Value::Array(found.iter().map(|found| galileo_message(found.to_galileo(), limit)).collect())
}

/// What a model answered; an error when it did not.
fn answer(content: &Content<'_>, record: &SpanRecord<'_>, limit: Limit) -> Value {
    let mut found = content.output_messages();
    match found.len() {
        0 => message("assistant", &text::error(record), limit),
        1 => galileo_message(found.remove(0).to_galileo(), limit),
        _ => message("assistant", &content.output.map(|part| content::text(&part)).unwrap_or_default(), limit),
    }
}

fn message(role: &str, text: &str, limit: Limit) -> Value {
    let mut object = Map::new();
    object.insert("role".into(), role.into());
    object.insert("content".into(), limit.cut(text).into());
    Value::Object(object)
}

/// A message with a role that the backend knows and a content within the limit.
fn galileo_message(mut message: Value, limit: Limit) -> Value {
    const ROLES: [&str; 7] = ["agent", "assistant", "developer", "function", "system", "tool", "user"];
    if let Some(content) = message.get("content").and_then(Value::as_str) {
        message["content"] = limit.cut(content).into();
    }
    if !message.get("role").and_then(Value::as_str).is_some_and(|role| ROLES.contains(&role)) {
        message["role"] = "user".into();
    }
    message
}

/// What a search found; an error as the only document when it failed.
fn documents(content: &Content<'_>, record: &SpanRecord<'_>, limit: Limit) -> Value {
    let found = content.documents();
    if found.is_empty() {
        let error = text::error(record);
        if error.is_empty() {
            return Value::Array(Vec::new());
        }
        let mut object = Map::new();
        object.insert("content".into(), limit.cut(&error).into());
        return Value::Array(vec![Value::Object(object)]);
    }
    let share = limit.share(found.len());
    let document = |found: content::Document| {
        let mut metadata: Map<String, Value> =
            found.metadata.into_iter().map(|(key, value)| (key, scalar(value))).collect();
        if let Some(id) = found.id {
            metadata.insert("id".into(), id.into());
        }
        if let Some(score) = found.score {
            metadata.insert("score".into(), score.into());
        }
        let mut object = Map::new();
        object.insert("content".into(), share.cut(&found.content).into());
        object.insert("metadata".into(), Value::Object(metadata));
        Value::Object(object)
    };
    Value::Array(found.into_iter().map(document).collect())
}

/// A document's metadata holds scalars only; anything else becomes its JSON text.
fn scalar(value: Value) -> Value {
    match value {
        Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
        other => Value::String(other.to_string()),
    }
}

fn metadata(object: &mut Object<'_>, span: &WireSpan<'_>) {
    let record = &span.record;
    let out = object.key("user_metadata");
    let mut fields = Object::open(out);
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
    for (index, part) in known.clone().enumerate() {
        let repeated = |field| known.clone().skip(index + 1).any(|later| later.field == field && later.key == part.key);
        match part.field {
            // A key is written once, with its last value.
            Field::Metadata | Field::Origin if !repeated(part.field) => {
                text_member(&mut fields, part.key, &part, span.limit)
            }
            Field::Event => text_member(&mut fields, &event_key(index, &part), &part, span.limit),
            Field::Attribute if record.span_type() != SpanType::Control && !repeated(part.field) => {
                text_member(&mut fields, part.key, &part, span.limit);
            }
            Field::AgentType if !AGENT_TYPES.contains(&part.text()) => {
                text_member(&mut fields, "agent_type", &part, span.limit)
            }
            _ => {}
        }
    }
    fields.close();
}

/// Events have no room of their own on this wire; their place in the record keeps equal names apart and in order.
fn event_key(index: usize, part: &Part<'_>) -> String {
    format!("event.{index}.{}", part.key)
}

fn text_member(fields: &mut Object<'_>, key: &str, part: &Part<'_>, limit: Limit) {
    let out = quoted(fields.dynamic_key(key));
    text::part(out, part, limit);
    out.push(b'"');
}

/// The parts that a create carries: everything of a whole span, the START's of an open one. What comes later goes into the update.
fn included<'a>(record: &SpanRecord<'a>) -> impl Iterator<Item = Part<'a>> + Clone + use<'a> {
    let later = record.is_ended().then(|| record.span.later_parts()).into_iter().flatten();
    record.span.start_parts().chain(later)
}

fn tags(object: &mut Object<'_>, record: &SpanRecord<'_>, ended: bool) {
    let mut list = List::open(object.key("tags"));
    for part in included(record).filter(|part| part.field == Field::Tag) {
        list.string(part.text());
    }
    if ended {
        outcome_tags(&mut list, record);
    }
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
                write_value(object.key("tools"), &tools);
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

fn last<'a>(record: &SpanRecord<'a>, field: Field) -> Option<Part<'a>> {
    record.parts().filter(|part| part.field == field).last()
}

fn write_value(out: &mut Vec<u8>, value: &Value) {
    // Writing a value into a vector does not fail.
    let _ = serde_json::to_writer(out, value);
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
