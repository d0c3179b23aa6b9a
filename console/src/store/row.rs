//! The columns of a span, derived from its record. Everything that lists, sums and draws read is computed here, from the merged
//! record alone, so that it cannot depend on the order of arrival.

use super::merge::{Record, SEPARATOR};
use crate::model::{Id, Outcome, Sources, SpanType, Tokens, low_key};
use crate::time::parse_iso;

/// `flags`: the failure began here.
pub(crate) const ERROR_ORIGIN: i64 = 1;
/// `flags`: first span of a process.
pub(crate) const ENTRY: i64 = 2;
/// `flags`: answered from a cache.
pub(crate) const CACHED: i64 = 4;

/// A span id as far as it is known: `high` is 0 when only the eight bytes of a W3C id are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SpanKey {
    pub(crate) key: i64,
    pub(crate) high: i64,
}

impl SpanKey {
    pub(crate) fn of(id: Id) -> SpanKey {
        SpanKey { key: id.low_key(), high: id.high() }
    }

    pub(crate) fn w3c(span_id: u64) -> SpanKey {
        SpanKey { key: low_key(span_id), high: 0 }
    }

    /// A UUID, or the 16 hexadecimal digits of a W3C span id.
    pub(crate) fn parse(text: &str) -> Option<SpanKey> {
        if text.len() == 16 {
            return u64::from_str_radix(text, 16).ok().map(SpanKey::w3c);
        }
        text.parse().ok().map(SpanKey::of)
    }

    /// The id to show. A span known by its W3C id only gets the first half of its trace's id, so that every span has a UUID
    /// whose last half is the W3C id.
    pub(crate) fn id_in(self, trace: Id) -> Id {
        Id::from_parts(if self.high == 0 { trace.high() } else { self.high }, self.key)
    }
}

/// The columns of one span.
#[derive(Clone, Debug)]
pub(crate) struct SpanColumns {
    /// The parent that the span means.
    pub(crate) parent: Option<SpanKey>,
    /// The parent that it was sent with, when that is another one.
    pub(crate) wire: Option<SpanKey>,
    pub(crate) span_type: SpanType,
    pub(crate) name: String,
    pub(crate) service: Option<String>,
    pub(crate) start_ns: i64,
    pub(crate) duration_ns: Option<i64>,
    pub(crate) ended: bool,
    pub(crate) status_code: Option<i64>,
    pub(crate) outcome: Outcome,
    pub(crate) sources: Sources,
    pub(crate) tokens: Tokens,
    pub(crate) model: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) flags: i64,
}

impl SpanColumns {
    /// `seen_ns` is when it first arrived, the start of a span whose sender gave none.
    pub(crate) fn derive(record: &Record, trace: Id, ended: bool, sources: Sources, seen_ns: i64) -> SpanColumns {
        let metadata = |key: &str| record.text(&format!("user_metadata{SEPARATOR}{key}"));
        let status_code = record.integer("status_code");
        let outcome = outcome(record, ended, status_code);
        let (parent, wire) = parents(record, trace, metadata("w3c.parent_id"), metadata("galileo.parent_id"));
        let own_service = metadata("service.name");
        let tag = |tag: &str| record.tags().iter().any(|present| present == tag);
        let cached = tag("cache_hit=true")
            || tag("cache.hit=true")
            || ["cache_hit", "cache.hit", "cached"]
                .iter()
                .any(|key| metadata(key).is_some_and(|value| value.eq_ignore_ascii_case("true")));
        let origin = tag("error.origin=true") || record.get("error_origin") == Some("true");
        let flags = [(origin, ERROR_ORIGIN), (own_service.is_some(), ENTRY), (cached, CACHED)];
        SpanColumns {
            parent,
            wire,
            span_type: record.text("type").and_then(|name| SpanType::parse(&name)).unwrap_or_default(),
            name: record.text("name").unwrap_or_default(),
            service: own_service.or_else(|| record.text("service")),
            start_ns: record.text("created_at").and_then(|text| parse_iso(&text)).unwrap_or(seen_ns),
            duration_ns: duration(record),
            ended,
            status_code,
            outcome,
            sources,
            tokens: tokens(record),
            model: record.text("model"),
            error: matches!(outcome, Outcome::Error | Outcome::Panic | Outcome::Cancelled)
                .then(|| error_text(record))
                .flatten(),
            flags: flags.iter().filter(|(set, _)| *set).map(|(_, bit)| bit).sum(),
        }
    }

