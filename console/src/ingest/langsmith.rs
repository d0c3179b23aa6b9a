//! Runs of LangSmith: what `LANGSMITH_ENDPOINT` clients send, one by one, in batches and as multipart.
//!
//! A run's id may be a UUID of version 7, and the root run has the id of its trace; parents are therefore named by the last half of
//! their ids, which tells the root run from the trace.

use serde_json::{Map, Value, json};

use super::otlp::kind;
use super::{Names, RunName, message, session_id};
use crate::model::{Id, SpanType};
use crate::store::{Level, Rank, Record, SpanKey};
use crate::time::parse_iso;

/// A run that still lacks its place.
pub(crate) struct Run {
    pub(crate) names: Names,
    /// `None` for an update that does not name its trace or project.
    pub(crate) trace_id: Option<Id>,
    pub(crate) key: SpanKey,
    pub(crate) record: Record,
    pub(crate) ended: bool,
    pub(crate) session: Option<(Id, String)>,
}

/// Reads one run; the reason when it is none.
pub(crate) fn run(given: &Value, update: bool) -> Result<Run, &'static str> {
    let run = given.as_object().ok_or("a run must be an object")?;
    let text = |name: &str| run.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let id = |name: &str| text(name).and_then(|text| text.parse::<Id>().ok()).map(Id::as_v4);
    let own_id = id("id").ok_or("a run needs an `id` that is a UUID")?;
    // `20261120T193556253017Z<uuid>.20261120T193556300000Z<uuid>`: the first names the trace, the one before the last the parent.
    let order: Vec<Id> = text("dotted_order")
        .into_iter()
        .flat_map(|order| order.split('.'))
        .filter_map(|segment| segment.get(22..)?.parse().ok())
        .map(Id::as_v4)
        .collect();
    let trace_id = id("trace_id").or(order.first().copied());
    let parent = id("parent_run_id").or_else(|| order.len().checked_sub(2).map(|index| order[index]));
    let trace_id = match (trace_id, parent, update) {
        (None, None, false) => Some(own_id),
        // An update that does not say in which project waits for the run that does.
        (trace_id, _, true) => trace_id.filter(|_| text("session_name").is_some()),
        (trace_id, ..) => trace_id,
    };
    if trace_id.is_none() && !update {
        return Err("a run with a parent needs a `trace_id` or a `dotted_order`");
    }

    let (start, end) = (moment(run.get("start_time")), moment(run.get("end_time")));
    let ended = end.is_some()
        || run.get("outputs").is_some_and(|outputs| !outputs.is_null()) && update
        || text("error").is_some();
    let duration = start.zip(end).map(|(start, end)| end.saturating_sub(start));
    let level = if update {
        Level::Update
    } else if ended {
        Level::Ended
    } else {
        Level::Open
    };
    let rank = Rank { level, created_ns: start.unwrap_or(0), duration_ns: duration.unwrap_or(0) };
    let mut record = Record::default();
    let mut put = |name: &str, value: Value| record.add(name, &value.to_string(), rank);

    let span_type = text("run_type").map(|name| kind::lang_smith(name).unwrap_or_default());
    let extra = run.get("extra").and_then(Value::as_object).cloned().unwrap_or_default();
    let metadata = extra.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default();
    if let Some(span_type) = span_type {
        put("type", json!(span_type));
    }
    if let Some(name) = text("name") {
        put("name", json!(name));
    }
    if let Some(start) = start {
        put("created_at", json!(crate::time::format_iso_ns(start)));
    }
    if let Some(parent) = parent {
        put("parent_id", json!(format!("{:016x}", parent.low_key() as u64)));
    }
    let (inputs, outputs) = (run.get("inputs").unwrap_or(&Value::Null), run.get("outputs").unwrap_or(&Value::Null));
    for (name, value) in [("input", input(span_type, inputs)), ("output", output(span_type, outputs))] {
        if let Some(value) = value {
            put(name, value);
        }
    }
    put("metrics", Value::Object(metrics(duration, outputs, &metadata)));
    if let Some(error) = text("error") {
        put("error", json!(error));
    }
    let model =
        ["ls_model_name", "model", "model_name"].iter().find_map(|name| metadata.get(*name)?.as_str()).or_else(|| {
            extra.get("invocation_params").and_then(|given| given.get("model").or(given.get("model_name"))?.as_str())
        });
    if let Some(model) = model.filter(|_| span_type == Some(SpanType::Llm)) {
        put("model", json!(model));
    }
    if let Some(temperature) = metadata.get("ls_temperature").and_then(Value::as_f64) {
        put("temperature", json!(temperature));
    }
    if let Some(service) = ["service.name", "service_name"].iter().find_map(|name| metadata.get(*name)?.as_str()) {
        put("service", json!(service));
    }
    let tags = run.get("tags").filter(|tags| tags.as_array().is_some_and(|tags| tags.iter().all(Value::is_string)));
    put("tags", tags.cloned().unwrap_or_default());
    let plain: Map<String, Value> = metadata
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| (key.clone(), Value::String(message::text(value))))
        .collect();
    put("user_metadata", Value::Object(plain));
    let session = ["session_id", "thread_id", "conversation_id"]
        .iter()
        .find_map(|name| metadata.get(*name)?.as_str())
        .map(|text| (session_id(text), text.to_owned()));
    if let Some((id, _)) = &session {
        put("session_id", json!(id));
    }
    // All that has no field of its own, so that nothing of a run is lost.
    let rest: Map<String, Value> = run
        .iter()
        .filter(|(name, value)| {
            matches!(
                name.as_str(),
                "run_type" | "dotted_order" | "serialized" | "events" | "status" | "reference_example_id"
            ) && !value.is_null()
        })
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    for (name, value) in rest {
        put(&format!("langsmith.{name}"), value);
    }
    if let Some(runtime) = extra.get("runtime") {
        put("langsmith.runtime", runtime.clone());
    }
    let project = text("session_name").unwrap_or("default").to_owned();
    Ok(Run {
        names: Names { project, run: RunName::LogStream("default".to_owned()) },
        trace_id,
        key: SpanKey::of(own_id),
        record,
        ended,
        session,
    })
}

