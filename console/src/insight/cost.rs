//! Findings about single calls and groups of equal calls: errors, the bottleneck, services, caches, repeats.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Calls, Finding, Kind, Timing, failed, origins, share};
use crate::model::{SpanType, TraceView};

/// Where errors began; equal ones (service, name and first line of the text) together.
pub(super) fn errors(view: &TraceView) -> Vec<Finding> {
    let mut groups: BTreeMap<(Option<&str>, &str, String), Vec<usize>> = BTreeMap::new();
    for index in origins(view) {
        let span = &view.spans[index];
        groups.entry((span.service.as_deref(), &span.name, error_text(span.error.as_deref()))).or_default().push(index);
    }
    groups
        .into_iter()
        .map(|((service, name, text), spans)| Finding {
            kind: Kind::Error,
            subject: name.to_owned(),
            service: service.map(str::to_owned),
            text: if spans.len() > 1 {
                format!("failed {} times: {text}", spans.len())
            } else {
                format!("failed: {text}")
            },
            time_ns: 0,
            share: 0.0,
            spans: spans.iter().map(|&index| view.spans[index].id).collect(),
        })
        .collect()
}

/// The first line of an error, at most 200 characters of it.
pub(super) fn error_text(error: Option<&str>) -> String {
    let line = error.and_then(|error| error.lines().find(|line| !line.trim().is_empty())).unwrap_or("no text recorded");
    line.trim().chars().take(200).collect()
}

/// The largest own time on the critical path.
pub(super) fn bottleneck(view: &TraceView, timing: &Timing) -> Option<Finding> {
    let (index, time) = timing.bottleneck().filter(|_| view.spans.len() > 1)?;
    let span = &view.spans[index];
    Some(Finding {
        kind: Kind::Bottleneck,
        subject: span.name.clone(),
        service: span.service.clone(),
        text: "has the most time of its own on the critical path".to_owned(),
        time_ns: time,
        share: share(time, timing),
        spans: vec![span.id],
    })
}

/// The critical path by service.
pub(super) fn services(view: &TraceView, timing: &Timing) -> Vec<Finding> {
    let mut times: BTreeMap<&str, (i64, Vec<usize>)> = BTreeMap::new();
    for (index, span) in view.spans.iter().enumerate() {
        let time = timing.on_path(index);
        if let Some(service) = span.service.as_deref().filter(|_| time > 0) {
            let entry = times.entry(service).or_default();
            entry.0 += time;
            entry.1.push(index);
        }
    }
    if times.len() < 2 {
        return Vec::new();
    }
    let finding = |(service, (time, mut spans)): (&str, (i64, Vec<usize>))| {
        spans.sort_by_key(|&index| -timing.on_path(index));
        Finding {
            kind: Kind::Service,
            subject: service.to_owned(),
            service: None,
            text: "of its own on the critical path".to_owned(),
            time_ns: time,
            share: share(time, timing),
            spans: spans.iter().take(5).map(|&index| view.spans[index].id).collect(),
        }
    };
    times.into_iter().map(finding).collect()
}

/// How often marked caches answered, by service and name.
pub(super) fn caches(view: &TraceView, calls: &Calls) -> Vec<Finding> {
    let mut groups: BTreeMap<(Option<&str>, &str), Vec<usize>> = BTreeMap::new();
    for (index, span) in view.spans.iter().enumerate().filter(|(index, _)| calls.cache[*index].is_some()) {
        groups.entry((span.service.as_deref(), &span.name)).or_default().push(index);
    }
    groups
        .into_iter()
        .map(|((service, name), spans)| {
            let hits = spans.iter().filter(|&&index| calls.cache[index] == Some(true)).count();
            Finding {
                kind: Kind::Cache,
                subject: name.to_owned(),
                service: service.map(str::to_owned),
                text: format!("was answered from the cache {hits} of {} times", spans.len()),
                time_ns: 0,
                share: 0.0,
                spans: spans.iter().map(|&index| view.spans[index].id).collect(),
            }
        })
        .collect()
}

/// Equal calls that a cache would have answered. What ran inside such a call would not have run either, so it does not count again;
/// workflows and agents do more than answer, so they are left out.
pub(super) fn repeats(view: &TraceView, timing: &Timing, calls: &Calls) -> Vec<Finding> {
    let groups = groups(view, calls);
    let saved: HashSet<usize> = groups.values().flat_map(|spans| spans.iter().skip(1).copied()).collect();
    groups
        .into_values()
        .map(|mut spans| {
            let mut place = 0;
            spans.retain(|&index| {
                place += 1;
                place == 1 || !inside(view, &saved, index)
            });
            spans
        })
        .filter(|spans| spans.len() > 1)
        .map(|spans| {
            let span = &view.spans[spans[0]];
            let saved = spans[1..].iter().map(|&index| duration(view, timing, index)).sum();
            Finding {
                kind: Kind::Repeat,
                subject: span.name.clone(),
                service: span.service.clone(),
                text: format!("was called {} times with the same input; a cache would save", spans.len()),
                time_ns: saved,
                share: share(saved, timing),
                spans: spans.iter().map(|&index| view.spans[index].id).collect(),
            }
        })
        .collect()
}

/// Whether one of the span's ancestors is in that set.
pub(super) fn inside(view: &TraceView, set: &HashSet<usize>, index: usize) -> bool {
    let mut above = view.spans[index].parent_index;
    while let Some(parent) = above {
        if set.contains(&parent) {
            return true;
        }
        above = view.spans[parent].parent_index;
    }
    false
}

/// Calls that a cache could answer, by what they were called with; in each group by start.
pub(super) fn groups(view: &TraceView, calls: &Calls) -> HashMap<u64, Vec<usize>> {
    let mut groups: HashMap<u64, Vec<usize>> = HashMap::new();
    for (index, span) in view.spans.iter().enumerate() {
        let cacheable = matches!(span.span_type, SpanType::Llm | SpanType::Retriever | SpanType::Tool);
        let Some(same) = calls.same[index].filter(|_| cacheable && !failed(span) && !span.open && !span.cached) else {
            continue;
        };
        groups.entry(same).or_default().push(index);
    }
    for spans in groups.values_mut() {
        spans.sort_by_key(|&index| (view.spans[index].start_ns, index));
    }
    groups
}

pub(super) fn duration(view: &TraceView, timing: &Timing, index: usize) -> i64 {
    timing.end[index] - view.spans[index].start_ns
}
