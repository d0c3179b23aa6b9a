//! One span of OTLP becomes a part of the store. Nothing that was sent is left out: what has no field of its own stays under
//! `attributes` and `otel`, from which the span can be written as OTLP again.

use serde_json::{Map, Value, json};

use super::attributes::Attributes;
use super::proto::{Event, ExportRequest, Link, Resource, Scope, Span};
use super::{content, kind};
use crate::ingest::{Names, RunName, session_id};
use crate::model::{Id, SpanType};
use crate::store::{Level, Rank, Record, SpanKey};

/// Spans in one request.
const SPANS: usize = 10_000;

/// Where the headers of a request send its spans.
#[derive(Clone, Debug, Default)]
pub(crate) struct Headers {
    pub(crate) project: Option<String>,
    pub(crate) log_stream: Option<String>,
    pub(crate) experiment_id: Option<String>,
}

/// A span that still lacks its place.
pub(crate) struct Mapped {
    pub(crate) names: Names,
    pub(crate) trace_id: Id,
    pub(crate) key: SpanKey,
    pub(crate) record: Record,
    pub(crate) ended: bool,
    pub(crate) session: Option<(Id, String)>,
}

/// Spans that could not be taken, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub(crate) count: i64,
    pub(crate) reason: String,
}

/// Maps a whole request.
pub(crate) fn map(request: ExportRequest, headers: &Headers) -> (Vec<Mapped>, Rejected) {
    let mut mapped = Vec::new();
    let mut rejected = Rejected::default();
    for resource_spans in request.resource_spans {
        let resource =
            Attributes::read(resource_spans.resource.unwrap_or_else(|| Resource { attributes: Vec::new() }).attributes);
        for scope_spans in resource_spans.scope_spans {
            let scope = scope_spans.scope.unwrap_or_default();
            for span in scope_spans.spans {
                let taken = if mapped.len() < SPANS {
                    one(span, &resource, &scope, headers)
                } else {
                    Err("a request may hold at most 10000 spans")
                };
                match taken {
                    Ok(span) => mapped.push(span),
                    Err(reason) => {
                        rejected.count += 1;
                        rejected.reason = reason.to_owned();
                    }
                }
            }
        }
    }
    (mapped, rejected)
}