/// ISO 8601 text, or milliseconds since the epoch, which the SDK for JavaScript sends.
fn moment(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::String(text) => parse_iso(text),
        Value::Number(millis) => Some((millis.as_f64()? * 1e6) as i64),
        _ => None,
    }
}

fn input(span_type: Option<SpanType>, inputs: &Value) -> Option<Value> {
    let only = only_value(inputs, &["input", "query", "question", "text"]);
    match span_type {
        _ if inputs.is_null() || inputs == &json!({}) => None,
        Some(SpanType::Llm) => Some(Value::Array(
            message::messages(inputs, "user")
                .unwrap_or_else(|| vec![json!({"role": "user", "content": inputs.to_string()})]),
        )),
        Some(SpanType::Tool | SpanType::Retriever) => Some(Value::String(message::text(only.unwrap_or(inputs)))),
        _ => Some(inputs.clone()),
    }
}

fn output(span_type: Option<SpanType>, outputs: &Value) -> Option<Value> {
    let only = only_value(outputs, &["output", "outputs", "result"]).unwrap_or(outputs);
    match span_type {
        _ if outputs.is_null() || outputs == &json!({}) => None,
        Some(SpanType::Llm) => message::messages(outputs, "assistant")
            .and_then(|messages| messages.into_iter().next_back())
            .or_else(|| Some(json!({"role": "assistant", "content": message::text(only)}))),
        Some(SpanType::Retriever) => {
            Some(message::documents(outputs).map_or_else(|| json!([message::document(only)]), Value::Array))
        }
        Some(SpanType::Tool) => Some(Value::String(message::text(&tool_message(only)))),
        // An update may not say of which type its run is; then the only value is as good as any form.
        _ => Some(only.clone()),
    }
}

/// A tool of LangChain answers with a message.
fn tool_message(value: &Value) -> Value {
    value.get("kwargs").unwrap_or(value).get("content").cloned().unwrap_or_else(|| value.clone())
}

fn only_value<'a>(value: &'a Value, names: &[&str]) -> Option<&'a Value> {
    let mut others = value.as_object()?.iter().filter(|(name, _)| !matches!(name.as_str(), "usage" | "usage_metadata"));
    let (name, only) = others.next()?;
    (others.next().is_none() && names.contains(&name.as_str())).then_some(only)
}