    pub(crate) fn end_ns(&self) -> Option<i64> {
        self.duration_ns.map(|duration| self.start_ns.saturating_add(duration))
    }

    pub(crate) fn failed(&self) -> bool {
        matches!(self.outcome, Outcome::Error | Outcome::Panic)
    }
}

pub(crate) fn duration(record: &Record) -> Option<i64> {
    record.integer(&format!("metrics{SEPARATOR}duration_ns"))
}

fn tokens(record: &Record) -> Tokens {
    let count =
        |name: &str| record.integer(&format!("metrics{SEPARATOR}{name}")).and_then(|count| u64::try_from(count).ok());
    let (input, output) = (count("num_input_tokens").unwrap_or(0), count("num_output_tokens").unwrap_or(0));
    Tokens { input, output, total: count("num_total_tokens").unwrap_or(input.saturating_add(output)) }
}

fn outcome(record: &Record, ended: bool, status_code: Option<i64>) -> Outcome {
    // The worst of several, whatever their order.
    let told = record.tags().iter().filter_map(|tag| match tag.as_str() {
        "outcome=panic" => Some((3, Outcome::Panic)),
        "outcome=error" => Some((2, Outcome::Error)),
        "outcome=cancelled" => Some((1, Outcome::Cancelled)),
        _ => None,
    });
    let cell = match record.text("outcome").as_deref() {
        Some("panic") => Some((3, Outcome::Panic)),
        Some("error") => Some((2, Outcome::Error)),
        Some("cancelled") => Some((1, Outcome::Cancelled)),
        _ => None,
    };
    if let Some((_, outcome)) = told.chain(cell).max_by_key(|(weight, _)| *weight) {
        return outcome;
    }
    if record.get("error").is_some()
        || status_code.is_some_and(|code| code >= 400)
        || record.tags().iter().any(|tag| tag.starts_with("error="))
    {
        Outcome::Error
    } else if ended {
        Outcome::Ok
    } else {
        Outcome::Running
    }
}

/// The text of the tag is cut to 200 bytes, the output may have all of it.
fn error_text(record: &Record) -> Option<String> {
    if let Some(error) = record.text("error") {
        return Some(cut(&error, 2000));
    }
    let tag = record.tags().iter().find_map(|tag| tag.strip_prefix("error="));
    let output = record
        .get("output")
        .and_then(|json| serde_json::from_str::<serde_json::Value>(json).ok())
        .and_then(|output| text_of(&output));
    match (tag, output) {
        (Some(tag), Some(output)) if output.starts_with(tag) => Some(cut(&output, 2000)),
        (Some(tag), _) => Some(tag.to_owned()),
        (None, output) => output.map(|output| cut(&output, 2000)).filter(|output| !output.is_empty()),
    }
}

/// The text of an output: itself, the content of a message, or that of the first document.
fn text_of(output: &serde_json::Value) -> Option<String> {
    match output {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Object(message) => message.get("content")?.as_str().map(str::to_owned),
        serde_json::Value::Array(documents) => documents.first()?.get("content")?.as_str().map(str::to_owned),
        _ => None,
    }
}

/// The first `limit` bytes, ending at a character.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    text[..boundary(text, limit)].to_owned()
}

/// The last place at or before `limit` at which a character ends.
pub(super) fn boundary(text: &str, limit: usize) -> usize {
    (0..=limit.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// The parent that is meant and the one on the wire. A child of an llm span hangs elsewhere on the wire and names its true
/// parent in `galileo.parent_id`; the entry span of a service that got W3C headers only hangs under the trace and names it in
/// `w3c.parent_id`.
fn parents(
    record: &Record,
    trace: Id,
    w3c: Option<String>,
    galileo: Option<String>,
) -> (Option<SpanKey>, Option<SpanKey>) {
    let wire =
        record.text("parent_id").and_then(|text| SpanKey::parse(&text)).filter(|parent| *parent != SpanKey::of(trace));
    let meant = galileo
        .as_deref()
        .and_then(SpanKey::parse)
        .or_else(|| w3c.as_deref().filter(|_| wire.is_none()).and_then(SpanKey::parse));
    match meant {
        Some(meant) if Some(meant) != wire => (Some(meant), wire),
        _ => (wire, None),
    }
}
