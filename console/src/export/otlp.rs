//! A trace as OTLP. Spans that came by OTLP go out as they came in; spans of other protocols get the attributes of the generative AI
//! conventions, so that any reader of OTLP understands them.

use serde_json::{Map, Value, json};

use crate::ingest::message;
use crate::ingest::otlp::attributes::write;
use crate::ingest::otlp::proto::{
    Event, ExportRequest, KeyValue, Link, Resource, ResourceSpans, Scope, ScopeSpans, Span, Status,
};
use crate::model::{Detail, Id, Outcome, SpanNode, SpanType, TraceView};

/// The spans of one resource by scope.
type Scopes = Vec<(Scope, Vec<Span>)>;

/// A span on its way out by itself.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    /// Its number in the store, and when it was due: what its queue knows it by.
    pub(crate) span_no: i64,
    pub(crate) due_ns: i64,
    /// The id of its trace, for a sender that did not speak OTLP.
    pub(crate) trace_id: [u8; 16],
    pub(crate) parent_id: Option<[u8; 8]>,
    pub(crate) session_id: Option<Id>,
    pub(crate) node: SpanNode,
}

/// Single spans of any traces, together by resource and scope.
pub(crate) fn batch(spans: &[Outgoing]) -> ExportRequest {
    let mut groups = Groups::default();
    for outgoing in spans {
        groups.add(outgoing.node.clone(), None, outgoing.trace_id, outgoing.parent_id, outgoing.session_id);
    }
    groups.into_request()
}

/// The spans of a trace, together by resource and scope, in the order of the tree. `trace_id` is the id to write: readers that asked
/// with a W3C id want the same one back, also where it differs in the bits that a UUID fixes; `None` writes what came in.
pub(crate) fn request(view: TraceView, trace_id: Option<[u8; 16]>) -> ExportRequest {
    let ids: Vec<[u8; 8]> = view.spans.iter().map(span_id).collect();
    let summary = view.summary;
    let mut groups = Groups::default();
    for node in view.spans {
        let parent = node.parent_index.and_then(|index| ids.get(index)).copied().or_else(|| node.parent_id.map(low));
        groups.add(node, trace_id, summary.id.0, parent, summary.session_id);
    }
    groups.into_request()
}

#[derive(Default)]
struct Groups(Vec<(Value, Scopes)>);

impl Groups {
    /// `asked` is the trace id to write whatever came in, `trace_id` the one for spans that came by another protocol.
    fn add(
        &mut self,
        node: SpanNode,
        asked: Option<[u8; 16]>,
        trace_id: [u8; 16],
        parent: Option<[u8; 8]>,
        session: Option<Id>,
    ) {
        let otel = otel(&node).cloned().unwrap_or_default();
        let resource = otel.get("resource").cloned().unwrap_or_else(|| match &node.service {
            Some(service) => json!({"service.name": service}),
            None => json!({}),
        });
        let scope: Scope = otel
            .get("scope")
            .and_then(|scope| serde_json::from_value(scope.clone()).ok())
            .unwrap_or_else(|| Scope { name: "galileo".to_owned(), version: String::new() });
        let own = otel.get("trace_id").and_then(Value::as_str).and_then(unhex::<16>);
        let span = span(node, &otel, asked.or(own).unwrap_or(trace_id), parent, session);
        // Traces have few resources and scopes: looking from the end finds most at once.
        let index = self.0.iter().rposition(|(known, _)| *known == resource).unwrap_or_else(|| {
            self.0.push((resource, Vec::new()));
            self.0.len() - 1
        });
        let scopes = &mut self.0[index].1;
        match scopes.iter_mut().rev().find(|(known, _)| *known == scope) {
            Some((_, spans)) => spans.push(span),
            None => scopes.push((scope, vec![span])),
        }
    }

    fn into_request(self) -> ExportRequest {
        let resource_spans = self
            .0
            .into_iter()
            .map(|(resource, scopes)| ResourceSpans {
                resource: Some(Resource { attributes: attributes(resource.as_object().unwrap_or(&Map::new())) }),
                scope_spans: scopes
                    .into_iter()
                    .map(|(scope, spans)| ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() })
                    .collect(),
                ..ResourceSpans::default()
            })
            .collect();
        ExportRequest { resource_spans }
    }
}

