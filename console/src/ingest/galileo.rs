//! Bodies of the Galileo API: traces and spans, whole or as updates. Field names and rules are those of the published schema.

use super::check::{Check, Finding};
use super::payload;
use super::raw::{self, RawObject};
use crate::model::{Id, Sources, SpanType};
use crate::store::{Level, Part, Place, Rank, Record, SpanKey, SpanPart, SpanUpdate, Target, TracePart};
use crate::time::{now_ns, parse_iso};

/// Spans in one request.
const SPANS: usize = 10_000;

/// A checked request for spans or traces, ready for the store as soon as its place is known.
pub(crate) struct Delivery {
    pub(crate) target: Target,
    pub(crate) parts: Vec<Draft>,
    pub(crate) session_id: Option<Id>,
    pub(crate) session_external_id: Option<String>,
    pub(crate) trace_ids: Vec<Id>,
    pub(crate) parent_id: Option<Id>,
    pub(crate) spans: usize,
}

/// A part that still lacks its place.
pub(crate) enum Draft {
    Trace { id: Id, record: Record, complete: bool, create: bool },
    Span { trace_id: Id, id: Id, record: Record, ended: bool },
    Update { id: Id, record: Record, ended: bool },
}

impl Draft {
    pub(crate) fn place(self, place: Place) -> Part {
        let seen_ns = now_ns();
        match self {
            Draft::Trace { id, record, complete, create } => {
                Part::Trace(TracePart { trace_id: id, record, complete, place, create, seen_ns })
            }
            Draft::Span { trace_id, id, record, ended } => Part::Span(SpanPart {
                trace_id,
                key: SpanKey::of(id),
                record,
                ended,
                place,
                sources: Sources::GALILEO,
                seen_ns,
            }),
            Draft::Update { id, record, ended } => {
                Part::Update(SpanUpdate { key: SpanKey::of(id), record, ended, sources: Sources::GALILEO })
            }
        }
    }
}

/// Reads `POST .../traces`.
pub(crate) fn traces(project_id: Id, body: &[u8]) -> Result<Delivery, Vec<Finding>> {
    let request = parse(body)?;
    let mut check = Check::at("body");
    let mut delivery = envelope(project_id, &request, &mut check);
    let complete = check.boolean("is_complete", request.get("is_complete")).unwrap_or(true);
    delivery.session_id = check.id("session_id", request.get("session_id"));
    check.text("session_external_id", request.get("session_external_id"));
    delivery.session_external_id = request.text("session_external_id");
    match request.traces.as_deref() {
        None => check.missing("traces"),
        Some([]) => check.inside("traces", |check| {
            check.report("too_short", "List should have at least 1 item after validation, not 0")
        }),
        Some(traces) => {
            for (index, trace) in traces.iter().enumerate() {
                check.inside("traces", |check| {
                    check.inside_index(index, |check| read_trace(trace, complete, &mut delivery, check))
                });
            }
        }
    }
    finish(delivery, check)
}

/// Reads `POST .../spans`.
pub(crate) fn spans(project_id: Id, body: &[u8]) -> Result<Delivery, Vec<Finding>> {
    let request = parse(body)?;
    let mut check = Check::at("body");
    let mut delivery = envelope(project_id, &request, &mut check);
    let mut required = |name: &'static str| {
        if request.get(name).is_none() {
            check.missing(name);
        }
        check.id(name, request.get(name))
    };
    let (trace_id, parent_id) = (required("trace_id"), required("parent_id"));
    match request.spans.as_deref() {
        None => check.missing("spans"),
        Some([]) => check.inside("spans", |check| {
            check.report("too_short", "List should have at least 1 item after validation, not 0")
        }),
        Some(spans) => {
            if let (Some(trace), Some(parent)) = (trace_id, parent_id) {
                delivery.trace_ids.push(trace);
                delivery.parent_id = Some(parent);
                check.inside("spans", |check| read_spans(spans, trace, parent, false, &mut delivery, check));
            }
        }
    }
    finish(delivery, check)
}

