//! Which service called which, how often, how long it took and how often it failed.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Timing, failed, many::quantile};
use crate::model::TraceView;

/// A service of the map.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Node {
    /// Its name.
    pub service: String,
    /// Calls that it answered: entry spans, and spans under one of another service.
    pub calls: u64,
    /// How many of those failed.
    pub failed: u64,
    /// All spans that it made.
    pub spans: u64,
    /// The middle duration of its calls, in nanoseconds.
    pub p50_ns: i64,
    /// The duration that 95 of 100 calls stay under, in nanoseconds.
    pub p95_ns: i64,
}

/// Calls from one service to another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Edge {
    /// Index of the caller in [`ServiceMap::nodes`].
    pub from: usize,
    /// Index of the service that was called.
    pub to: usize,
    /// How many calls.
    pub calls: u64,
    /// How many of them failed.
    pub failed: u64,
    /// Their middle duration, in nanoseconds.
    pub p50_ns: i64,
}

/// The services of some traces and the calls between them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ServiceMap {
    /// By name.
    pub nodes: Vec<Node>,
    /// By caller and callee.
    pub edges: Vec<Edge>,
}

#[derive(Default)]
struct Count {
    times: Vec<i64>,
    failed: u64,
    spans: u64,
}

impl Count {
    fn add(&mut self, time: Option<i64>, fails: bool) {
        self.times.extend(time);
        self.failed += u64::from(fails);
    }
}

impl ServiceMap {
    /// The map of those traces. `now` ends the spans that are open; those count as calls without a duration.
    #[must_use]
    pub fn of<'a>(views: impl IntoIterator<Item = &'a TraceView>, now: i64) -> ServiceMap {
        let mut nodes: BTreeMap<&str, (u64, Count)> = BTreeMap::new();
        let mut edges: BTreeMap<(&str, &str), (u64, Count)> = BTreeMap::new();
        for view in views {
            let timing = Timing::of(view, now);
            for (index, span) in view.spans.iter().enumerate() {
                let Some(service) = span.service.as_deref() else { continue };
                let node = nodes.entry(service).or_default();
                node.1.spans += 1;
                let caller = span.parent_index.and_then(|parent| view.spans[parent].service.as_deref());
                let other = caller != Some(service);
                if !other && !span.entry {
                    continue;
                }
                let time = (!span.open).then(|| timing.end[index] - span.start_ns);
                node.0 += 1;
                node.1.add(time, failed(span));
                if let Some(caller) = caller.filter(|_| other) {
                    let edge = edges.entry((caller, service)).or_default();
                    edge.0 += 1;
                    edge.1.add(time, failed(span));
                }
            }
        }
        let names: Vec<&str> = nodes.keys().copied().collect();
        let place = |name: &str| names.binary_search(&name).unwrap_or(0);
        let edges = edges
            .into_iter()
            .map(|((from, to), (calls, mut count))| {
                count.times.sort_unstable();
                Edge {
                    from: place(from),
                    to: place(to),
                    calls,
                    failed: count.failed,
                    p50_ns: quantile(&count.times, 0.5),
                }
            })
            .collect();
        let nodes = nodes
            .iter_mut()
            .map(|(service, (calls, count))| {
                count.times.sort_unstable();
                let (p50_ns, p95_ns) = (quantile(&count.times, 0.5), quantile(&count.times, 0.95));
                Node {
                    service: (*service).to_owned(),
                    calls: *calls,
                    failed: count.failed,
                    spans: count.spans,
                    p50_ns,
                    p95_ns,
                }
            })
            .collect();
        ServiceMap { nodes, edges }
    }

    /// The column of each service: callers stand left of what they call. A circle of calls is cut at its last edge.
    #[must_use]
    pub fn columns(&self) -> Vec<usize> {
        let mut columns = vec![0; self.nodes.len()];
        // In a map without circles the longest way has fewer edges than there are nodes, so so many rounds settle it; an edge
        // that still pushes afterwards closes a circle.
        let back: Vec<bool> = self.edges.iter().map(|edge| self.reaches(edge.to, edge.from)).collect();
        for _ in 0..self.nodes.len() {
            let mut moved = false;
            for (edge, back) in self.edges.iter().zip(&back) {
                let in_circle = *back && edge.from >= edge.to;
                if !in_circle && columns[edge.to] < columns[edge.from] + 1 && columns[edge.from] + 1 < self.nodes.len()
                {
                    columns[edge.to] = columns[edge.from] + 1;
                    moved = true;
                }
            }
            if !moved {
                break;
            }
        }
        columns
    }

    fn reaches(&self, from: usize, to: usize) -> bool {
        let mut seen = vec![false; self.nodes.len()];
        let mut work = vec![from];
        while let Some(at) = work.pop() {
            if at == to {
                return true;
            }
            if !std::mem::replace(&mut seen[at], true) {
                work.extend(self.edges.iter().filter(|edge| edge.from == at).map(|edge| edge.to));
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(nodes: usize, edges: &[(usize, usize)]) -> ServiceMap {
        let node = |n: usize| Node { service: n.to_string(), calls: 1, failed: 0, spans: 1, p50_ns: 0, p95_ns: 0 };
        let edge = |&(from, to): &(usize, usize)| Edge { from, to, calls: 1, failed: 0, p50_ns: 0 };
        ServiceMap { nodes: (0..nodes).map(node).collect(), edges: edges.iter().map(edge).collect() }
    }

    #[test]
    fn callers_stand_left_of_what_they_call() {
        assert_eq!(map(4, &[(3, 1), (1, 0), (3, 2), (2, 0), (3, 0)]).columns(), [2, 1, 1, 0]);
    }

    #[test]
    fn a_circle_of_calls_still_has_columns() {
        let columns = map(3, &[(0, 1), (1, 2), (2, 0)]).columns();
        assert_eq!(columns, [0, 1, 2]);
        assert_eq!(map(2, &[(0, 1), (1, 0)]).columns(), [0, 1]);
    }
}
