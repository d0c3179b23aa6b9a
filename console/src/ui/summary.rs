//! The top of a trace's page: the facts, the way an error took, and where the time went.

use super::text::{one_line, visible};
use super::{Ui, format, list};
use crate::insight::{self, Timing};
use crate::model::{Id, SpanNode, TraceView};
use crate::time::{format_iso, now_ns};

/// Errors whose way is spelled out.
const ORIGINS_SHOWN: usize = 3;

/// What the summary shows.
pub(crate) struct Summary {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) state: &'static str,
    pub(crate) errors: String,
    pub(crate) duration: String,
    pub(crate) spans: String,
    pub(crate) span_word: &'static str,
    pub(crate) tokens: String,
    pub(crate) tokens_title: String,
    pub(crate) services: Vec<Service>,
    pub(crate) started: String,
    pub(crate) started_ms: i64,
    pub(crate) place: String,
    pub(crate) notes: Vec<Note>,
    pub(crate) acts: Vec<Act>,
    pub(crate) tabs: Vec<Tab>,
}

/// A view of the trace.
pub(crate) struct Tab {
    pub(crate) href: String,
    pub(crate) label: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) current: bool,
}

/// A service and how many spans it made.
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) colour: usize,
    pub(crate) spans: usize,
}

/// One line that says something about the trace; parts may link to spans.
pub(crate) struct Note {
    pub(crate) label: &'static str,
    pub(crate) bad: bool,
    pub(crate) parts: Vec<Part>,
}

/// A piece of a note.
pub(crate) struct Part {
    /// An arrow stands before it.
    pub(crate) gap: bool,
    pub(crate) text: String,
    /// The span that it links to, or empty.
    pub(crate) span: String,
}

/// A button.
pub(crate) struct Act {
    pub(crate) href: String,
    pub(crate) label: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) title: &'static str,
    pub(crate) download: bool,
}

impl Summary {
    pub(crate) fn of(ui: &Ui, trace: &TraceView, timing: &Timing, tab: &str) -> Summary {
        let row = &trace.summary;
        let mut services: Vec<Service> = Vec::new();
        for name in trace.spans.iter().filter_map(|span| span.service.as_deref()) {
            match services.iter_mut().find(|service| service.name == name) {
                Some(service) => service.spans += 1,
                None => services.push(Service { name: name.to_owned(), colour: ui.palette.colour(name), spans: 1 }),
            }
        }
        for service in &mut services {
            service.name = visible(&service.name).into_owned();
        }
        let mut notes = error_ways(trace);
        notes.extend(slowest(trace, timing));
        Summary {
            id: row.id.to_string(),
            name: list::name(&one_line(&row.name, 200)),
            state: state(trace),
            errors: format::plural(row.error_count.max(1), "error"),
            duration: format::duration(timing.stop - timing.start),
            spans: format::count(row.span_count),
            span_word: if row.span_count == 1 { "span" } else { "spans" },
            tokens: if row.tokens.total > 0 { format::count(row.tokens.total) } else { String::new() },
            tokens_title: format!("{} in, {} out, {} in all", row.tokens.input, row.tokens.output, row.tokens.total),
            services,
            started: format_iso(row.start_ns),
            started_ms: format::millis(row.start_ns),
            place: visible(&format!("{} / {}", row.project_name, row.log_stream_name)).into_owned(),
            notes,
            acts: acts(trace),
            tabs: tabs(row.id, tab),
        }
    }
}

/// A trace that did not fail at its root, although something in it did, is mended.
pub(crate) fn state(trace: &TraceView) -> &'static str {
    let whole = trace.summary.status_code.is_some_and(|code| code >= 400) || trace.roots().any(insight::failed);
    match list::state(&trace.summary, now_ns()) {
        "error" if !whole => "mended",
        state => state,
    }
}

fn tabs(id: Id, current: &str) -> Vec<Tab> {
    let tab = |name: &str, label, icon| Tab {
        href: if name == "tree" { format!("/traces/{id}") } else { format!("/traces/{id}/{name}") },
        label,
        icon,
        current: name == current,
    };
    vec![tab("tree", "Tree", "workflow"), tab("map", "Services", "map"), tab("insights", "Insights", "insight")]
}

fn acts(trace: &TraceView) -> Vec<Act> {
    let id = trace.summary.id;
    let act = |href, label, icon, title, download| Act { href, label, icon, title, download };
    let mut acts = Vec::new();
    if let Some(session) = trace.summary.session_id {
        acts.push(act(
            format!("/sessions/{session}"),
            "Session",
            "session",
            "The conversation that this trace is part of",
            false,
        ));
    }
    acts.push(act(format!("/compare?a={id}"), "Compare", "compare", "Compare with another trace", false));
    acts.push(act(
        format!("/api/console/traces/{id}"),
        "JSON",
        "save",
        "Download the trace with all inputs and outputs",
        true,
    ));
    acts
}

fn link(span: &SpanNode, gap: bool) -> Part {
    Part { gap, text: list::name(&one_line(&span.name, 80)), span: span.id.to_string() }
}

fn say(text: String) -> Part {
    Part { gap: false, text, span: String::new() }
}

/// From the root to where each error began, and what it said.
fn error_ways(trace: &TraceView) -> Vec<Note> {
    let origins = insight::origins(trace);
    let mut notes: Vec<Note> = origins
        .iter()
        .take(ORIGINS_SHOWN)
        .map(|&origin| {
            let mut way = vec![origin];
            while let Some(parent) = trace.spans[way[way.len() - 1]].parent_index {
                way.push(parent);
            }
            // A long way keeps its two ends.
            let mut parts: Vec<Part> = Vec::new();
            for (place, &index) in way.iter().rev().enumerate() {
                if way.len() > 7 && (3..way.len() - 3).contains(&place) {
                    if place == 3 {
                        parts.push(Part { gap: true, text: "…".to_owned(), span: String::new() });
                    }
                    continue;
                }
                parts.push(link(&trace.spans[index], place > 0));
            }
            if let Some(error) = &trace.spans[origin].error {
                parts.push(say(format!(": {}", one_line(error, 240))));
            }
            Note { label: "Error", bad: true, parts }
        })
        .collect();
    if origins.len() > ORIGINS_SHOWN {
        notes.push(Note {
            label: "",
            bad: true,
            parts: vec![say(format!("and {} more places where errors began", origins.len() - ORIGINS_SHOWN))],
        });
    }
    notes
}

/// The span with the largest own share of the critical path.
fn slowest(trace: &TraceView, timing: &Timing) -> Option<Note> {
    let (index, time) = timing.bottleneck().filter(|_| trace.spans.len() > 1)?;
    let whole = timing.stop - timing.start;
    let share = format!(
        ": {} of its own on the critical path, {} of the trace",
        format::duration(time),
        format::percent(time, whole)
    );
    Some(Note { label: "Slowest", bad: false, parts: vec![link(&trace.spans[index], false), say(share)] })
}
