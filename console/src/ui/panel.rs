//! The panel of the chosen span: input and output first, then how it went, then everything else that was recorded.

use serde_json::Value;

use super::block::{self, Block};
use super::text::{one_line, visible};
use super::{diff, format, json, list, summary};
use crate::insight::Timing;
use crate::model::{Detail, Orphan, Outcome, SpanNode, SpanView, Tokens, TraceView};
use crate::time::format_iso;

/// Stands for the trace itself where a span's id is expected. Not a UUID, so it can never be one.
pub(crate) const TRACE: &str = "trace";

/// The longest raw record on the page; a longer one is cut, since a browser lays out megabytes of text slowly.
const LONGEST_RAW: usize = 400_000;

/// What the panel shows.
pub(crate) struct Panel {
    pub(crate) id: String,
    pub(crate) icon: &'static str,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) service: String,
    pub(crate) colour: usize,
    pub(crate) duration: String,
    pub(crate) tokens: String,
    pub(crate) state: &'static str,
    pub(crate) state_text: String,
    pub(crate) error: String,
    pub(crate) sections: Vec<Section>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) tags: Vec<String>,
    pub(crate) metadata: Vec<(String, String)>,
    pub(crate) folds: Vec<Section>,
    pub(crate) raw: String,
}

/// A titled part.
pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) note: String,
    pub(crate) blocks: Vec<Block>,
    pub(crate) copyable: bool,
    /// What the copy button takes.
    pub(crate) raw: String,
}

/// A line of the details.
#[derive(Default)]
pub(crate) struct Fact {
    pub(crate) label: &'static str,
    pub(crate) value: String,
    /// The value is this moment.
    pub(crate) ms: i64,
    pub(crate) href: String,
    pub(crate) span: String,
}

impl Fact {
    fn new(label: &'static str, value: impl Into<String>) -> Fact {
        Fact { label, value: visible(&value.into()).into_owned(), ..Fact::default() }
    }

    fn moment(label: &'static str, ns: i64) -> Fact {
        Fact { ms: format::millis(ns), ..Fact::new(label, format_iso(ns)) }
    }
}

impl Panel {
    /// The panel of the trace itself.
    pub(crate) fn trace(view: &TraceView, timing: &Timing) -> Panel {
        let row = &view.summary;
        let state = summary::state(view);
        let mut facts = vec![
            Fact::moment("Started", timing.start),
            Fact::new("Duration", format::duration(timing.stop - timing.start)),
        ];
        facts.push(Fact::new("Spans", row.span_count.to_string()));
        if row.open_count > 0 {
            facts.push(Fact::new("Open spans", row.open_count.to_string()));
        }
        token_facts(&mut facts, row.tokens);
        if let Some(code) = row.status_code {
            facts.push(Fact::new("Status code", code.to_string()));
        }
        facts.push(Fact::new("Project", row.project_name.clone()));
        facts.push(Fact::new("Log stream", row.log_stream_name.clone()));
        if let Some(session) = row.session_id {
            facts.push(Fact::new("Session", session.to_string()));
        }
        facts.push(Fact::new("Trace", row.id.to_string()));
        if !row.has_record {
            facts.push(Fact::new("Record", "only spans of this trace have arrived, not the trace itself"));
        }
        Panel {
            id: TRACE.to_owned(),
            icon: "trace",
            kind: "trace".to_owned(),
            name: list::name(&one_line(&row.name, 300)),
            service: String::new(),
            colour: 0,
            duration: format::duration(timing.stop - timing.start),
            tokens: tokens(row.tokens),
            state,
            state_text: match state {
                "error" => format::plural(row.error_count.max(1), "error"),
                "mended" => format!("ok, {} made good", format::plural(row.error_count, "error")),
                other => other.to_owned(),
            },
            error: String::new(),
            sections: sections(&view.detail, row.open),
            facts,
            tags: tags(&view.detail),
            metadata: pairs(&view.detail),
            folds: folds(&view.detail),
            raw: raw(&serde_json::json!({ "summary": row, "detail": view.detail })),
        }
    }

