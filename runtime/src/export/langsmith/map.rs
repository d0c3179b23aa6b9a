//! One finished span as a run. Pure: the same record gives the same run.

use super::wire::{Head, Run, object};
use crate::export::content::{self, Content, Document};
use crate::export::message::{Block, Message};
use crate::model::{Outcome, SpanType};
use crate::pipeline::exporter::SpanRecord;
use crate::propagation::DottedOrder;
use serde_json::{Map, Value, json};

/// What is left out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hidden {
    pub(super) inputs: bool,
    pub(super) outputs: bool,
    pub(super) metadata: bool,
}

/// The span's run.
pub(super) fn run(record: &SpanRecord<'_>, order: &DottedOrder, project: &str, hidden: Hidden) -> Run {
    let content = Content::read(record.parts()).shown();
    let [start, end] = times(record);
    let metadata = if hidden.metadata { Map::new() } else { metadata(record, &content) };
    let error = error(record, &content);
    Run {
        head: Head {
            id: record.span_id().to_string(),
            trace_id: uuid(order.trace_id()),
            parent_run_id: parent(order),
            dotted_order: order.as_str().to_owned(),
            name: record.name().to_owned(),
            run_type: run_type(record.span_type()),
            start_time: timestamp(start),
            end_time: timestamp(end),
            session_name: project.to_owned(),
            tags: content.tags.iter().map(|tag| (*tag).to_owned()).collect(),
        },
        inputs: if hidden.inputs { json!({}) } else { inputs(record, &content) },
        outputs: if hidden.outputs { json!({}) } else { outputs(record, &content) },
        extra: json!({ "metadata": metadata, "runtime": runtime() }),
        error,
        events: events(&content, start, end),
    }
}

/// The run that stands for a trace that began with us, made from its first span.
pub(super) fn trace_run(first: &Run, order: &DottedOrder) -> Run {
    let id = uuid(order.trace_id());
    let root = order.as_str().split('.').next().unwrap_or_default().to_owned();
    let head = Head {
        id: id.clone(),
        trace_id: id,
        parent_run_id: None,
        dotted_order: root,
        run_type: "chain",
        ..first.head.clone()
    };
    Run { head, events: Vec::new(), ..first.clone() }
}

fn run_type(span_type: SpanType) -> &'static str {
    match span_type {
        SpanType::Llm => "llm",
        SpanType::Retriever => "retriever",
        SpanType::Tool => "tool",
        _ => "chain",
    }
}

/// Start and end by the clock of the process, whose microseconds the dotted order has too.
fn times(record: &SpanRecord<'_>) -> [u64; 2] {
    let start = record.clock_started_at();
    let length = record.duration().unwrap_or_default().as_nanos();
    [start, start.saturating_add(u64::try_from(length).unwrap_or(u64::MAX))]
}

fn inputs(record: &SpanRecord<'_>, content: &Content<'_>) -> Value {
    if record.span_type() == SpanType::Llm {
        let messages = content.input_messages();
        let mut all = object([("messages", Some(messages.iter().map(message).collect()))]);
        all.extend(object([("tools", content.tools.as_ref().map(content::value))]));
        return Value::Object(all);
    }
    match &content.explicit_input {
        Some(part) => as_object("input", content::value(part)),
        None => Value::Object(content.arguments.iter().map(|p| (p.key.to_owned(), content::value(p))).collect()),
    }
}

fn outputs(record: &SpanRecord<'_>, content: &Content<'_>) -> Value {
    match record.span_type() {
        SpanType::Llm => {
            let messages: Vec<Value> = content.output_messages().iter().map(message).collect();
            let mut all = match messages.as_slice() {
                [] => Map::new(),
                [Value::Object(only)] => only.clone(),
                _ => object([("messages", Some(Value::Array(messages)))]),
            };
            all.extend(object([("usage_metadata", usage(content))]));
            Value::Object(all)
        }
        SpanType::Retriever => json!({ "documents": content.documents().iter().map(document).collect::<Vec<_>>() }),
        _ => content.output.as_ref().map_or_else(|| json!({}), |part| as_object("output", content::value(part))),
    }
}

fn as_object(key: &str, value: Value) -> Value {
    match value {
        Value::Object(object) => Value::Object(object),
        other => json!({ key: other }),
    }
}

/// A message in OpenAI's form, which LangSmith shows as one.
fn message(message: &Message) -> Value {
    let plain = message.blocks.iter().all(|block| !matches!(block, Block::Other(_) | Block::Reasoning(_)));
    let mut all = message.to_galileo();
    if !plain {
        let blocks = message.blocks.iter().filter_map(|block| match block {
            Block::Text(text) => Some(json!({ "type": "text", "text": text })),
            Block::Reasoning(text) => Some(json!({ "type": "reasoning", "reasoning": text })),
            Block::Other(value) => Some(value.clone()),
            Block::ToolCall { .. } | Block::ToolResult { .. } => None,
        });
        all["content"] = blocks.collect();
    }
    if let Some(calls) = all.get_mut("tool_calls").and_then(Value::as_array_mut) {
        calls.iter_mut().for_each(|call| call["type"] = json!("function"));
    }
    all
}

