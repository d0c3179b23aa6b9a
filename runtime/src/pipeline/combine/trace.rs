//! The life of a trace: heard of, created, over, completed, forgotten.

use std::time::Duration;

use super::Combine;
use super::node::{Completion, Node, State, TraceState};
use crate::model::TraceId;
use crate::pipeline::record::StartFlags;
use crate::pipeline::store::{Key, Store};

impl Combine {
    /// Makes room for a trace that has not been heard of, or not since it was over.
    pub(super) fn open_trace(&mut self, store: &Store, key: Key, flags: StartFlags) {
        while self.traces.len() <= key as usize {
            self.traces.push(TraceState::vacant());
        }
        if self.traces[key as usize].active {
            return;
        }
        let trace = store.trace(key);
        let elsewhere = flags.has(StartFlags::REMOTE_TRACE) || trace.is_remote();
        let done = elsewhere || trace.late;
        let accepted = done || flags.has(StartFlags::TRACE_CREATED);
        let node = Node::new(trace.id.to_bytes(), key, if accepted { State::Done } else { State::Quiet });
        let node = self.add(node);
        let state = &mut self.traces[key as usize];
        let nodes = std::mem::take(&mut state.nodes);
        *state = TraceState { node, remote: elsewhere, nodes, active: true, ..TraceState::vacant() };
        if done {
            state.completion = Completion::Done;
        }
        self.live_traces += 1;
    }

    pub(super) fn queue_create(&mut self, key: Key) {
        let top = self.traces[key as usize].node;
        let trace = &mut self.traces[key as usize];
        if self.nodes[top as usize].state == State::Quiet && !trace.queued {
            trace.queued = true;
            self.creates.push_back(key);
        }
    }

    /// Whether nothing more is expected for a trace, as far as can be known.
    pub(super) fn is_over(&self, store: &Store, key: Key, now: Duration) -> bool {
        let trace = store.trace(key);
        trace.open == 0 && (!trace.is_shared() || self.force_all || self.lingering.has_passed(trace.active_at, now))
    }

    /// Does for a trace what its state asks for: create it (batch mode), complete it, wait, or forget it.
    pub(super) fn look_at_trace(&mut self, store: &mut Store, key: Key, now: Duration) {
        let trace = &self.traces[key as usize];
        if !trace.active {
            return;
        }
        let over = self.is_over(store, key, now);
        let created = self.nodes[trace.node as usize].state == State::Done;
        let nothing_left = trace.pending == 0 && trace.requests == 0;
        if store.trace(key).open == 0 && !over && !trace.remote && trace.completion == Completion::Open {
            self.linger(store, key);
        }
        let trace = &self.traces[key as usize];
        if !created {
            let something = trace.pending > 0 || trace.own_record;
            if something && (over || trace.incremental) {
                self.queue_create(key);
            }
            return;
        }
        match trace.completion {
            Completion::Open if nothing_left && over => {
                self.traces[key as usize].completion = Completion::Sending;
                self.completes.push_back(key);
            }
            // Whether it may still grow does not matter to a trace that somebody else completes.
            Completion::Done if nothing_left && store.trace(key).open == 0 => self.forget_trace(store, key, true),
            _ => {}
        }
    }

    pub(super) fn linger(&mut self, store: &Store, key: Key) {
        if !self.traces[key as usize].lingering {
            self.traces[key as usize].lingering = true;
            self.lingering.add(key, store.trace(key).active_at);
        }
    }

    pub(super) fn forget_trace(&mut self, store: &mut Store, key: Key, delivered: bool) {
        let trace = &mut self.traces[key as usize];
        trace.active = false;
        let (top, root, own_record) = (trace.node, trace.root.take(), trace.own_record);
        let mut nodes = std::mem::take(&mut trace.nodes);
        for node in nodes.drain(..).chain([top]) {
            let id = self.nodes[node as usize].id;
            if self.by_id.get(id) == Some(&node) {
                self.by_id.remove(id);
            }
            if self.aliases.len() > 0 {
                self.aliases.remove(id);
            }
            self.free.push(node);
        }
        self.traces[key as usize].nodes = nodes;
        self.live_traces -= 1;
        if let Some(root) = root {
            if own_record && delivered {
                self.tally.delivered += 1;
                self.restored_done += u64::from(store.span(root).flags.has(StartFlags::SPOOLED));
            }
            store.release_span(root);
        }
        store.release_trace(key, delivered);
    }

    /// A fresh id for a trace that this process makes for its own late spans.
    pub(super) fn fresh_id() -> [u8; 16] {
        TraceId::random().to_bytes()
    }
}
