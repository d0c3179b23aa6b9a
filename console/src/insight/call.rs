//! What a span was called with and what it gave, in forms that can be compared.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use crate::model::{SpanNode, TraceView};

/// Texts shorter than this say nothing about where they came from.
const TELLING: usize = 8;
/// Pieces of an output that are looked for in later inputs.
const PIECES: usize = 48;
/// How much of an input is searched.
const SEARCHED: usize = 200_000;

/// Inputs and outputs of the spans of one trace, by index.
#[derive(Debug)]
pub struct Calls {
    /// A hash of service, type, name and input; `None` when no input was recorded.
    pub same: Vec<Option<u64>>,
    /// A hash of service, type and name.
    pub kind: Vec<u64>,
    /// Whether the span says that it was (`true`) or was not answered from a cache.
    pub cache: Vec<Option<bool>>,
}

impl Calls {
    /// Reads them from a view with details.
    #[must_use]
    pub fn of(view: &TraceView) -> Calls {
        let kind: Vec<u64> = view.spans.iter().map(kind_of).collect();
        let same = view.spans.iter().zip(&kind).map(|(span, kind)| {
            let input = span.detail.as_ref()?.input.as_ref().filter(|input| !is_blank(input))?;
            Some(hashed(&(kind, input.to_string())))
        });
        Calls { same: same.collect(), cache: view.spans.iter().map(cache_mark).collect(), kind }
    }
}

/// Whether something that the first span gave appears in what the second was called with.
pub(super) fn feeds(from: &SpanNode, to: &SpanNode) -> bool {
    let Some(output) = from.detail.as_ref().and_then(|detail| detail.output.as_ref()) else { return false };
    let Some(input) = to.detail.as_ref().and_then(|detail| detail.input.as_ref()) else { return false };
    let mut pieces = Vec::new();
    gather(output, &mut pieces);
    let mut input = match input {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if input.len() > SEARCHED {
        input.truncate((0..=SEARCHED).rev().find(|&end| input.is_char_boundary(end)).unwrap_or(0));
    }
    pieces.iter().any(|piece| input.contains(piece.as_str()))
}

/// The telling texts of an output. JSON in strings is opened, since that is how values travel.
fn gather(value: &Value, pieces: &mut Vec<String>) {
    let mut work = vec![value.clone()];
    while let Some(value) = work.pop() {
        if pieces.len() >= PIECES {
            return;
        }
        match value {
            Value::String(text) => match serde_json::from_str::<Value>(&text) {
                Ok(inner @ (Value::Array(_) | Value::Object(_))) => work.push(inner),
                _ => {
                    let text = text.trim();
                    if text.len() >= TELLING {
                        // The beginning is enough, and survives being cut or quoted later.
                        pieces.push(text.chars().take(60).collect());
                    }
                }
            },
            Value::Number(number) if number.to_string().len() >= TELLING => pieces.push(number.to_string()),
            Value::Array(items) => work.extend(items),
            Value::Object(map) => work.extend(map.into_iter().map(|(_, item)| item)),
            _ => {}
        }
    }
}

fn kind_of(span: &SpanNode) -> u64 {
    hashed(&(span.service.as_deref(), span.span_type, &span.name))
}

fn hashed(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => matches!(text.trim(), "" | "{}" | "[]"),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

fn cache_mark(span: &SpanNode) -> Option<bool> {
    if span.cached {
        return Some(true);
    }
    let detail = span.detail.as_ref()?;
    let tag = |wanted: &str| detail.tags.iter().any(|tag| tag == wanted);
    let metadata = ["cache_hit", "cache.hit", "cached"].iter().filter_map(|key| detail.metadata.get(*key));
    let mut denied = metadata.map(|value| value.eq_ignore_ascii_case("false"));
    (tag("cache_hit=false") || tag("cache.hit=false") || denied.any(|denied| denied)).then_some(false)
}
