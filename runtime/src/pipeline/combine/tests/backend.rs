//! A backend as strict as the contract.

use std::collections::HashMap;

use crate::pipeline::combine::{Combine, NodeKey, Step, StepKind};
use crate::pipeline::store::{Key, Store};

/// What the backend has accepted. Panics on whatever a strict one would refuse.
#[derive(Default)]
pub(super) struct Backend {
    /// Created traces and whether they are complete.
    pub(super) traces: HashMap<[u8; 16], bool>,
    /// Spans with their trace and whether their end has arrived.
    spans: HashMap<[u8; 16], ([u8; 16], bool)>,
    pub(super) completions: HashMap<[u8; 16], u32>,
}

impl Backend {
    /// Checks a request as it arrives: everything that it depends on must have been accepted before.
    pub(super) fn arrives(&self, combine: &Combine, store: &Store, step: &Step) {
        match step.kind {
            StepKind::CreateTraces { .. } => self.arrives_nested(combine, store, step, None),
            StepKind::CreateSpans { parent } => {
                let trace = combine.trace_id(combine.node(parent).trace);
                assert_eq!(self.traces.get(&trace), Some(&false), "spans for a trace that is not there, or complete");
                let parent = combine.wire_id(parent);
                let known = parent == trace || self.spans.get(&parent).is_some_and(|(of, _)| *of == trace);
                assert!(known, "spans under a parent that was not accepted");
                self.arrives_nested(combine, store, step, Some(trace));
            }
            StepKind::UpdateSpan { node } => {
                let (trace, ended) = self.spans[&combine.wire_id(node)];
                assert!(!ended, "an update of a span that was whole");
                assert!(!self.traces[&trace], "an update in a complete trace");
            }
            StepKind::CompleteTrace { trace } => {
                let id = combine.trace_id(trace);
                assert_eq!(self.traces.get(&id), Some(&false), "completes what is not there, or is complete");
                assert!(
                    self.spans.values().all(|(of, ended)| *of != id || *ended),
                    "completes a trace with open spans"
                );
            }
        }
    }

    fn arrives_nested(&self, combine: &Combine, store: &Store, step: &Step, trace: Option<[u8; 16]>) {
        let mut path: Vec<NodeKey> = Vec::new();
        for &(key, depth) in &step.items {
            path.truncate(depth as usize);
            let node = combine.node(key);
            if node.span == Key::MAX {
                assert_eq!(depth, 0);
                assert!(!self.traces.contains_key(&node.id), "the trace is there already");
            } else {
                assert!(!self.spans.contains_key(&combine.wire_id(key)), "the span is there already");
                if let Some(&outer) = path.last() {
                    assert_eq!(node.attach, outer, "nested under another than its parent");
                    assert!(store.span(node.span).is_ended(), "an open span was nested");
                } else {
                    assert!(trace.is_some(), "a span beside traces");
                }
            }
            path.push(key);
        }
    }

    pub(super) fn accepts(&mut self, combine: &Combine, step: &Step) {
        for &(key, _) in &step.items {
            let node = combine.node(key);
            if node.span == Key::MAX {
                self.traces.insert(node.id, false);
            } else {
                let trace = combine.trace_id(node.trace);
                assert!(self.spans.insert(combine.wire_id(key), (trace, node.sent_whole)).is_none());
            }
        }
        match step.kind {
            StepKind::CreateTraces { complete: true } => {
                for &(key, _) in step.items.iter().filter(|(_, depth)| *depth == 0) {
                    self.complete(combine.node(key).id);
                }
            }
            StepKind::UpdateSpan { node } => self.spans.get_mut(&combine.wire_id(node)).unwrap().1 = true,
            StepKind::CompleteTrace { trace } => self.complete(combine.trace_id(trace)),
            _ => {}
        }
    }

    fn complete(&mut self, trace: [u8; 16]) {
        self.traces.insert(trace, true);
        *self.completions.entry(trace).or_default() += 1;
    }
}