    /// The panel of a span.
    pub(crate) fn span(view: &SpanView, colour: impl Fn(&str) -> usize) -> Panel {
        let span = &view.span;
        let none = Detail::default();
        let detail = span.detail.as_deref().unwrap_or(&none);
        let service = span.service.as_deref().unwrap_or_default();
        let state = match span.outcome {
            Outcome::Running => "running",
            Outcome::Ok => "ok",
            _ => "error",
        };
        Panel {
            id: span.id.to_string(),
            icon: span.span_type.as_str(),
            kind: kind(span),
            name: list::name(&one_line(&span.name, 300)),
            service: visible(service).into_owned(),
            colour: colour(service),
            duration: span.duration_ns.map(format::duration).unwrap_or_default(),
            tokens: tokens(span.tokens),
            state,
            state_text: state_text(span),
            error: span.error.as_deref().map(|error| visible(error).into_owned()).unwrap_or_default(),
            sections: sections(detail, span.open),
            facts: facts(view, detail),
            tags: tags(detail),
            metadata: pairs(detail),
            folds: folds(detail),
            raw: raw(&serde_json::to_value(view).unwrap_or_default()),
        }
    }
}

fn kind(span: &SpanNode) -> String {
    match &span.model {
        Some(model) => format!("{} · {}", span.span_type, visible(model)),
        None => span.span_type.to_string(),
    }
}

fn state_text(span: &SpanNode) -> String {
    let word = match span.outcome {
        Outcome::Running => "running",
        Outcome::Ok => "ok",
        Outcome::Error => "error",
        Outcome::Panic => "panicked",
        Outcome::Cancelled => "cancelled",
    };
    match span.status_code {
        Some(code) => format!("{word} · {code}"),
        None => word.to_owned(),
    }
}

fn tokens(tokens: Tokens) -> String {
    if tokens.total > 0 { format::count(tokens.total) } else { String::new() }
}

fn token_facts(facts: &mut Vec<Fact>, tokens: Tokens) {
    if tokens.total > 0 {
        facts.push(Fact::new("Tokens", format!("{} in, {} out, {} in all", tokens.input, tokens.output, tokens.total)));
    }
}

fn sections(detail: &Detail, open: bool) -> Vec<Section> {
    let mut sections = Vec::new();
    for (title, value, redacted) in
        [("Input", &detail.input, &detail.redacted_input), ("Output", &detail.output, &detail.redacted_output)]
    {
        let blocks = value.as_ref().map(block::blocks).unwrap_or_default();
        let note = match (blocks.is_empty(), title, open) {
            (true, "Output", true) => "not yet",
            (true, ..) => "none recorded",
            _ => "",
        };
        let raw = value.as_ref().map(block::raw).unwrap_or_default();
        sections.push(Section {
            title: title.to_owned(),
            note: note.to_owned(),
            copyable: !blocks.is_empty(),
            blocks,
            raw,
        });
        sections.extend(redaction(title, value.as_ref(), redacted.as_ref()));
    }
    sections
}

/// What redaction took out, where raw and redacted value both exist. An empty redacted value is an artefact of some senders.
fn redaction(title: &str, value: Option<&Value>, redacted: Option<&Value>) -> Option<Section> {
    let redacted = redacted.filter(|redacted| {
        *redacted != &Value::Null
            && *redacted != &serde_json::json!([{"content": ""}])
            && *redacted != &serde_json::json!("")
    })?;
    let after = block::raw(redacted);
    let blocks = match value.map(block::raw).filter(|before| !before.is_empty()) {
        Some(before) if before == after => return None,
        Some(before) => vec![Block::Diff(diff::words(&before, &after))],
        None => block::blocks(redacted),
    };
    Some(Section { title: format!("{title}, redacted"), note: String::new(), copyable: true, blocks, raw: after })
}

