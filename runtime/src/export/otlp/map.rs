//! One finished span as OTLP. Pure: the same record gives the same bytes.

use super::attribute::Attributes;
use super::typed;
use super::wire::{self, Event, KeyValue, Span, Status, flag, kind, status};
use crate::export::content::{self, Content, EventPart};
use crate::export::semconv::{galileo, openinference, otel};
use crate::model::{Callsite, Outcome, SpanId, SpanType, TraceId};
use serde_json::{Map, Value};

/// Which readers the attributes are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// OpenTelemetry's generative AI conventions with OpenInference beside them, for any backend.
    General,
    /// What Galileo's own endpoint is known to read: messages with plain content, documents inside a message.
    Galileo,
}

/// A finished span, as the mapping needs it.
#[derive(Clone, Debug)]
pub(crate) struct SpanView<'a> {
    pub(crate) name: &'a str,
    pub(crate) span_type: SpanType,
    pub(crate) trace: TraceId,
    /// The W3C trace id that came in, where it differs from `trace`; it is the one that OTLP carries.
    pub(crate) w3c_trace: Option<[u8; 16]>,
    pub(crate) span: SpanId,
    /// `NONE` directly under the trace.
    pub(crate) parent: SpanId,
    /// The parent is in another process.
    pub(crate) remote_parent: bool,
    pub(crate) session: Option<&'a str>,
    /// Unix time in nanoseconds.
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) outcome: Outcome,
    pub(crate) site: Option<&'static Callsite>,
    pub(crate) content: Content<'a>,
}

/// The span on the wire.
pub(crate) fn span(view: &SpanView<'_>, dialect: Dialect) -> Span {
    let mut attributes = Attributes::default();
    attributes.set(galileo::SPAN_TYPE, view.span_type.as_str());
    typed::set(&mut attributes, view, dialect);
    common(&mut attributes, view, dialect);
    let parent = parent(view);
    let remote = if parent.is_some() && view.remote_parent { flag::IS_REMOTE } else { 0 };
    let mut events: Vec<Event> = view.content.events.iter().map(|one| event(one, view)).collect();
    events.extend(exception(view));
    Span {
        trace_id: view.w3c_trace.unwrap_or_else(|| view.trace.to_bytes()).to_vec(),
        span_id: view.span.w3c().to_vec(),
        trace_state: String::new(),
        parent_span_id: parent.map(Vec::from).unwrap_or_default(),
        flags: flag::SAMPLED | flag::HAS_IS_REMOTE | remote,
        name: view.name.to_owned(),
        kind: match view.span_type {
            SpanType::Llm => kind::CLIENT,
            _ if view.remote_parent => kind::SERVER,
            _ => kind::INTERNAL,
        },
        start_time_unix_nano: view.start,
        end_time_unix_nano: view.end,
        attributes: attributes.into_inner(),
        events,
        links: Vec::new(),
        status: Some(status_of(view)),
    }
}

/// A received W3C parent is the nearest one; else the parent's own W3C id.
fn parent(view: &SpanView<'_>) -> Option<[u8; 8]> {
    if view.remote_parent
        && let Some(received) = view.content.origin("w3c.parent_id").and_then(unhex::<8>)
    {
        return Some(received);
    }
    (!view.parent.is_none()).then(|| view.parent.w3c())
}

/// What every type of span says.
fn common(attributes: &mut Attributes, view: &SpanView<'_>, dialect: Dialect) {
    let content = &view.content;
    if let Some(session) = view.session.or(content.session_id) {
        attributes.set(galileo::SESSION_ID, session);
        attributes.set(openinference::SESSION_ID, session);
        attributes.set(crate::export::semconv::gen_ai::CONVERSATION_ID, session);
    }
    dataset(attributes, content);
    attributes.set_some(galileo::STATUS_CODE, content.status_code);
    if view.outcome != Outcome::Ok {
        attributes.set(galileo::OUTCOME, view.outcome.as_str());
        attributes.set(otel::ERROR_TYPE, error_type(view));
    }
    if content.error_origin {
        attributes.set(galileo::ERROR_ORIGIN, true);
    }
    if view.w3c_trace.is_some() {
        attributes.set(galileo::TRACE_ID, view.trace.to_string());
    }
    attributes.set(galileo::SPAN_ID, view.span.to_string());
    if let Some(site) = view.site.filter(|site| !site.file.is_empty()) {
        attributes.set(otel::CODE_FILE, site.file);
        attributes.set(otel::CODE_LINE, u64::from(site.line));
    }
    if !content.tags.is_empty() {
        attributes.set(openinference::TAGS, content.tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>());
    }
    for (key, part) in &content.attributes {
        // Names without a dot are fields of one span type on Galileo's wire.
        let owned =
            if key.contains('.') { (*key).to_owned() } else { format!("galileo.{}.{key}", view.span_type.as_str()) };
        attributes.set_part(&owned, part);
    }
    if !content.metadata.is_empty() {
        if dialect == Dialect::General {
            let all: Map<String, Value> =
                content.metadata.iter().map(|(key, part)| ((*key).to_owned(), content::value(part))).collect();
            attributes.set(openinference::METADATA, Value::Object(all).to_string());
        }
        // Backends search attributes, not JSON inside of one.
        for (key, part) in &content.metadata {
            attributes.set_part(key, part);
        }
    }
}

