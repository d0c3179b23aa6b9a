//! The same questions over many traces: which services are slow, which errors recur, what a shared cache would save.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{Calls, Kind, Timing, cost, failed, origins, shape};
use crate::model::{Id, TraceView};

/// Findings of one kind about one subject, over all traces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// What it is about.
    pub kind: Kind,
    /// The span's or service's name.
    pub subject: String,
    /// The service, where it is known and not the subject.
    pub service: Option<String>,
    /// What more there is to say: the error's text, the hit rate.
    pub note: String,
    /// How often.
    pub count: u64,
    /// In how many traces.
    pub traces: u64,
    /// What it cost or would save in all, in nanoseconds.
    pub time_ns: i64,
    /// The trace and span where it shows most.
    pub example: Option<(Id, Id)>,
}

/// A service as the traces show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceTimes {
    /// Its name.
    pub service: String,
    /// How often it was called from outside, that is: entry spans, or spans under one of another service.
    pub calls: u64,
    /// How many of those failed.
    pub failed: u64,
    /// Durations of those calls: the middle one, and the one that 95 of 100 stay under, in nanoseconds.
    pub p50_ns: i64,
    /// See `p50_ns`.
    pub p95_ns: i64,
    /// Own time on critical paths, in nanoseconds.
    pub path_ns: i64,
}

/// What many traces have in common.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Overview {
    /// How many traces it was made from, all of them ended.
    pub traces: u64,
    /// How many spans those had.
    pub spans: u64,
    /// Traces with a failed span.
    pub failed: u64,
    /// Sum of the durations of the traces, in nanoseconds.
    pub time_ns: i64,
    /// By own time on critical paths, most first.
    pub services: Vec<ServiceTimes>,
    /// By kind, then time, then count.
    pub groups: Vec<Group>,
}

type Key = (Kind, String, Option<String>, String);

#[derive(Default)]
struct Sum {
    count: u64,
    traces: HashSet<Id>,
    time_ns: i64,
    worst: i64,
    example: Option<(Id, Id)>,
}

impl Sum {
    fn add(&mut self, trace: Id, span: Id, count: u64, time: i64) {
        if self.example.is_none() || time > self.worst {
            (self.worst, self.example) = (time, Some((trace, span)));
        }
        self.traces.insert(trace);
        self.count += count;
        self.time_ns += time;
    }
}

/// Looks at many traces, given with details; those with open spans are left out.
#[must_use]
pub fn overview(views: &[TraceView]) -> Overview {
    let mut overview = Overview::default();
    let mut sums: BTreeMap<Key, Sum> = BTreeMap::new();
    let mut caches: BTreeMap<(String, Option<String>), (u64, Sum)> = BTreeMap::new();
    let mut services: BTreeMap<String, (Vec<i64>, u64, i64)> = BTreeMap::new();
    // What was called with the same input anywhere before: a cache that all requests share would have had it.
    let mut known: HashSet<u64> = HashSet::new();

    // What is still running has no durations yet, and its last span would look like a bottleneck.
    for view in views.iter().filter(|view| view.spans.iter().all(|span| !span.open)) {
        let timing = Timing::of(view, view.summary.start_ns);
        let calls = Calls::of(view);
        let trace = view.summary.id;
        overview.traces += 1;
        overview.spans += view.spans.len() as u64;
        overview.failed += u64::from(view.spans.iter().any(failed));
        overview.time_ns += timing.stop - timing.start;

        let mut add = |kind: Kind, index: usize, note: String, time: i64| {
            let span = &view.spans[index];
            let key = (kind, span.name.clone(), span.service.clone(), note);
            sums.entry(key).or_default().add(trace, span.id, 1, time);
        };
        for index in origins(view) {
            add(Kind::Error, index, cost::error_text(view.spans[index].error.as_deref()), 0);
        }
        if let Some((index, time)) = timing.bottleneck() {
            add(Kind::Bottleneck, index, String::new(), time);
        }
        let mut saved = HashSet::new();
        for (same, spans) in cost::groups(view, &calls) {
            let before = !known.insert(same);
            saved.extend(spans.into_iter().skip(usize::from(!before)));
        }
        for &index in saved.iter().filter(|&&index| !cost::inside(view, &saved, index)) {
            add(Kind::Repeat, index, String::new(), cost::duration(view, &timing, index));
        }
        let retries = shape::retries(view, &timing, &calls);
        for finding in shape::sequences(view, &timing, &calls, &retries) {
            let key = (Kind::Sequence, finding.subject, finding.service, String::new());
            if let Some(&first) = finding.spans.first() {
                sums.entry(key).or_default().add(trace, first, 1, finding.time_ns);
            }
        }
        for retry in &retries {
            let key = (Kind::Retry, retry.finding.subject.clone(), retry.finding.service.clone(), String::new());
            let span = view.spans[retry.tries[0]].id;
            sums.entry(key).or_default().add(trace, span, retry.tries.len() as u64 - 1, retry.finding.time_ns);
        }
        for (index, span) in view.spans.iter().enumerate() {
            if let Some(hit) = calls.cache[index] {
                let (hits, sum) = caches.entry((span.name.clone(), span.service.clone())).or_default();
                *hits += u64::from(hit);
                sum.add(trace, span.id, 1, 0);
            }
            let Some(service) = &span.service else { continue };
            let times = services.entry(service.clone()).or_default();
            times.2 += timing.on_path(index);
            let from_outside =
                span.entry || span.parent_index.is_none_or(|parent| view.spans[parent].service != span.service);
            if from_outside && !span.open {
                times.0.push(cost::duration(view, &timing, index));
                times.1 += u64::from(failed(span));
            }
        }
    }

    overview.services = services.into_iter().map(|(service, times)| service_times(service, times)).collect();
    overview.services.sort_by(|a, b| (-a.path_ns, &a.service).cmp(&(-b.path_ns, &b.service)));
    overview.groups = sums
        .into_iter()
        .map(|((kind, subject, service, note), sum)| group(kind, subject, service, note, sum))
        .collect();
    overview.groups.extend(caches.into_iter().map(|((subject, service), (hits, sum))| {
        let note = format!("{hits} of {} from the cache", sum.count);
        group(Kind::Cache, subject, service, note, sum)
    }));
    overview
        .groups
        .sort_by(|a, b| (a.kind, -a.time_ns, b.count, &a.subject).cmp(&(b.kind, -b.time_ns, a.count, &b.subject)));
    overview
}

fn group(kind: Kind, subject: String, service: Option<String>, note: String, sum: Sum) -> Group {
    Group {
        kind,
        subject,
        service,
        note,
        count: sum.count,
        traces: sum.traces.len() as u64,
        time_ns: sum.time_ns,
        example: sum.example,
    }
}

fn service_times(service: String, (mut times, failed, path_ns): (Vec<i64>, u64, i64)) -> ServiceTimes {
    times.sort_unstable();
    ServiceTimes {
        service,
        calls: times.len() as u64,
        failed,
        p50_ns: quantile(&times, 0.50),
        p95_ns: quantile(&times, 0.95),
        path_ns,
    }
}

/// The smallest value that at least that part of all values stays at or under.
pub(crate) fn quantile(sorted: &[i64], part: f64) -> i64 {
    let rank = (sorted.len() as f64 * part).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().unwrap_or(0)
}
