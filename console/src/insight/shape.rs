//! Findings about how the children of one span lie in time: one after the other, again after a failure, very many.

use std::collections::HashSet;

use super::call::feeds;
use super::cost::duration;
use super::{Calls, Finding, Kind, Timing, failed, share};
use crate::model::{SpanNode, SpanType, TraceView};

/// Children of one span from which it is worth saying that there are many.
const MANY: usize = 20;
/// A sequence that saves less than this part of the trace is not worth the reader's time.
const WORTH: f64 = 0.03;
/// Neighbours that a call is compared with; a loop of thousands is judged by its neighbours.
const LOOKED_BACK: usize = 40;

/// A retry, and the spans that took part.
pub(super) struct Retry {
    pub(super) finding: Finding,
    pub(super) tries: Vec<usize>,
}

/// Siblings of one kind where a failed one was followed by another.
pub(super) fn retries(view: &TraceView, timing: &Timing, calls: &Calls) -> Vec<Retry> {
    let mut found = Vec::new();
    for siblings in sibling_groups(view) {
        let mut used = HashSet::new();
        for (place, &first) in siblings.iter().enumerate() {
            if used.contains(&first) || !failed(&view.spans[first]) {
                continue;
            }
            let mut tries = vec![first];
            for &next in &siblings[place + 1..] {
                let last = tries[tries.len() - 1];
                let again = calls.kind[next] == calls.kind[first]
                    && calls.same[next] == calls.same[first]
                    && view.spans[next].start_ns >= timing.end[last]
                    && !used.contains(&next);
                if again {
                    tries.push(next);
                    if !failed(&view.spans[next]) {
                        break;
                    }
                }
            }
            if tries.len() < 2 {
                continue;
            }
            used.extend(tries.iter().copied());
            let span = &view.spans[first];
            let last = tries[tries.len() - 1];
            let cost = view.spans[last].start_ns - span.start_ns;
            let end = if failed(&view.spans[last]) { "and failed each time" } else { "until it succeeded" };
            let finding = Finding {
                kind: Kind::Retry,
                subject: span.name.clone(),
                service: span.service.clone(),
                text: format!("was tried {} times {end}; the tries before the last cost", tries.len()),
                time_ns: cost,
                share: share(cost, timing),
                spans: tries.iter().map(|&index| view.spans[index].id).collect(),
            };
            found.push(Retry { finding, tries });
        }
    }
    found
}

/// Runs of neighbouring siblings that waited for each other without need, as far as a trace can tell.
pub(super) fn sequences(view: &TraceView, timing: &Timing, calls: &Calls, retries: &[Retry]) -> Vec<Finding> {
    let retried: HashSet<usize> = retries.iter().flat_map(|retry| retry.tries.iter().copied()).collect();
    let mut found = Vec::new();
    for siblings in sibling_groups(view) {
        let mut run: Vec<usize> = Vec::new();
        for &next in siblings.iter().chain([&usize::MAX]) {
            let joins = next != usize::MAX && !retried.contains(&next) && joins(view, timing, calls, &run, next);
            if joins {
                run.push(next);
                continue;
            }
            found.extend(sequence(view, timing, &run));
            run.clear();
            if next != usize::MAX && !retried.contains(&next) && !view.spans[next].open {
                run.push(next);
            }
        }
    }
    found
}

fn joins(view: &TraceView, timing: &Timing, calls: &Calls, run: &[usize], next: usize) -> bool {
    let Some(&last) = run.last() else { return false };
    let span = &view.spans[next];
    let looks_things_up = |span: &SpanNode| matches!(span.span_type, SpanType::Tool | SpanType::Retriever);
    let alike = calls.kind[next] == calls.kind[last] || (looks_things_up(span) && looks_things_up(&view.spans[last]));
    let after = span.start_ns >= timing.end[last] && !span.open;
    // Two equal calls are a matter for a cache, not for running them side by side.
    let distinct = calls.same[next].is_none() || calls.same[next] != calls.same[last];
    // Without inputs nothing is known about what depends on what.
    let known = calls.same[next].is_some() && calls.same[last].is_some();
    // Calls of one kind in a loop are independent unless an output says otherwise; calls of different kinds only if the outputs
    // are there to look at.
    let told = calls.kind[next] == calls.kind[last] || run.iter().all(|&before| has_output(&view.spans[before]));
    let earlier = run.iter().rev().take(LOOKED_BACK);
    alike && after && distinct && known && told && !earlier.into_iter().any(|&before| feeds(&view.spans[before], span))
}

fn has_output(span: &SpanNode) -> bool {
    span.detail.as_ref().and_then(|detail| detail.output.as_ref()).is_some_and(|output| !output.is_null())
}

fn sequence(view: &TraceView, timing: &Timing, run: &[usize]) -> Option<Finding> {
    let times = run.iter().map(|&index| duration(view, timing, index));
    let saved = times.clone().sum::<i64>() - times.max().unwrap_or(0);
    if run.len() < 2 || share(saved, timing) < WORTH {
        return None;
    }
    let first = &view.spans[run[0]];
    let one_name = run.iter().all(|&index| view.spans[index].name == first.name);
    let last = &view.spans[run[run.len() - 1]];
    Some(Finding {
        kind: Kind::Sequence,
        subject: if one_name { first.name.clone() } else { format!("{} to {}", first.name, last.name) },
        service: first.service.clone(),
        text: format!("are {} calls one after the other; run together they would save", run.len()),
        time_ns: saved,
        share: share(saved, timing),
        spans: run.iter().map(|&index| view.spans[index].id).collect(),
    })
}

/// Spans with very many children, and how many of those ran at the same time.
pub(super) fn fan_outs(view: &TraceView) -> Vec<Finding> {
    let many = view.spans.iter().filter(|span| span.children.len() >= MANY);
    many.map(|span| {
        let children: Vec<&SpanNode> = view.children(span).collect();
        let mut edges: Vec<(i64, i32)> = Vec::new();
        for child in &children {
            edges.push((child.start_ns, 1));
            edges.push((child.start_ns.saturating_add(child.duration_ns.unwrap_or(0)), -1));
        }
        // At one moment ends come first: what touches does not overlap.
        edges.sort_unstable();
        let mut running = 0;
        let most = edges
            .iter()
            .map(|(_, step)| {
                running += step;
                running
            })
            .max()
            .unwrap_or(0);
        Finding {
            kind: Kind::FanOut,
            subject: span.name.clone(),
            service: span.service.clone(),
            text: format!("started {} spans, at most {most} at a time", children.len()),
            time_ns: 0,
            share: 0.0,
            spans: vec![span.id],
        }
    })
    .collect()
}

/// The children of each span, and the spans directly under the trace; each group by start.
fn sibling_groups(view: &TraceView) -> Vec<Vec<usize>> {
    let roots: Vec<usize> = (0..view.spans.len()).filter(|&index| view.spans[index].depth == 0).collect();
    let mut groups = vec![roots];
    groups.extend(view.spans.iter().filter(|span| span.children.len() > 1).map(|span| span.children.clone()));
    groups
}