fn one(span: Span, resource: &Attributes, scope: &Scope, headers: &Headers) -> Result<Mapped, &'static str> {
    let raw_trace: [u8; 16] = span.trace_id.as_slice().try_into().map_err(|_| "a trace id must have 16 bytes")?;
    let span_id: [u8; 8] = span.span_id.as_slice().try_into().map_err(|_| "a span id must have 8 bytes")?;
    if raw_trace == [0; 16] || span_id == [0; 8] {
        return Err("ids must not be zero");
    }
    let parent: Option<[u8; 8]> = match span.parent_span_id.as_slice() {
        [] => None,
        bytes => Some(bytes.try_into().map_err(|_| "a parent id must have 8 bytes")?).filter(|bytes| *bytes != [0; 8]),
    };
    let attributes = Attributes::read(span.attributes);
    let read_event = |mut event: Event| {
        let attributes = Attributes::read(std::mem::take(&mut event.attributes));
        (event, attributes)
    };
    let events: Vec<(Event, Attributes)> = span.events.into_iter().map(read_event).collect();
    let w3c_trace = Id(raw_trace).as_v4();
    // A sender that continued a Galileo trace and a W3C trace at once says which Galileo trace it was.
    let own = |name: &str| attributes.text(&[name]).and_then(|text| text.parse::<Id>().ok()).filter(Id::is_v4);
    let trace_id = own("galileo.trace.id").unwrap_or(w3c_trace);
    let w3c_key = SpanKey::w3c(u64::from_be_bytes(span_id));
    let key = own("galileo.span.id").map(SpanKey::of).filter(|key| key.key == w3c_key.key).unwrap_or(w3c_key);

    let span_type = kind::span_type(&attributes);
    let pending = attributes.text(&["logfire.span_type"]) == Some("pending_span");
    let ended = span.end_time_unix_nano != 0 && !pending;
    let start_ns = i64::try_from(span.start_time_unix_nano).unwrap_or(i64::MAX);
    let duration_ns =
        ended.then(|| i64::try_from(span.end_time_unix_nano).unwrap_or(i64::MAX).saturating_sub(start_ns));
    let rank = Rank {
        level: if ended { Level::Ended } else { Level::Open },
        created_ns: start_ns,
        duration_ns: duration_ns.unwrap_or(0),
    };
    let mut record = Record::default();
    let mut put = |name: &str, value: Value| record.add(name, &value.to_string(), rank);

    put("type", json!(span_type));
    put(
        "name",
        json!(attributes.text(&["langsmith.trace.name"]).filter(|_| span.name.is_empty()).unwrap_or(&span.name)),
    );
    if start_ns != 0 {
        put("created_at", json!(crate::time::format_iso_ns(start_ns)));
    }
    if let Some(parent) = parent {
        put("parent_id", json!(hex(&parent)));
    }
    let content = content::read(span_type, &attributes, &events);
    for (name, value) in [("input", content.input), ("output", content.output)] {
        if let Some(value) = value {
            put(name, value);
        }
    }
    put("metrics", metrics(&attributes, duration_ns));
    fields(&attributes, span_type, &mut put);
    outcome(&attributes, span.status.as_ref(), &events, &mut put);
    put("user_metadata", Value::Object(metadata(&attributes)));
    put("tags", json!(tags(&attributes)));
    if let Some(service) = resource.text(&["service.name"]) {
        put("service", json!(service));
    }
    let session = attributes
        .text(&["galileo.session.id", "session.id", "gen_ai.conversation.id", "langsmith.trace.session_id"])
        .or_else(|| resource.text(&["galileo.session.id", "session.id"]))
        .map(|text| (session_id(text), text.to_owned()));
    if let Some((id, _)) = &session {
        put("session_id", json!(id));
    }

    let mut otel = Map::new();
    otel.insert("span_id".into(), json!(hex(&span_id)));
    if raw_trace != trace_id.0 {
        otel.insert("trace_id".into(), json!(hex(&raw_trace)));
    }
    for (name, value, empty) in [
        ("kind", json!(span.kind), span.kind == 0),
        ("trace_state", json!(span.trace_state), span.trace_state.is_empty()),
        ("flags", json!(span.flags), span.flags == 0),
        ("scope", json!(scope), *scope == Scope::default()),
        ("status", json!(span.status), span.status.is_none()),
        ("dropped_attributes_count", json!(span.dropped_attributes_count), span.dropped_attributes_count == 0),
        ("dropped_events_count", json!(span.dropped_events_count), span.dropped_events_count == 0),
        ("dropped_links_count", json!(span.dropped_links_count), span.dropped_links_count == 0),
        ("events", events.iter().map(|(event, attributes)| json!({"time_unix_nano": event.time_unix_nano, "name": event.name, "attributes": attributes.0})).collect(), events.is_empty()),
        ("links", span.links.into_iter().map(link).collect(), false),
        ("resource", Value::Object(resource.0.clone()), resource.0.is_empty()),
    ] {
        if !empty && value != json!([]) {
            otel.insert(name.into(), value);
        }
    }
    put("otel", Value::Object(otel));
    let names = names(&attributes, resource, headers);
    if !attributes.0.is_empty() {
        put("attributes", Value::Object(attributes.0));
    }
    Ok(Mapped { names, trace_id, key, record, ended, session })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn link(link: Link) -> Value {
    json!({"trace_id": hex(&link.trace_id), "span_id": hex(&link.span_id), "trace_state": link.trace_state, "attributes": Attributes::read(link.attributes).0})
}