fn otel(node: &SpanNode) -> Option<&Map<String, Value>> {
    node.detail.as_ref()?.more.get("otel")?.as_object()
}

fn span_id(node: &SpanNode) -> [u8; 8] {
    otel(node).and_then(|otel| otel.get("span_id")?.as_str()).and_then(unhex).unwrap_or_else(|| low(node.id))
}

/// The last half of an id.
pub(crate) fn low(id: Id) -> [u8; 8] {
    let mut low = [0; 8];
    low.copy_from_slice(&id.0[8..]);
    low
}

/// The bytes of hexadecimal text of exactly that length.
pub(crate) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != N * 2 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; N];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).ok()?;
    }
    Some(bytes)
}

fn attributes(map: &Map<String, Value>) -> Vec<KeyValue> {
    map.iter().map(|(key, value)| KeyValue { key: key.clone(), value: Some(write(value)) }).collect()
}

fn nanos(ns: i64) -> u64 {
    u64::try_from(ns).unwrap_or(0)
}

fn span(
    mut node: SpanNode,
    otel: &Map<String, Value>,
    trace: [u8; 16],
    parent: Option<[u8; 8]>,
    session: Option<Id>,
) -> Span {
    let detail = node.detail.take().map(|detail| *detail).unwrap_or_default();
    let number = |name: &str| otel.get(name).and_then(Value::as_u64).unwrap_or(0);
    let list = |name: &str| otel.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let fields = |value: &Value| value.get("attributes").and_then(Value::as_object).map(attributes).unwrap_or_default();
    let status = otel.get("status").and_then(|status| serde_json::from_value(status.clone()).ok());
    Span {
        trace_id: trace.to_vec(),
        span_id: span_id_of(otel, node.id).to_vec(),
        trace_state: otel.get("trace_state").and_then(Value::as_str).unwrap_or_default().to_owned(),
        parent_span_id: parent.map(Vec::from).unwrap_or_default(),
        name: if node.name.is_empty() { node.span_type.as_str().to_owned() } else { node.name.clone() },
        kind: otel
            .get("kind")
            .and_then(Value::as_i64)
            .map_or(if node.span_type == SpanType::Llm { 3 } else { 1 }, |kind| kind as i32),
        start_time_unix_nano: nanos(node.start_ns),
        end_time_unix_nano: node.duration_ns.map_or(if node.open { 0 } else { nanos(node.start_ns) }, |duration| {
            nanos(node.start_ns.saturating_add(duration.max(0)))
        }),
        dropped_attributes_count: number("dropped_attributes_count") as u32,
        events: list("events")
            .iter()
            .map(|event| Event {
                time_unix_nano: event.get("time_unix_nano").and_then(Value::as_u64).unwrap_or(0),
                name: event.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
                attributes: fields(event),
            })
            .collect(),
        dropped_events_count: number("dropped_events_count") as u32,
        links: list("links")
            .iter()
            .map(|link| {
                let id = |name: &str| link.get(name).and_then(Value::as_str).unwrap_or_default();
                Link {
                    trace_id: unhex::<16>(id("trace_id")).map(Vec::from).unwrap_or_default(),
                    span_id: unhex::<8>(id("span_id")).map(Vec::from).unwrap_or_default(),
                    trace_state: id("trace_state").to_owned(),
                    attributes: fields(link),
                }
            })
            .collect(),
        dropped_links_count: number("dropped_links_count") as u32,
        status: Some(status.unwrap_or_else(|| status_of(&node))),
        flags: number("flags") as u32,
        attributes: match detail.more.get("attributes").and_then(Value::as_object) {
            Some(sent) => attributes(sent),
            None if otel.is_empty() => attributes(&conventions(&node, &detail, session)),
            None => Vec::new(),
        },
    }
}

fn span_id_of(otel: &Map<String, Value>, id: Id) -> [u8; 8] {
    otel.get("span_id").and_then(Value::as_str).and_then(unhex).unwrap_or_else(|| low(id))
}

fn status_of(node: &SpanNode) -> Status {
    match node.outcome {
        Outcome::Error | Outcome::Panic | Outcome::Cancelled => {
            Status { code: 2, message: node.error.clone().unwrap_or_default() }
        }
        Outcome::Ok if node.status_code.is_some() => Status { code: 1, message: String::new() },
        Outcome::Ok | Outcome::Running => Status::default(),
    }
}

