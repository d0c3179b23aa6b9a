//! One finished span as OTLP. Pure: the same record gives the same bytes. The numbers of fields are those of [`super::wire`].

use super::attribute::Attributes;
use super::wire::{flag, kind, status};
use super::{encode, typed};
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
    /// What another tracing system of this process calls the parent, where that is not the end of its id here.
    pub(crate) w3c_parent: Option<[u8; 8]>,
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

/// Appends the fields of the span's message.
pub(crate) fn span(out: &mut Vec<u8>, view: &SpanView<'_>, dialect: Dialect) {
    let parent = parent(view);
    let remote = if parent.is_some() && view.remote_parent { flag::IS_REMOTE } else { 0 };
    let kind = match (view.content.origin("otel.kind"), view.span_type) {
        (Some("client"), _) | (None, SpanType::Llm) => kind::CLIENT,
        (Some("producer"), _) => kind::PRODUCER,
        (Some("consumer"), _) => kind::CONSUMER,
        (Some("server"), _) => kind::SERVER,
        (None, _) if view.remote_parent => kind::SERVER,
        _ => kind::INTERNAL,
    };
    encode::bytes(out, 1, &view.w3c_trace.unwrap_or_else(|| view.trace.to_bytes()));
    encode::bytes(out, 2, &view.content.origin("w3c.span_id").and_then(unhex).unwrap_or_else(|| view.span.w3c()));
    if let Some(parent) = parent {
        encode::bytes(out, 4, &parent);
    }
    encode::bytes(out, 5, view.name.as_bytes());
    encode::varint_field(out, 6, kind);
    encode::fixed64(out, 7, view.start);
    encode::fixed64(out, 8, view.end);
    let mut attributes = Attributes::new(out, 9);
    attributes.set(galileo::SPAN_TYPE, view.span_type.as_str());
    typed::set(&mut attributes, view, dialect);
    common(&mut attributes, view, dialect);
    for one in &view.content.events {
        event(out, one, view);
    }
    // Another tracing system may have written it down already, with its stack.
    if view.content.events.iter().all(|event| event.part.key != otel::EXCEPTION) {
        exception(out, view);
    }
    status_of(out, view);
    encode::fixed32(out, 16, flag::SAMPLED | flag::HAS_IS_REMOTE | remote);
}

/// A received W3C parent is the nearest one; else the parent's own W3C id.
fn parent(view: &SpanView<'_>) -> Option<[u8; 8]> {
    if view.remote_parent
        && let Some(received) = view.content.origin("w3c.parent_id").and_then(unhex::<8>)
    {
        return Some(received);
    }
    view.w3c_parent.or((!view.parent.is_none()).then(|| view.parent.w3c()))
}

