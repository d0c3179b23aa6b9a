//! Records in the published form: what the Galileo API returns for traces, spans and sessions.

use serde_json::{Map, Value, json};

use crate::model::{Detail, Id, Session, SpanNode, SpanType, TraceSummary, TraceView};
use crate::time::{format_iso, parse_iso};

/// Where a span belongs.
pub(super) struct Place {
    pub(super) trace_id: Id,
    pub(super) session_id: Id,
    pub(super) project_id: Id,
    pub(super) run_id: Id,
}

impl Place {
    /// A trace without a session is a session of its own, as at the hosted backend, where the field is never null.
    pub(super) fn of(summary: &TraceSummary) -> Place {
        Place {
            trace_id: summary.id,
            session_id: summary.session_id.unwrap_or(summary.id),
            project_id: summary.project_id,
            run_id: summary.log_stream_id,
        }
    }

    fn put(&self, record: &mut Map<String, Value>) {
        for (name, id) in [
            ("trace_id", self.trace_id),
            ("session_id", self.session_id),
            ("project_id", self.project_id),
            ("run_id", self.run_id),
        ] {
            record.insert(name.into(), json!(id));
        }
    }
}

fn put_detail(record: &mut Map<String, Value>, detail: Detail, duration_ns: Option<i64>) {
    for (name, value) in detail.more {
        record.entry(name).or_insert(value);
    }
    for (name, value) in [
        ("input", detail.input),
        ("output", detail.output),
        ("redacted_input", detail.redacted_input),
        ("redacted_output", detail.redacted_output),
    ] {
        if let Some(value) = value {
            record.insert(name.into(), value);
        }
    }
    let mut metrics: Map<String, Value> = detail.metrics.into_iter().collect();
    metrics.entry("duration_ns").or_insert(json!(duration_ns));
    record.insert("metrics".into(), metrics.into());
    record.insert("user_metadata".into(), json!(detail.metadata));
    record.insert("tags".into(), json!(detail.tags));
    for (name, empty) in [
        ("dataset_metadata", json!({})),
        ("feedback_rating_info", json!({})),
        ("annotations", json!({})),
        ("file_ids", json!([])),
        ("file_modalities", json!([])),
    ] {
        record.entry(name).or_insert(empty);
    }
}

/// A span without its children.
pub(super) fn span(mut node: SpanNode, parent_id: Id, place: &Place, has_children: bool) -> Map<String, Value> {
    let mut record = Map::new();
    let detail = node.detail.take().map(|detail| *detail).unwrap_or_default();
    put_detail(&mut record, detail, node.duration_ns);
    place.put(&mut record);
    if node.span_type == SpanType::Llm {
        messages(&mut record);
    }
    record.insert("type".into(), json!(node.span_type));
    record.insert("id".into(), json!(node.id));
    record.insert("parent_id".into(), json!(parent_id));
    record.insert("name".into(), json!(node.name));
    record.insert("created_at".into(), json!(format_iso(node.start_ns)));
    record.insert("updated_at".into(), Value::Null);
    record.insert("status_code".into(), json!(node.status_code));
    record.insert("is_complete".into(), json!(!node.open));
    record.insert("has_children".into(), json!(has_children));
    if let Some(error) = node.error {
        record.insert("error_message".into(), json!(error));
    }
    record
}

/// The published form has messages for an llm span also where another protocol sent plain text or nothing.
fn messages(record: &mut Map<String, Value>) {
    let message = |role: &str, value: Value| match value {
        Value::Object(message) if message.contains_key("role") => Value::Object(message),
        Value::String(text) => json!({"role": role, "content": text}),
        other => json!({"role": role, "content": other.to_string()}),
    };
    let input = match record.remove("input") {
        Some(Value::Array(messages)) => messages.into_iter().map(|value| message("user", value)).collect(),
        Some(value) => vec![message("user", value)],
        None => Vec::new(),
    };
    record.insert("input".into(), Value::Array(input));
    let output = record
        .remove("output")
        .map_or_else(|| json!({"role": "assistant", "content": ""}), |value| message("assistant", value));
    record.insert("output".into(), output);
}

/// A trace without its spans.
pub(super) fn trace(summary: &TraceSummary, detail: Detail) -> Map<String, Value> {
    let mut record = Map::new();
    let created_ns = detail.created_at.as_deref().and_then(parse_iso).unwrap_or(summary.start_ns);
    put_detail(&mut record, detail, summary.duration_ns);
    Place::of(summary).put(&mut record);
    record.entry("input").or_insert(json!(""));
    record.insert("type".into(), json!("trace"));
    record.insert("id".into(), json!(summary.id));
    record.insert("name".into(), json!(summary.name));
    record.insert("created_at".into(), json!(format_iso(created_ns)));
    record.insert("updated_at".into(), Value::Null);
    record.insert("status_code".into(), json!(summary.status_code));
    record.insert("is_complete".into(), json!(!summary.open));
    record.insert("has_children".into(), json!(summary.span_count > 0));
    record.insert("num_spans".into(), json!(summary.span_count));
    record
}

/// A session without its traces.
pub(super) fn session(session: &Session) -> Map<String, Value> {
    let record = json!({
        "type": "session", "id": session.id, "session_id": session.id, "trace_id": null, "project_id": session.project_id, "run_id": session.log_stream_id,
        "name": session.name, "external_id": session.external_id, "previous_session_id": session.previous_session_id, "user_metadata": session.metadata,
        "created_at": format_iso(session.created_ns), "updated_at": null, "tags": [], "input": "", "output": null, "status_code": null, "metrics": {"duration_ns": null},
        "dataset_metadata": {}, "has_children": session.trace_count > 0, "num_traces": session.trace_count,
        "feedback_rating_info": {}, "annotations": {}, "file_ids": [], "file_modalities": [],
    });
    match record {
        Value::Object(record) => record,
        _ => Map::new(),
    }
}

/// A trace with its spans nested. Written front to back with a stack of open brackets instead of recursion, because a tree may
/// be as deep as its sender likes.
pub(super) fn nested_trace(view: TraceView) -> String {
    let place = Place::of(&view.summary);
    let head = if view.summary.has_record {
        trace(&view.summary, view.detail)
    } else {
        match json!({"type": "stub_trace", "id": view.summary.id, "project_id": place.project_id, "run_id": place.run_id, "session_id": place.session_id})
        {
            Value::Object(record) => record,
            _ => Map::new(),
        }
    };
    let mut text = open(&head);
    let ids: Vec<Id> = view.spans.iter().map(|span| span.id).collect();
    let mut depth = 0;
    for node in view.spans {
        while depth > node.depth {
            text.push_str("]}");
            depth -= 1;
        }
        if !text.ends_with('[') {
            text.push(',');
        }
        let parent = node.parent_index.and_then(|index| ids.get(index)).copied().unwrap_or(place.trace_id);
        let has_children = !node.children.is_empty();
        depth = node.depth + 1;
        text.push_str(&open(&span(node, parent, &place, has_children)));
    }
    for _ in 0..=depth {
        text.push_str("]}");
    }
    text
}

/// The record up to the first of its spans.
fn open(record: &Map<String, Value>) -> String {
    let mut text = serde_json::to_string(record).unwrap_or_else(|_| "{}".into());
    text.pop();
    text.push_str(if record.is_empty() { "\"spans\":[" } else { ",\"spans\":[" });
    text
}