/// Attributes say it best, as they belong to the span; then the resource; the headers belong to a whole batch.
fn names(attributes: &Attributes, resource: &Attributes, headers: &Headers) -> Names {
    let named = |names: &[&str]| attributes.text(names).or_else(|| resource.text(names)).map(str::to_owned);
    let experiment = named(&["galileo.experiment.id"]).or_else(|| headers.experiment_id.clone());
    let stream = named(&["galileo.logstream.name"]).or_else(|| headers.log_stream.clone());
    let run = match (experiment.and_then(|text| text.parse::<Id>().ok()), stream) {
        (Some(id), _) => RunName::Experiment(id.as_v4()),
        (None, Some(name)) => RunName::LogStream(name),
        (None, None) => RunName::LogStream("default".to_owned()),
    };
    let project = named(&["galileo.project.name", "langsmith.trace.session_name", "openinference.project.name"])
        .or_else(|| headers.project.clone());
    Names { project: project.unwrap_or_else(|| "default".to_owned()), run }
}

fn metrics(attributes: &Attributes, duration_ns: Option<i64>) -> Value {
    let mut metrics = Map::new();
    metrics.insert("duration_ns".into(), json!(duration_ns));
    for (name, keys) in [
        (
            "num_input_tokens",
            &[
                "gen_ai.usage.input_tokens",
                "gen_ai.usage.prompt_tokens",
                "llm.token_count.prompt",
                "llm.usage.prompt_tokens",
            ][..],
        ),
        (
            "num_output_tokens",
            &[
                "gen_ai.usage.output_tokens",
                "gen_ai.usage.completion_tokens",
                "llm.token_count.completion",
                "llm.usage.completion_tokens",
            ],
        ),
        ("num_total_tokens", &["gen_ai.usage.total_tokens", "llm.usage.total_tokens", "llm.token_count.total"]),
        (
            "num_cached_input_tokens",
            &[
                "gen_ai.usage.cache_read.input_tokens",
                "gen_ai.usage.cache_read_input_tokens",
                "llm.token_count.prompt_details.cache_read",
            ],
        ),
        (
            "num_cache_write_input_tokens",
            &[
                "gen_ai.usage.cache_creation.input_tokens",
                "gen_ai.usage.cache_creation_input_tokens",
                "llm.token_count.prompt_details.cache_write",
            ],
        ),
        (
            "num_reasoning_tokens",
            &["gen_ai.usage.reasoning.output_tokens", "llm.token_count.completion_details.reasoning"],
        ),
    ] {
        if let Some(count) = attributes.integer(keys) {
            metrics.insert(name.into(), json!(count));
        }
    }
    if let Some(seconds) =
        attributes.number(&["gen_ai.response.time_to_first_chunk", "gen_ai.server.time_to_first_token"])
    {
        metrics.insert("time_to_first_token_ns".into(), json!((seconds * 1e9) as i64));
    }
    Value::Object(metrics)
}

/// What only some types have.
fn fields(attributes: &Attributes, span_type: SpanType, put: &mut impl FnMut(&str, Value)) {
    let invocation = attributes.get("llm.invocation_parameters").map(crate::ingest::message::parsed);
    if span_type == SpanType::Llm {
        if let Some(model) = attributes.text(&[
            "gen_ai.response.model",
            "gen_ai.request.model",
            "llm.model_name",
            "llm.response.model",
            "llm.request.model",
        ]) {
            put("model", json!(model));
        }
        let temperature = attributes
            .number(&["gen_ai.request.temperature", "llm.request.temperature"])
            .or_else(|| invocation.as_ref()?.get("temperature")?.as_f64());
        if let Some(temperature) = temperature {
            put("temperature", json!(temperature));
        }
        let reason = attributes
            .get("gen_ai.response.finish_reasons")
            .and_then(|reasons| reasons.as_array()?.first()?.as_str())
            .or_else(|| attributes.text(&["llm.finish_reason", "gen_ai.completion.0.finish_reason"]));
        if let Some(reason) = reason {
            put("finish_reason", json!(reason));
        }
        if let Some(Value::Array(tools)) = attributes.get("gen_ai.tool.definitions").map(crate::ingest::message::parsed)
        {
            put("tools", Value::Array(tools));
        }
    }
    if let Some(id) = attributes.text(&["gen_ai.tool.call.id", "tool.id"]).filter(|_| span_type == SpanType::Tool) {
        put("tool_call_id", json!(id));
    }
    if let Some(kind) = attributes.text(&["galileo.agent.type"]).filter(|_| span_type == SpanType::Agent) {
        put("agent_type", json!(kind));
    }
    for (name, key) in [("dataset_input", "galileo.dataset.input"), ("dataset_output", "galileo.dataset.output")] {
        if let Some(text) = attributes.text(&[key]) {
            put(name, json!(text));
        }
    }
    if let Some(Value::Object(metadata)) =
        attributes.get("galileo.dataset.metadata").map(crate::ingest::message::parsed)
        && !metadata.is_empty()
    {
        put("dataset_metadata", Value::Object(metadata));
    }
}