fn metrics(duration: Option<i64>, outputs: &Value, metadata: &Map<String, Value>) -> Map<String, Value> {
    let mut metrics = Map::new();
    metrics.insert("duration_ns".into(), json!(duration));
    let usage = metadata.get("usage_metadata").or_else(|| find_usage(outputs, 8));
    for (name, keys) in [
        ("num_input_tokens", ["input_tokens", "prompt_tokens"]),
        ("num_output_tokens", ["output_tokens", "completion_tokens"]),
        ("num_total_tokens", ["total_tokens", "total_tokens"]),
    ] {
        if let Some(count) = keys.iter().find_map(|key| usage?.get(*key)?.as_i64()) {
            metrics.insert(name.into(), json!(count));
        }
    }
    metrics
}

/// The first `usage_metadata`, `usage` or `token_usage` in the outputs.
fn find_usage(value: &Value, levels: usize) -> Option<&Value> {
    if levels == 0 {
        return None;
    }
    match value {
        Value::Object(object) => ["usage_metadata", "usage", "token_usage"]
            .iter()
            .find_map(|name| object.get(*name).filter(|usage| usage.is_object()))
            .or_else(|| object.values().find_map(|inner| find_usage(inner, levels - 1))),
        Value::Array(items) => items.iter().find_map(|inner| find_usage(inner, levels - 1)),
        _ => None,
    }
}

/// The parts of a multipart body as `(name, content)`; `None` when it is not one.
pub(crate) fn multipart<'a>(body: &'a [u8], boundary: &str) -> Option<Vec<(String, &'a [u8])>> {
    let delimiter = format!("--{boundary}");
    let mut rest = body.strip_prefix(delimiter.as_bytes())?;
    let delimiter = format!("\r\n{delimiter}");
    let mut parts = Vec::new();
    loop {
        if rest.starts_with(b"--") {
            return Some(parts);
        }
        rest = rest.strip_prefix(b"\r\n")?;
        let head_end = find(rest, b"\r\n\r\n")?;
        let head = std::str::from_utf8(&rest[..head_end]).ok()?;
        let content = &rest[head_end + 4..];
        let end = find(content, delimiter.as_bytes())?;
        let name = head.lines().find_map(|line| {
            let (field, value) = line.split_once(':')?;
            let value = field.eq_ignore_ascii_case("content-disposition").then_some(value)?;
            Some(value.split("name=\"").nth(1)?.split('"').next()?.to_owned())
        })?;
        parts.push((name, &content[..end]));
        rest = &content[end + delimiter.len()..];
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == first).map(|at| at + from) {
        if bytes[at..].starts_with(wanted) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

/// Puts the parts of a multipart body together: runs, each with whether it is an update. Attachments and feedback are no spans.
pub(crate) fn assemble(parts: Vec<(String, &[u8])>) -> Result<Vec<(Value, bool)>, String> {
    let mut runs: Vec<(String, Value, bool)> = Vec::new();
    for (name, content) in parts {
        let mut path = name.splitn(3, '.');
        let (operation, id, field) = (path.next().unwrap_or_default(), path.next().unwrap_or_default(), path.next());
        let update = match operation {
            "post" => false,
            "patch" => true,
            _ => continue,
        };
        let value: Value =
            serde_json::from_slice(content).map_err(|error| format!("part `{operation}` is not JSON: {error}"))?;
        let known = runs.iter_mut().rev().find(|(known, _, is_update)| known == id && *is_update == update);
        match (known, field) {
            (Some((_, run, _)), Some(field)) => run[field] = value,
            (Some((_, run, _)), None) => merge(run, value),
            (None, Some(field)) => runs.push((id.to_owned(), json!({"id": id, field: value}), update)),
            (None, None) => runs.push((id.to_owned(), value, update)),
        }
    }
    Ok(runs.into_iter().map(|(_, run, update)| (run, update)).collect())
}

fn merge(run: &mut Value, fields: Value) {
    if let (Value::Object(run), Value::Object(fields)) = (run, fields) {
        for (name, value) in fields {
            run.entry(name).or_insert(value);
        }
    }
}