/// Reads `PATCH .../traces/{id}`.
pub(crate) fn trace_update(project_id: Id, trace_id: Id, body: &[u8]) -> Result<Delivery, Vec<Finding>> {
    let request = parse(body)?;
    let mut check = Check::at("body");
    let mut delivery = envelope(project_id, &request, &mut check);
    let (record, _) = read_update("trace_id", &request, &mut check, check_complete(&request));
    check.boolean("is_complete", request.get("is_complete"));
    delivery.trace_ids.push(trace_id);
    delivery.parts.push(Draft::Trace { id: trace_id, record, complete: check_complete(&request), create: false });
    finish(delivery, check)
}

/// Reads `PATCH .../spans/{id}`.
pub(crate) fn span_update(project_id: Id, span_id: Id, body: &[u8]) -> Result<Delivery, Vec<Finding>> {
    let request = parse(body)?;
    let mut check = Check::at("body");
    let mut delivery = envelope(project_id, &request, &mut check);
    let (record, ended) = read_update("span_id", &request, &mut check, false);
    delivery.parts.push(Draft::Update { id: span_id, record, ended });
    finish(delivery, check)
}

fn check_complete(request: &RawObject<'_>) -> bool {
    request.get("is_complete") == Some("true")
}

fn read_update(id: &'static str, request: &RawObject<'_>, check: &mut Check, complete: bool) -> (Record, bool) {
    if request.get(id).is_none() {
        check.missing(id);
    }
    check.id(id, request.get(id));
    for name in ["status_code", "duration_ns"] {
        check.integer(name, request.get(name));
    }
    check.strings("tags", request.get("tags"));
    payload::any("input", request.get("input"), check);
    payload::any("output", request.get("output"), check);
    let duration = request.get("duration_ns");
    let rank = Rank {
        level: if complete { Level::Complete } else { Level::Update },
        created_ns: 0,
        duration_ns: duration.and_then(|json| json.parse().ok()).unwrap_or(0),
    };
    let mut record = Record::default();
    for name in ["input", "output", "status_code", "tags"] {
        if let Some(json) = request.get(name) {
            record.add(name, json, rank);
        }
    }
    if let Some(duration) = duration {
        record.add("metrics", &format!(r#"{{"duration_ns":{duration}}}"#), rank);
    }
    // An update with tags alone may come while the span is still running.
    (record, duration.is_some() || request.get("output").is_some() || request.get("status_code").is_some())
}

fn envelope(project_id: Id, request: &RawObject<'_>, check: &mut Check) -> Delivery {
    check.boolean("reliable", request.get("reliable"));
    check.text("client_version", request.get("client_version"));
    if let Some(method) = request.get("logging_method")
        && !["\"playground\"", "\"python_client\"", "\"typescript_client\"", "\"api_direct\""].contains(&method)
    {
        check.inside("logging_method", |check| {
            check.report("enum", "Input should be 'playground', 'python_client', 'typescript_client' or 'api_direct'")
        });
    }
    let target = Target {
        project_id,
        log_stream_id: check.id("log_stream_id", request.get("log_stream_id")),
        experiment_id: check.id("experiment_id", request.get("experiment_id")),
    };
    Delivery {
        target,
        parts: Vec::new(),
        session_id: None,
        session_external_id: None,
        trace_ids: Vec::new(),
        parent_id: None,
        spans: 0,
    }
}

fn finish(mut delivery: Delivery, mut check: Check) -> Result<Delivery, Vec<Finding>> {
    delivery.spans = delivery.parts.iter().filter(|part| matches!(part, Draft::Span { .. })).count();
    if delivery.spans > SPANS {
        check.report("too_long", format!("a request may hold at most {SPANS} spans"));
    }
    if check.findings.is_empty() { Ok(delivery) } else { Err(check.findings) }
}

fn read_trace(trace: &RawObject<'_>, complete: bool, delivery: &mut Delivery, check: &mut Check) {
    let id = common(trace, check).unwrap_or_else(Id::random);
    payload::text_or_blocks("input", trace.get("input"), check);
    payload::text_or_blocks("output", trace.get("output"), check);
    if trace.get("type").is_some_and(|name| name != "\"trace\"") {
        check.inside("type", |check| check.report("literal_error", "Input should be 'trace'"));
    }
    delivery.trace_ids.push(id);
    let rank = rank(trace, complete);
    let mut record = fields(trace, rank);
    if record.get("session_id").is_none()
        && let Some(session) = delivery.session_id
    {
        record.add("session_id", &format!("\"{session}\""), rank);
    }
    delivery.parts.push(Draft::Trace { id, record, complete, create: true });
    if let Some(spans) = trace.spans.as_deref() {
        check.inside("spans", |check| read_spans(spans, id, id, complete, delivery, check));
    }
}

/// Recursion is bounded by the depth limit on the body.
fn read_spans(
    spans: &[RawObject<'_>],
    trace_id: Id,
    parent_id: Id,
    whole: bool,
    delivery: &mut Delivery,
    check: &mut Check,
) {
    for (index, span) in spans.iter().enumerate() {
        check.inside_index(index, |check| {
            let name = span.get("type").and_then(|json| serde_json::from_str::<String>(json).ok());
            let Some(span_type) = name.as_deref().and_then(SpanType::parse) else {
                let rule = if name.is_none() { "union_tag_not_found" } else { "union_tag_invalid" };
                return check.report(
                    rule,
                    "`type` should be one of 'agent', 'workflow', 'llm', 'retriever', 'tool', 'control'",
                );
            };
            check.inside(span_type.as_str(), |check| {
                let id = common(span, check).unwrap_or_else(Id::random);
                payload::span(span_type, span, check);
                let leaf =
                    matches!(span_type, SpanType::Llm | SpanType::Retriever | SpanType::Tool | SpanType::Control);
                // A workflow or agent may have a status or an early output while it runs; its duration is known at its end.
                let ended = whole
                    || has_duration(span)
                    || (leaf && (span.get("output").is_some() || span.get("status_code").is_some()));
                let rank = rank(span, ended);
                let mut record = fields(span, rank);
                if parent_id != trace_id {
                    record.add("parent_id", &format!("\"{parent_id}\""), rank);
                }
                delivery.parts.push(Draft::Span { trace_id, id, record, ended });
                if let Some(children) = span.spans.as_deref() {
                    check.inside("spans", |check| read_spans(children, trace_id, id, whole, delivery, check));
                }
            });
        });
    }
}

/// Checks what traces and spans have in common; the id.
fn common(object: &RawObject<'_>, check: &mut Check) -> Option<Id> {
    for name in ["session_id", "trace_id", "parent_id"] {
        check.id(name, object.get(name));
    }
    for name in ["name", "external_id", "dataset_input", "dataset_output"] {
        check.text(name, object.get(name));
    }
    for name in ["status_code", "step_number"] {
        check.integer(name, object.get(name));
    }
    for name in ["user_metadata", "dataset_metadata"] {
        check.string_map(name, object.get(name));
    }
    check.moment("created_at", object.get("created_at"));
    check.strings("tags", object.get("tags"));
    check.metrics(object.get("metrics"));
    check.id("id", object.get("id"))
}

#[derive(serde::Deserialize, Default)]
struct Duration {
    duration_ns: Option<f64>,
}

fn duration(object: &RawObject<'_>) -> Option<i64> {
    serde_json::from_str::<Duration>(object.get("metrics")?).ok()?.duration_ns.map(|duration| duration as i64)
}

fn has_duration(object: &RawObject<'_>) -> bool {
    duration(object).is_some()
}

fn rank(object: &RawObject<'_>, ended: bool) -> Rank {
    Rank {
        level: if ended { Level::Ended } else { Level::Open },
        created_ns: object.text("created_at").and_then(|text| parse_iso(&text)).unwrap_or(0),
        duration_ns: duration(object).unwrap_or(0),
    }
}

/// Every field as sent, but those that say where in the tree the object stands.
fn fields(object: &RawObject<'_>, rank: Rank) -> Record {
    let mut record = Record::default();
    for (name, json) in &object.fields {
        if !matches!(&**name, "id" | "trace_id" | "parent_id") && !matches!(json.get(), "[]" | "{}") {
            record.add(name, json.get(), rank);
        }
    }
    record
}

fn parse(body: &[u8]) -> Result<RawObject<'_>, Vec<Finding>> {
    let mut check = Check::at("body");
    if raw::too_deep(body) {
        check.report("json_invalid", format!("arrays and objects may nest at most {} deep", raw::DEPTH));
        return Err(check.findings);
    }
    serde_json::from_slice(body).map_err(|error| {
        let rule = if error.is_data() { "model_attributes_type" } else { "json_invalid" };
        check.report(rule, format!("JSON decode error: {error}"));
        check.findings
    })
}