fn document(document: &Document) -> Value {
    let mut metadata = document.metadata.clone();
    metadata
        .extend(object([("id", document.id.as_deref().map(Value::from)), ("score", document.score.map(Value::from))]));
    json!({ "type": "Document", "page_content": document.content, "metadata": metadata })
}

fn usage(content: &Content<'_>) -> Option<Value> {
    let count = |name: &str| content.metric(name);
    let (input, output) = (count("num_input_tokens"), count("num_output_tokens"));
    if input.is_none() && output.is_none() {
        return None;
    }
    let total = count("num_total_tokens").unwrap_or(input.unwrap_or(0) + output.unwrap_or(0));
    let mut usage =
        json!({ "input_tokens": input.unwrap_or(0), "output_tokens": output.unwrap_or(0), "total_tokens": total });
    let details = object([
        ("cache_read", count("num_cached_input_tokens").map(Value::from)),
        ("cache_creation", count("num_cache_write_input_tokens").map(Value::from)),
    ]);
    if !details.is_empty() {
        usage["input_token_details"] = Value::Object(details);
    }
    if let Some(reasoning) = count("num_reasoning_tokens") {
        usage["output_token_details"] = json!({ "reasoning": reasoning });
    }
    Some(usage)
}

fn metadata(record: &SpanRecord<'_>, content: &Content<'_>) -> Map<String, Value> {
    let mut all: Map<String, Value> =
        content.metadata.iter().map(|(key, part)| ((*key).to_owned(), content::value(part))).collect();
    for (key, part) in content.attributes.iter().chain(&content.dataset) {
        all.entry(*key).or_insert_with(|| content::value(part));
    }
    if record.span_type() == SpanType::Llm {
        let provider = all.get("gen_ai.provider.name").cloned();
        all.extend(object([
            ("ls_provider", provider),
            ("ls_model_name", content.model.map(Value::from)),
            ("ls_temperature", content.temperature.map(Value::from)),
            ("ls_model_type", Some(json!("chat"))),
            ("usage_metadata", usage(content)),
        ]));
    }
    all.extend(object([
        ("finish_reason", content.finish_reason.map(Value::from)),
        ("session_id", content.session_id.map(Value::from)),
        ("tool_call_id", content.tool_call_id.map(Value::from)),
        ("status_code", content.status_code.map(Value::from)),
        ("outcome", record.outcome().filter(|o| *o != Outcome::Ok).map(|o| o.as_str().into())),
        ("galileo.span.type", Some(record.span_type().as_str().into())),
        ("galileo.trace_id", Some(record.trace_id().to_string().into())),
    ]));
    if record.is_entry() {
        let service = record.service;
        all.extend(object([
            ("service.name", Some(service.name.as_str().into())),
            ("service.version", service.version.as_deref().map(Value::from)),
            ("deployment.environment.name", service.environment.as_deref().map(Value::from)),
            ("host.name", service.host.as_deref().map(Value::from)),
        ]));
    }
    all
}

fn error(record: &SpanRecord<'_>, content: &Content<'_>) -> Option<String> {
    let outcome = record.outcome().unwrap_or(Outcome::Ok);
    match (&content.error, outcome) {
        (Some(error), _) => Some(content::text(error).into_owned()),
        (None, Outcome::Ok) => content.status_code.filter(|code| *code >= 400).map(|code| format!("status {code}")),
        (None, outcome) => Some(outcome.as_str().to_owned()),
    }
}

/// Events of the span; the first piece of a model's answer is one, because LangSmith reads its time from there.
fn events(content: &Content<'_>, start: u64, end: u64) -> Vec<Value> {
    let mut all: Vec<Value> = content
        .events
        .iter()
        .map(|event| {
            let time = timestamp(event.time.unwrap_or(end));
            json!({ "name": event.part.key, "time": time, "kwargs": content::value(&event.part) })
        })
        .collect();
    if let Some(nanos) = content.metric("time_to_first_token_ns") {
        all.push(json!({ "name": "new_token", "time": timestamp(start.saturating_add(nanos)) }));
    }
    all
}

fn runtime() -> Value {
    json!({
        "sdk": "galileo-rust",
        "sdk_version": env!("CARGO_PKG_VERSION"),
        "library": "galileo-sdk",
        "runtime": "rust",
        "platform": std::env::consts::OS,
    })
}

/// The run above, when there is one.
fn parent(order: &DottedOrder) -> Option<String> {
    let text = order.as_str();
    let above = &text[..text.rfind('.')?];
    // A segment is 22 characters of time and 36 of id.
    Some(above[above.len() - 36..].to_owned())
}

fn uuid(bytes: [u8; 16]) -> String {
    crate::model::SpanId::from_bytes(bytes).to_string()
}

/// ISO 8601 in UTC with microseconds, the resolution of the dotted order.
fn timestamp(nanos: u64) -> String {
    let order = DottedOrder::root(nanos / 1_000, [1; 16]);
    let text = order.as_str();
    // `20261120T193556253017Z` with its marks put in.
    format!(
        "{}-{}-{}T{}:{}:{}.{}+00:00",
        &text[..4],
        &text[4..6],
        &text[6..8],
        &text[9..11],
        &text[11..13],
        &text[13..15],
        &text[15..21]
    )
}