fn dataset(attributes: &mut Attributes, content: &Content<'_>) {
    let mut metadata = Map::new();
    for (key, part) in &content.dataset {
        match *key {
            "input" => attributes.set(galileo::DATASET_INPUT, content::text(part).into_owned()),
            "output" => attributes.set(galileo::DATASET_OUTPUT, content::text(part).into_owned()),
            other => {
                let name = other.strip_prefix("metadata.").unwrap_or(other);
                metadata.insert(name.to_owned(), content::text(part).into());
            }
        }
    }
    if !metadata.is_empty() {
        attributes.set(galileo::DATASET_METADATA, Value::Object(metadata).to_string());
    }
}

fn status_of(view: &SpanView<'_>) -> Status {
    let content = &view.content;
    let failed = view.outcome != Outcome::Ok || content.status_code.is_some_and(|code| code >= 400);
    if failed {
        let message = match &content.error {
            Some(error) => content::text(error).into_owned(),
            None if view.outcome == Outcome::Ok => format!("status {}", content.status_code.unwrap_or_default()),
            None => view.outcome.as_str().to_owned(),
        };
        return Status { code: status::ERROR, message };
    }
    // "Ok" is the application's own word; silence stays unset.
    let code = if content.status_code.is_some() { status::OK } else { status::UNSET };
    Status { code, message: String::new() }
}

/// The type that the program named, else how the span ended; the conventions' word for "something else" is `_OTHER`.
fn error_type<'a>(view: &SpanView<'a>) -> &'a str {
    match (&view.content.error, view.outcome) {
        (Some(error), _) if !error.key.is_empty() => error.key,
        (_, Outcome::Error | Outcome::Ok) => "_OTHER",
        (_, outcome) => outcome.as_str(),
    }
}

fn exception(view: &SpanView<'_>) -> Option<Event> {
    let error = view.content.error.as_ref()?;
    let mut attributes = Attributes::default();
    attributes.set(otel::EXCEPTION_TYPE, error_type(view));
    attributes.set(otel::EXCEPTION_MESSAGE, content::text(error).into_owned());
    Some(Event { time_unix_nano: view.end, name: otel::EXCEPTION.to_owned(), attributes: attributes.into_inner() })
}

fn event(event: &EventPart<'_>, view: &SpanView<'_>) -> Event {
    let mut attributes = Attributes::default();
    match content::value(&event.part) {
        Value::Object(object) => object.iter().for_each(|(key, value)| attributes.set_json(key, value)),
        Value::Null => {}
        other => attributes.set_json("value", &other),
    }
    Event {
        time_unix_nano: event.time.unwrap_or(view.end),
        name: event.part.key.to_owned(),
        attributes: attributes.into_inner(),
    }
}

/// Who sends: the attributes of the resource, in the order given; the first value of a key stays.
pub(crate) fn resource(facts: impl IntoIterator<Item = (String, String)>) -> wire::Resource {
    let mut attributes = Attributes::default();
    for (key, value) in facts {
        attributes.set(key, value);
    }
    attributes.set(otel::SDK_NAME, "galileo");
    attributes.set(otel::SDK_LANGUAGE, "rust");
    attributes.set(otel::SDK_VERSION, env!("CARGO_PKG_VERSION"));
    wire::Resource { attributes: attributes.into_inner() }
}

/// A whole request.
pub(crate) fn request(resource: Vec<KeyValue>, spans: Vec<Span>) -> wire::ExportTraceServiceRequest {
    let scope = wire::Scope { name: "galileo".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
    wire::ExportTraceServiceRequest {
        resource_spans: vec![wire::ResourceSpans {
            resource: Some(wire::Resource { attributes: resource }),
            scope_spans: vec![wire::ScopeSpans { scope: Some(scope), spans }],
        }],
    }
}

/// Reads the bytes of hexadecimal text of exactly that length.
pub(crate) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != N * 2 {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = [pair[0], pair[1]].map(|digit| char::from(digit).to_digit(16));
        *byte = (high? << 4 | low?) as u8;
    }
    Some(bytes)
}