fn facts(view: &SpanView, detail: &Detail) -> Vec<Fact> {
    let span = &view.span;
    let mut facts = vec![Fact::moment("Started", span.start_ns)];
    if let Some(duration) = span.duration_ns {
        facts.push(Fact::moment("Ended", span.start_ns.saturating_add(duration)));
        facts.push(Fact::new("Duration", format::duration(duration)));
    }
    if let Some(first) = detail.metrics.get("time_to_first_token_ns").and_then(Value::as_i64) {
        facts.push(Fact::new("First token", format::duration(first)));
    }
    token_facts(&mut facts, span.tokens);
    if let Some(rate) = span.duration_ns.filter(|duration| *duration > 0 && span.tokens.output > 0) {
        facts.push(Fact::new("Speed", format!("{:.0} tokens/s", span.tokens.output as f64 * 1e9 / rate as f64)));
    }
    if let Some(model) = &span.model {
        facts.push(Fact::new("Model", model.clone()));
    }
    for (label, key) in [
        ("Temperature", "temperature"),
        ("Finish reason", "finish_reason"),
        ("Agent type", "agent_type"),
        ("Tool call", "tool_call_id"),
        ("Step", "step_number"),
    ] {
        match detail.more.get(key) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => facts.push(Fact::new(label, text.clone())),
            Some(other) => facts.push(Fact::new(label, other.to_string())),
        }
    }
    if span.cached {
        facts.push(Fact::new("Cache", "answered from a cache"));
    }
    if span.error_origin {
        facts.push(Fact::new("Error", "began here"));
    }
    if let Some(orphan) = span.orphan {
        let text = match orphan {
            Orphan::MissingParent => "has not arrived".to_owned(),
            Orphan::ParentInTrace(other) => format!("is in trace {other}"),
            Orphan::Circle => "is one of its own descendants".to_owned(),
        };
        let mut fact = Fact::new("Parent", text);
        if let Orphan::ParentInTrace(other) = orphan {
            fact.href = format!("/traces/{other}?span={}", span.parent_id.map(|id| id.to_string()).unwrap_or_default());
        }
        facts.push(fact);
    } else if let Some(parent) = span.parent_id {
        facts.push(Fact {
            href: format!("/traces/{}?span={parent}", view.trace_id),
            span: parent.to_string(),
            ..Fact::new("Parent", parent.to_string())
        });
    }
    facts.push(Fact::new("Span", span.id.to_string()));
    facts.push(Fact::new("Came by", span.sources.names().join(", ")));
    facts
}

/// The user's tags. Those that only carry an error or metadata over the wire are shown as what they carry.
fn tags(detail: &Detail) -> Vec<String> {
    let carrier = |tag: &&String| {
        tag.split_once('=').is_some_and(|(key, value)| {
            matches!(key, "error" | "outcome" | "error.origin")
                || detail.metadata.get(key).is_some_and(|known| known == value)
        })
    };
    detail.tags.iter().filter(|tag| !carrier(tag)).map(|tag| visible(tag).into_owned()).collect()
}

fn pairs(detail: &Detail) -> Vec<(String, String)> {
    detail.metadata.iter().map(|(key, value)| (visible(key).into_owned(), visible(value).into_owned())).collect()
}

/// Tools, events, attributes: of interest at times, so folded.
fn folds(detail: &Detail) -> Vec<Section> {
    let mut folds = Vec::new();
    for (key, title) in [
        ("tools", "Tools"),
        ("events", "Events"),
        ("links", "Links"),
        ("attributes", "Attributes"),
        ("resource", "Resource"),
        ("dataset_input", "Dataset input"),
        ("dataset_output", "Dataset output"),
    ] {
        let Some(value) = detail.more.get(key).filter(|value| !is_empty(value)) else { continue };
        let note = match value {
            Value::Array(items) => items.len().to_string(),
            Value::Object(map) => map.len().to_string(),
            _ => String::new(),
        };
        folds.push(Section {
            title: title.to_owned(),
            note,
            blocks: vec![Block::Json(json::tokens(value))],
            copyable: false,
            raw: String::new(),
        });
    }
    let named = [
        "tools",
        "events",
        "links",
        "attributes",
        "resource",
        "dataset_input",
        "dataset_output",
        "temperature",
        "finish_reason",
        "agent_type",
        "tool_call_id",
        "step_number",
        "id",
        "trace_id",
        "session_id",
        "spans",
        "model",
    ];
    let rest: serde_json::Map<String, Value> = detail
        .more
        .iter()
        .filter(|(key, value)| !named.contains(&key.as_str()) && !is_empty(value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if !rest.is_empty() {
        folds.push(Section {
            title: "Other fields".to_owned(),
            note: rest.len().to_string(),
            blocks: vec![Block::Json(json::tokens(&Value::Object(rest)))],
            copyable: false,
            raw: String::new(),
        });
    }
    if !detail.metrics.is_empty() {
        let metrics = detail.metrics.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        folds.push(Section {
            title: "Metrics".to_owned(),
            note: detail.metrics.len().to_string(),
            blocks: vec![Block::Json(json::tokens(&Value::Object(metrics)))],
            copyable: false,
            raw: String::new(),
        });
    }
    folds
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

fn raw(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let text = match text.char_indices().nth(LONGEST_RAW) {
        Some((cut, _)) => format!("{}\n…[{} bytes more]", &text[..cut], text.len() - cut),
        None => text,
    };
    visible(&text).into_owned()
}