/// What every type of span says.
fn common(attributes: &mut Attributes<'_>, view: &SpanView<'_>, dialect: Dialect) {
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
    attributes.set(galileo::SPAN_ID, std::str::from_utf8(&view.span.to_text()).unwrap_or_default());
    if let Some(site) = view.site.filter(|site| !site.file.is_empty()) {
        attributes.set(otel::CODE_FILE, site.file);
        attributes.set(otel::CODE_LINE, u64::from(site.line));
    }
    if !content.tags.is_empty() {
        attributes.set(openinference::TAGS, content.tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>());
    }
    for (key, part) in &content.attributes {
        // Names without a dot are fields of one span type on Galileo's wire.
        if key.contains('.') {
            attributes.set_part(key, part);
        } else {
            attributes.set_part(&format!("galileo.{}.{key}", view.span_type.as_str()), part);
        }
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

fn dataset(attributes: &mut Attributes<'_>, content: &Content<'_>) {
    let mut metadata = Map::new();
    for (key, part) in &content.dataset {
        match *key {
            "input" => attributes.set(galileo::DATASET_INPUT, content::text(part)),
            "output" => attributes.set(galileo::DATASET_OUTPUT, content::text(part)),
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

fn status_of(out: &mut Vec<u8>, view: &SpanView<'_>) {
    let content = &view.content;
    let failed = view.outcome != Outcome::Ok || content.status_code.is_some_and(|code| code >= 400);
    let message = match &content.error {
        _ if !failed => "".into(),
        Some(error) => content::text(error),
        None if view.outcome == Outcome::Ok => format!("status {}", content.status_code.unwrap_or_default()).into(),
        None => view.outcome.as_str().into(),
    };
    // "Ok" is the application's own word; silence stays unset.
    let code = match content.status_code {
        _ if failed => status::ERROR,
        Some(_) => status::OK,
        None => status::UNSET,
    };
    let mut status = Vec::new();
    if !message.is_empty() {
        encode::bytes(&mut status, 2, message.as_bytes());
    }
    if code != status::UNSET {
        encode::varint_field(&mut status, 3, code);
    }
    encode::bytes(out, 15, &status);
}

/// The type that the program named, else how the span ended; the conventions' word for "something else" is `_OTHER`.
fn error_type<'a>(view: &SpanView<'a>) -> &'a str {
    match (&view.content.error, view.outcome) {
        (Some(error), _) if !error.key.is_empty() => error.key,
        (_, Outcome::Error | Outcome::Ok) => "_OTHER",
        (_, outcome) => outcome.as_str(),
    }
}

fn exception(out: &mut Vec<u8>, view: &SpanView<'_>) {
    let Some(error) = &view.content.error else { return };
    let mut message = Vec::new();
    encode::bytes(&mut message, 2, otel::EXCEPTION.as_bytes());
    let mut attributes = Attributes::new(&mut message, 3);
    attributes.set(otel::EXCEPTION_TYPE, error_type(view));
    attributes.set(otel::EXCEPTION_MESSAGE, content::text(error));
    encode::fixed64(&mut message, 1, view.end);
    encode::bytes(out, 11, &message);
}

fn event(out: &mut Vec<u8>, event: &EventPart<'_>, view: &SpanView<'_>) {
    let mut message = Vec::new();
    encode::bytes(&mut message, 2, event.part.key.as_bytes());
    let mut attributes = Attributes::new(&mut message, 3);
    match content::value(&event.part) {
        Value::Object(object) => object.iter().for_each(|(key, value)| attributes.set_json(key, value)),
        Value::Null => {}
        other => attributes.set_json("value", &other),
    }
    encode::fixed64(&mut message, 1, event.time.unwrap_or(view.end));
    encode::bytes(out, 11, &message);
}

/// Who sends: the message of the resource with its attributes in the order given; the first value of a key stays.
pub(crate) fn resource(facts: impl IntoIterator<Item = (String, String)>) -> Vec<u8> {
    let mut message = Vec::new();
    let mut attributes = Attributes::new(&mut message, 1);
    for (key, value) in facts {
        attributes.set(key, value);
    }
    attributes.set(otel::SDK_NAME, "galileo");
    attributes.set(otel::SDK_LANGUAGE, "rust");
    attributes.set(otel::SDK_VERSION, env!("CARGO_PKG_VERSION"));
    message
}

/// A request under construction. Lengths stand in front, and that of the whole is known last: the spans are written behind room for all
/// heads, which are then put right before them.
pub(crate) struct Body {
    out: Vec<u8>,
    room: usize,
    /// The messages before the spans.
    resource: Vec<u8>,
    /// One span's message, before its length is known.
    aside: Vec<u8>,
}

impl Body {
    /// An empty request from this sender, in the memory of `out`.
    pub(crate) fn new(resource: &[u8], mut out: Vec<u8>) -> Self {
        // Five heads of at most eleven bytes, and the scope.
        let room = resource.len() + 5 * 11 + 64;
        out.clear();
        out.resize(room, 0);
        Self { out, room, resource: resource.to_vec(), aside: Vec::with_capacity(4096) }
    }

    /// Adds a span.
    pub(crate) fn span(&mut self, view: &SpanView<'_>, dialect: Dialect) {
        self.aside.clear();
        span(&mut self.aside, view, dialect);
        encode::bytes(&mut self.out, 2, &self.aside);
    }

    /// The whole request, and where it begins in its memory.
    pub(crate) fn finish(mut self) -> (Vec<u8>, usize) {
        let mut scope = Vec::new();
        encode::bytes(&mut scope, 1, b"galileo");
        encode::bytes(&mut scope, 2, env!("CARGO_PKG_VERSION").as_bytes());
        let of_scope = encode::field_length(scope.len()) + self.out.len() - self.room;
        let of_resource = encode::field_length(self.resource.len()) + encode::field_length(of_scope);
        let mut heads = Vec::with_capacity(self.room);
        encode::head(&mut heads, 1, of_resource);
        encode::bytes(&mut heads, 1, &self.resource);
        encode::head(&mut heads, 2, of_scope);
        encode::bytes(&mut heads, 1, &scope);
        let start = self.room - heads.len();
        self.out[start..self.room].copy_from_slice(&heads);
        (self.out, start)
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
