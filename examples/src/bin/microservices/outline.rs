//! What a trace shows about the services: its shape, who called whom, how an error travelled, and what the console makes of it.

use std::collections::BTreeSet;

use galileo_console::insight::{self, Finding, Kind};
use galileo_console::model::{Outcome, SpanNode, TraceView};
use galileo_console::time::now_ns;

/// One line for each span: indented by its depth, name, type, service, and `error` when it failed.
pub(crate) fn outline(trace: &TraceView) -> String {
    let line = |span: &SpanNode| {
        let service = span.service.as_deref().unwrap_or("?");
        let error = if span.outcome == Outcome::Ok { "" } else { " error" };
        format!("{}{} {} @{service}{error}\n", "  ".repeat(span.depth), span.name, span.span_type)
    };
    trace.spans.iter().map(line).collect()
}

/// `caller -> callee` for every call that crossed services.
pub(crate) fn service_map(trace: &TraceView) -> BTreeSet<String> {
    let edge = |span: &SpanNode| {
        let caller = trace.spans.get(span.parent_index?)?.service.as_ref()?;
        let callee = span.service.as_ref()?;
        (caller != callee).then(|| format!("{caller} -> {callee}"))
    };
    trace.spans.iter().filter_map(edge).collect()
}

/// The failed spans from the outermost to the one where it began.
pub(crate) fn error_path(trace: &TraceView) -> Vec<&str> {
    let deepest = trace.spans.iter().filter(|span| span.outcome == Outcome::Error).max_by_key(|span| span.depth);
    let mut path = Vec::new();
    let mut here = deepest;
    while let Some(span) = here {
        if span.outcome == Outcome::Error {
            path.push(span.name.as_str());
        }
        here = span.parent_index.and_then(|index| trace.spans.get(index));
    }
    path.reverse();
    path
}

/// What the console finds in the trace about one matter.
pub(crate) fn found(trace: &TraceView, kind: Kind) -> Vec<Finding> {
    insight::findings(trace, now_ns()).into_iter().filter(|finding| finding.kind == kind).collect()
}

/// When a span ended; when it began, while it is open.
pub(crate) fn end(span: &SpanNode) -> i64 {
    span.start_ns + span.duration_ns.unwrap_or(0)
}