/// What a span of another protocol says in the words of the generative AI conventions.
fn conventions(node: &SpanNode, detail: &Detail, session: Option<Id>) -> Map<String, Value> {
    let mut map = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value.filter(|value| !value.is_null()) {
            map.insert(name.to_owned(), value);
        }
    };
    let text = |value: &Option<Value>| value.as_ref().map(|value| Value::String(message::text(value)));
    put("galileo.span.type", Some(json!(node.span_type)));
    put("galileo.span.id", Some(json!(node.id)));
    put("galileo.status_code", node.status_code.map(Value::from));
    put("session.id", session.map(|id| json!(id)));
    match node.span_type {
        SpanType::Llm => {
            put("gen_ai.operation.name", Some(json!("chat")));
            put("gen_ai.request.model", node.model.clone().map(Value::String));
            put("gen_ai.request.temperature", detail.more.get("temperature").cloned());
            put("gen_ai.response.finish_reasons", detail.more.get("finish_reason").map(|reason| json!([reason])));
            put("gen_ai.input.messages", parts(&detail.input));
            put("gen_ai.output.messages", parts(&detail.output.clone().map(|output| json!([output]))));
            put("gen_ai.tool.definitions", detail.more.get("tools").map(|tools| json!(tools.to_string())));
            for (name, key) in [
                ("num_input_tokens", "gen_ai.usage.input_tokens"),
                ("num_output_tokens", "gen_ai.usage.output_tokens"),
                ("num_total_tokens", "gen_ai.usage.total_tokens"),
            ] {
                put(key, detail.metrics.get(name).cloned());
            }
        }
        SpanType::Tool => {
            put("gen_ai.operation.name", Some(json!("execute_tool")));
            put("gen_ai.tool.name", Some(json!(node.name)));
            put("gen_ai.tool.call.id", detail.more.get("tool_call_id").cloned());
            put("gen_ai.tool.call.arguments", text(&detail.input));
            put("gen_ai.tool.call.result", text(&detail.output));
        }
        SpanType::Retriever => {
            put("gen_ai.operation.name", Some(json!("retrieval")));
            put("gen_ai.retrieval.query.text", text(&detail.input));
            put("gen_ai.retrieval.documents", detail.output.as_ref().map(|documents| json!(documents.to_string())));
        }
        SpanType::Agent => {
            put("gen_ai.operation.name", Some(json!("invoke_agent")));
            put("gen_ai.agent.name", Some(json!(node.name)));
        }
        SpanType::Workflow => put("gen_ai.operation.name", Some(json!("invoke_workflow"))),
        SpanType::Control => {}
    }
    if node.span_type != SpanType::Llm {
        put("input.value", text(&detail.input));
        put("output.value", text(&detail.output));
    }
    put("tag.tags", (!detail.tags.is_empty()).then(|| json!(detail.tags)));
    for (key, value) in &detail.metadata {
        map.entry(key.clone()).or_insert_with(|| Value::String(value.clone()));
    }
    map
}

/// Messages with their content as parts, as text that holds JSON.
fn parts(messages: &Option<Value>) -> Option<Value> {
    let messages = message::messages(messages.as_ref()?, "user")?;
    let with_parts = messages.iter().map(|message| {
        let mut parts: Vec<Value> = match &message["content"] {
            Value::String(text) if text.is_empty() => Vec::new(),
            Value::String(text) if message.get("tool_call_id").is_some() => vec![json!({"type": "tool_call_response", "id": message["tool_call_id"], "response": text})],
            Value::String(text) => vec![json!({"type": "text", "content": text})],
            Value::Array(blocks) => blocks.iter().map(|block| match block.get("text").filter(|_| block["type"] == "text") {
                Some(text) => json!({"type": "text", "content": text}),
                None => block.clone(),
            }).collect(),
            _ => Vec::new(),
        };
        for call in message.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
            let function = &call["function"];
            parts.push(json!({"type": "tool_call", "id": call["id"], "name": function["name"], "arguments": message::parsed(&function["arguments"])}));
        }
        json!({"role": message["role"], "parts": parts})
    });
    Some(Value::String(Value::Array(with_parts.collect()).to_string()))
}