/// Status, error text, and where the error began.
fn outcome(
    attributes: &Attributes,
    status: Option<&super::proto::Status>,
    events: &[(Event, Attributes)],
    put: &mut impl FnMut(&str, Value),
) {
    let code = attributes.integer(&["galileo.status_code", "http.response.status_code", "http.status_code"]);
    match status.map_or(0, |status| status.code) {
        2 => put("status_code", json!(code.filter(|code| *code >= 400).unwrap_or(500))),
        // By the conventions a server's 4xx is no error of the server, and then the status is unset.
        _ => {
            if let Some(code) = code.filter(|code| *code < 400 || attributes.get("galileo.status_code").is_some()) {
                put("status_code", json!(code));
            }
        }
    }
    let exception = events.iter().rev().find(|(event, _)| event.name == "exception").map(|(_, attributes)| attributes);
    let thrown = exception.and_then(|exception| {
        match (exception.text(&["exception.type"]), exception.text(&["exception.message"])) {
            (Some(kind), Some(message)) => Some(format!("{kind}: {message}")),
            (kind, message) => kind.or(message).map(str::to_owned),
        }
    });
    let failed = status.is_some_and(|status| status.code == 2);
    if failed {
        let message = status.map(|status| status.message.clone()).filter(|message| !message.is_empty());
        if let Some(text) =
            message.or(thrown).or_else(|| attributes.text(&["error.message", "error.type"]).map(str::to_owned))
        {
            put("error", json!(text));
        }
    }
    if let Some(word) =
        attributes.text(&["galileo.outcome"]).filter(|word| matches!(*word, "error" | "panic" | "cancelled"))
    {
        put("outcome", json!(word));
    }
    if attributes.get("galileo.error.origin") == Some(&Value::Bool(true)) {
        put("error_origin", json!(true));
    }
}

/// What users attached as metadata, by each convention that has such a thing.
fn metadata(attributes: &Attributes) -> Map<String, Value> {
    let mut metadata = Map::new();
    if let Some(Value::Object(given)) = attributes.get("metadata").map(crate::ingest::message::parsed) {
        for (key, value) in given {
            metadata.insert(key, Value::String(crate::ingest::message::text(&value)));
        }
    }
    for (name, value) in &attributes.0 {
        let key = ["langsmith.metadata.", "traceloop.association.properties.", "metadata."]
            .iter()
            .find_map(|prefix| name.strip_prefix(prefix));
        if let Some(key) = key.filter(|key| !key.is_empty()) {
            metadata.entry(key).or_insert_with(|| Value::String(crate::ingest::message::text(value)));
        }
    }
    for name in ["cache_hit", "w3c.parent_id", "galileo.parent_id", "linked_trace_id"] {
        if let Some(value) = attributes.get(name) {
            metadata.entry(name).or_insert_with(|| Value::String(crate::ingest::message::text(value)));
        }
    }
    metadata
}

fn tags(attributes: &Attributes) -> Vec<String> {
    if let Some(Value::Array(tags)) = attributes.get("tag.tags").map(crate::ingest::message::parsed) {
        return tags.iter().map(crate::ingest::message::text).collect();
    }
    attributes
        .text(&["langsmith.span.tags"])
        .into_iter()
        .flat_map(|tags| tags.split(','))
        .map(|tag| tag.trim().to_owned())
        .filter(|tag| !tag.is_empty())
        .collect()
}
