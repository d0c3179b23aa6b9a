//! What a span of OpenTelemetry says, as the fields of the conventions.

use crate::bridge::conventions::{Fields, Meanings, Origin, RULES, Rule, Value};
use crate::model::{Field, Outcome, Parts, SpanType, ValueKind};
use opentelemetry::trace::{Event, SpanKind, Status};
use opentelemetry::{Array, KeyValue, Value as OtelValue};
use opentelemetry_sdk::trace::SpanData;
use serde_json::{Map, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// What the span is, and what it is called.
pub(super) struct Said {
    pub(super) span_type: SpanType,
    pub(super) name: String,
    fields: Fields,
}

/// Attributes that we have put there ourselves.
fn is_ours(key: &str) -> bool {
    ["galileo.project.", "galileo.logstream.", "galileo.experiment.", "galileo.session.", "galileo.dataset."]
        .iter()
        .any(|prefix| key.starts_with(prefix))
}

/// What spans and their attributes mean.
#[derive(Debug, Default)]
pub(super) struct Conventions {
    pub(super) rules: Vec<Rule>,
    pub(super) meanings: Meanings,
}

impl Conventions {
    pub(super) fn read(&self, data: &SpanData) -> Said {
        let mut fields = Fields::default();
        for KeyValue { key, value, .. } in data.attributes.iter().filter(|kv| !is_ours(kv.key.as_str())) {
            fields.set(key.as_str().to_owned(), field(value));
        }
        let origin = origin(data);
        let has = |name: &str| fields.get(name).is_some();
        let rule = self.rules.iter().chain(RULES).find(|rule| rule.may_match(origin, has) && rule.matches(&fields));
        let name = self.meanings.name(origin, &fields, rule.and_then(Rule::name_field)).to_owned();
        Said { span_type: rule.map_or(SpanType::Workflow, Rule::span_type), name, fields }
    }

    /// Writes everything but the name and returns how the span ended.
    pub(super) fn write(&self, said: &Said, data: &SpanData, parts: &mut Parts<'_>) -> Outcome {
        let mut outcome = self.meanings.write(origin(data), said.span_type, &said.fields, parts);
        for event in data.events.iter() {
            write_event(event, parts);
        }
        if let Status::Error { description } = &data.status {
            outcome = Outcome::Error;
            if !description.is_empty() {
                parts.text(Field::Error, error_type(data), description);
            }
        }
        parts.text(Field::Origin, "otel.kind", kind(&data.span_kind));
        let scope = &data.instrumentation_scope;
        if !scope.name().is_empty() {
            parts.text(Field::Origin, "otel.scope.name", scope.name());
        }
        if !data.links.links.is_empty() {
            let links: Vec<_> = data
                .links
                .iter()
                .map(|link| {
                    json!({
                        "trace_id": link.span_context.trace_id().to_string(),
                        "span_id": link.span_context.span_id().to_string(),
                        "attributes": object(&link.attributes),
                    })
                })
                .collect();
            parts.push(Field::Metadata, "otel.links", ValueKind::Json, json!(links).to_string().as_bytes());
        }
        let lost = [
            ("otel.dropped_attributes_count", data.dropped_attributes_count),
            ("otel.dropped_events_count", data.events.dropped_count),
            ("otel.dropped_links_count", data.links.dropped_count),
        ];
        for (key, count) in lost.into_iter().filter(|(_, count)| *count > 0) {
            parts.uint(Field::Metadata, key, u64::from(count));
        }
        outcome
    }
}

fn origin(data: &SpanData) -> Origin<'_> {
    Origin { target: data.instrumentation_scope.name(), name: &data.name }
}

fn write_event(event: &Event, parts: &mut Parts<'_>) {
    let attributes = object(&event.attributes);
    if event.name == "exception" {
        let text = |key: &str| attributes.get(key).and_then(|value| value.as_str()).unwrap_or_default();
        parts.text(Field::Error, text("exception.type"), text("exception.message"));
    }
    parts.uint(Field::EventTime, "", nanos(event.timestamp));
    let attributes = serde_json::Value::Object(attributes).to_string();
    parts.push(Field::Event, &event.name, ValueKind::Json, attributes.as_bytes());
}

/// The type of the exception, where the span has one.
fn error_type(data: &SpanData) -> &str {
    let exceptions = data.events.iter().filter(|event| event.name == "exception");
    let mut types = exceptions.flat_map(|event| &event.attributes).filter(|kv| kv.key.as_str() == "exception.type");
    match types.next().map(|kv| &kv.value) {
        Some(OtelValue::String(name)) => name.as_str(),
        _ => "",
    }
}

fn kind(kind: &SpanKind) -> &'static str {
    match kind {
        SpanKind::Client => "client",
        SpanKind::Server => "server",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
        SpanKind::Internal => "internal",
    }
}

fn object(attributes: &[KeyValue]) -> Map<String, serde_json::Value> {
    attributes.iter().map(|kv| (kv.key.as_str().to_owned(), json_of(&kv.value))).collect()
}

fn json_of(value: &OtelValue) -> serde_json::Value {
    match value {
        OtelValue::Bool(truth) => (*truth).into(),
        OtelValue::I64(number) => (*number).into(),
        OtelValue::F64(number) => (*number).into(),
        OtelValue::String(text) => text.as_str().into(),
        OtelValue::Array(Array::Bool(all)) => json!(all),
        OtelValue::Array(Array::I64(all)) => json!(all),
        OtelValue::Array(Array::F64(all)) => json!(all),
        OtelValue::Array(Array::String(all)) => all.iter().map(|text| text.as_str()).collect(),
        other => other.to_string().into(),
    }
}

fn field(value: &OtelValue) -> Value {
    match value {
        OtelValue::Bool(truth) => Value::Bool(*truth),
        OtelValue::I64(number) => Value::Int(*number),
        OtelValue::F64(number) => Value::Float(*number),
        OtelValue::String(text) => Value::text(text.as_str()),
        other => Value::text(&json_of(other).to_string()),
    }
}

/// Nanoseconds since the Unix epoch.
pub(super) fn nanos(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
