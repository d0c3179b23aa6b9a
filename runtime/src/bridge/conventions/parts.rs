//! The fields of another system's span as the parts of a Galileo span.

use super::Origin;
use super::fields::{Fields, Value};
use super::rules::{LANGCHAIN, MEANINGS, Meaning};
use crate::capture::Value as Captured;
use crate::model::{Field, Outcome, Parts, SpanId, SpanType, ValueKind};
use serde_json::json;

/// What the fields of one kind of span mean.
#[derive(Clone, Debug, Default)]
pub(in crate::bridge) struct Meanings {
    /// What the program added; looked up first.
    own: Vec<(&'static str, Meaning)>,
}

impl Meanings {
    pub(in crate::bridge) fn add(&mut self, field: &'static str, meaning: Meaning) {
        self.own.insert(0, (field, meaning));
    }

    /// What a field means; nothing known makes it metadata.
    fn of(&self, field: &str, origin: Origin<'_>) -> Option<Meaning> {
        let langchain = if origin.target.starts_with("langchain_rust") { LANGCHAIN } else { &[] };
        let mut tables = self.own.iter().chain(langchain).chain(MEANINGS);
        tables.find(|(name, _)| *name == field).map(|(_, meaning)| *meaning)
    }

    /// The span's name: a field that says so, else the one that the rule names, else the `tracing` span's own.
    pub(in crate::bridge) fn name<'a>(
        &self,
        origin: Origin<'a>,
        fields: &'a Fields,
        named_by: Option<&str>,
    ) -> &'a str {
        named_by
            .and_then(|field| fields.text(field))
            .or_else(|| {
                fields.iter().find(|(f, _)| self.of(f, origin) == Some(Meaning::Name)).and_then(|(_, v)| v.as_text())
            })
            .filter(|name| !name.is_empty())
            .unwrap_or(origin.name)
    }

    /// Writes what `fields` say and returns how the span ended, as far as they know.
    pub(in crate::bridge) fn write(
        &self,
        origin: Origin<'_>,
        span_type: SpanType,
        fields: &Fields,
        parts: &mut Parts<'_>,
    ) -> Outcome {
        let mut outcome = Outcome::Ok;
        let mut error: Option<&Value> = None;
        let mut error_type = "";
        let mut system: Option<&Value> = None;
        let mut input: Option<&Value> = None;
        for (name, value) in fields.iter() {
            let Some(meaning) = self.of(name, origin) else {
                value.write(parts, Field::Metadata, name.strip_prefix("langsmith.metadata.").unwrap_or(name));
                continue;
            };
            match meaning {
                Meaning::Ignored | Meaning::Name => {}
                Meaning::Model => value.write(parts, Field::Model, ""),
                Meaning::Temperature => {
                    if let Some(number) = value.as_f64() {
                        parts.push(Field::Temperature, "", ValueKind::Float, &number.to_le_bytes());
                    }
                }
                Meaning::Metric(metric) => {
                    if let Some(number) = value.as_u64() {
                        parts.uint(Field::Metric, metric, number);
                    }
                }
                Meaning::SecondsToFirstToken => {
                    if let Some(seconds) = value.as_f64().filter(|s| *s >= 0.0) {
                        parts.uint(Field::Metric, "time_to_first_token_ns", (seconds * 1e9) as u64);
                    }
                }
                Meaning::FinishReason => parts.text(Field::FinishReason, "", &first(value)),
                Meaning::System => system = Some(value),
                Meaning::Input => input = Some(value),
                Meaning::Output => value.write(parts, Field::Output, ""),
                Meaning::Tools => value.write(parts, Field::Tools, ""),
                Meaning::ToolCallId => value.write(parts, Field::ToolCallId, ""),
                Meaning::Session => session(value, parts),
                Meaning::Tags => tags(value, parts),
                Meaning::Error => error = Some(value),
                Meaning::ErrorType => {
                    outcome = Outcome::Error;
                    error_type = value.as_text().unwrap_or_default();
                }
                Meaning::Status => {
                    if value.as_text().is_some_and(|text| text.eq_ignore_ascii_case("error")) {
                        outcome = Outcome::Error;
                    }
                }
                Meaning::Metadata(key) => value.write(parts, Field::Metadata, key),
            }
        }
        match (system, input) {
            (Some(system), input) if span_type == SpanType::Llm => {
                Captured::Json(&conversation(system, input)).put(Field::Input, "", parts);
            }
            (_, Some(input)) => input.write(parts, Field::Input, ""),
            _ => {}
        }
        if let Some(text) =
            error.map(ToString::to_string).or_else(|| (!error_type.is_empty()).then(|| error_type.into()))
        {
            outcome = Outcome::Error;
            parts.text(Field::Error, error_type, &text);
        }
        outcome
    }
}

/// The messages with the system's in front.
fn conversation(system: &Value, input: Option<&Value>) -> serde_json::Value {
    let parsed = |value: &Value| value.to_structure().unwrap_or_else(|| value.to_json());
    let system = match parsed(system) {
        list @ serde_json::Value::Array(_) => json!({ "role": "system", "parts": list }),
        other => json!({ "role": "system", "content": other }),
    };
    let mut all = vec![system];
    match input.map(parsed) {
        Some(serde_json::Value::Array(messages)) => all.extend(messages),
        Some(other) => all.push(json!({ "role": "user", "content": other })),
        None => {}
    }
    serde_json::Value::Array(all)
}

fn first(value: &Value) -> String {
    match value.as_text().map(serde_json::from_str::<Vec<String>>) {
        Some(Ok(reasons)) => reasons.into_iter().next().unwrap_or_default(),
        _ => value.to_string(),
    }
}

/// A Galileo session is a version 4 UUID; any other id of a conversation is kept as what it is.
fn session(value: &Value, parts: &mut Parts<'_>) {
    match value.as_text().and_then(SpanId::parse) {
        Some(id) => parts.text(Field::SessionId, "", &id.to_string()),
        None => value.write(parts, Field::Metadata, "gen_ai.conversation.id"),
    }
}

fn tags(value: &Value, parts: &mut Parts<'_>) {
    let Some(text) = value.as_text() else { return };
    match serde_json::from_str::<Vec<String>>(text) {
        Ok(list) => list.iter().for_each(|tag| parts.text(Field::Tag, "", tag)),
        Err(_) => {
            text.split(',').map(str::trim).filter(|tag| !tag.is_empty()).for_each(|tag| parts.text(Field::Tag, "", tag))
        }
    }
}
