//! Takes in what a look has changed: which spans there are now, what each hangs under, and which of them can be sent.

use std::time::Duration;

use super::Combine;
use super::node::{Node, NodeKey, State};
use crate::model::SpanType;
use crate::pipeline::record::StartFlags;
use crate::pipeline::store::{Changes, Key, Store};

impl Combine {
    /// Takes in what a look has changed.
    pub(crate) fn changed(&mut self, store: &mut Store, changes: &Changes, now: Duration) {
        for &key in &changes.started {
            self.started(store, key);
        }
        for &key in &changes.propagated {
            if let Some(node) = self.node_of(store, key)
                && self.distributed
                && store.span(key).span_type.may_have_children()
            {
                self.want(node);
            }
        }
        for &key in &changes.ended {
            if let Some(node) = self.node_of(store, key) {
                self.ended(node);
            }
        }
        for &key in &changes.traces {
            if self.traces.get(key as usize).is_some_and(|trace| trace.active) {
                self.look_at_trace(store, key, now);
            }
        }
    }

    pub(super) fn node_of(&self, store: &Store, key: Key) -> Option<NodeKey> {
        self.by_id.get(store.span(key).id.to_bytes()).copied()
    }

    pub(super) fn started(&mut self, store: &mut Store, key: Key) {
        let (trace, id, flags) = (store.span(key).trace, store.span(key).id, store.span(key).flags);
        self.open_trace(store, trace, flags);
        if id.to_bytes() == store.span(key).trace_id.to_bytes() {
            return self.stands_for_trace(store, key);
        }
        if flags.has(StartFlags::SPOOLED) {
            // The rest of its trace may be in another file; what is here goes out at once all the same.
            self.traces[trace as usize].incremental = true;
            if self.comes_back(store, key) {
                return;
            }
        }
        let parent = self.parent_of(store, key);
        let span = store.span(key);
        let mut node = Node::new(id.to_bytes(), trace, State::Quiet);
        node.span = key;
        node.moved = !span.parent.is_none() && self.nodes[parent as usize].id != span.parent.to_bytes();
        node.attach = parent;
        node.transparent = !span.span_type.may_have_children();
        let announced = self.distributed
            && (matches!(span.span_type, SpanType::Workflow | SpanType::Agent)
                || span.propagated && span.span_type.may_have_children());
        let wanted = announced || span.is_ended();
        let node = self.add(node);
        self.by_id.insert(id.to_bytes(), node);
        let state = &mut self.traces[trace as usize];
        state.nodes.push(node);
        state.pending += 1;
        if state.root.is_none() && store.trace(trace).root == Some(key) {
            state.root = Some(key);
        }
        if self.distributed {
            // A tool or retriever has to exist before its first child does.
            self.want(parent);
        }
        if flags.has(StartFlags::SPAN_CREATED) {
            self.nodes[node as usize].state = State::Open;
            self.updates.push_back(node);
        } else if wanted {
            self.want(node);
        }
        if store.span(key).is_ended() {
            self.finished.push_back(node);
        }
    }

    /// A trace that was begun without a span: its record is the trace, and is accepted with it.
    pub(super) fn stands_for_trace(&mut self, store: &mut Store, key: Key) {
        let trace = store.span(key).trace;
        let state = &mut self.traces[trace as usize];
        if let Some(former) = state.root.replace(key) {
            // Cannot be: the record of a trace comes before everything in it. Nothing is lost but the former root's say.
            self.orphan_root(store, former);
        }
        self.traces[trace as usize].own_record = true;
        if self.distributed {
            self.queue_create(trace);
        }
    }

    /// Lets go of a span that no longer stands for its trace, if nothing else needs it.
    pub(super) fn orphan_root(&mut self, store: &mut Store, key: Key) {
        let known = self.node_of(store, key);
        if known.is_none_or(|node| self.nodes[node as usize].state == State::Done) {
            store.release_span(key);
        }
    }

    pub(super) fn ended(&mut self, node: NodeKey) {
        if self.nodes[node as usize].span != Key::MAX {
            self.finished.push_back(node);
        }
        match self.nodes[node as usize].state {
            State::Quiet => self.want(node),
            State::Open => self.updates.push_back(node),
            // Whoever sends it, or hears that it was sent, looks whether it has ended.
            State::Wanted | State::Creating | State::Updating | State::Spooled | State::Done => {}
        }
    }

    /// The node under which a span is created, from the parent that the program meant.
    pub(super) fn parent_of(&mut self, store: &Store, key: Key) -> NodeKey {
        let span = store.span(key);
        let top = self.traces[span.trace as usize].node;
        if span.parent.is_none() || span.parent.to_bytes() == span.trace_id.to_bytes() {
            return top;
        }
        let known = self
            .by_id
            .get(span.parent.to_bytes())
            .copied()
            .filter(|&node| self.nodes[node as usize].trace == span.trace);
        if let Some(node) = known {
            return self.solid(node);
        }
        let trace = store.trace(span.trace);
        let linked = self.traces[span.trace as usize].linked_to.is_some();
        // Of a trace that had not been created when its spans went to disk, no parent can be anywhere but here.
        let elsewhere = span.flags.has(StartFlags::ENTRY)
            || span.flags.has(StartFlags::SPOOLED) && span.flags.has(StartFlags::TRACE_CREATED);
        if !linked && (elsewhere || trace.late || trace.is_remote()) {
            // Created by another process, or here before the trace was over.
            let mut node = Node::new(span.parent.to_bytes(), span.trace, State::Done);
            node.attach = top;
            let node = self.add(node);
            self.by_id.insert(span.parent.to_bytes(), node);
            self.traces[span.trace as usize].nodes.push(node);
            return node;
        }
        // The parent was refused by the hand-off and will never exist, or it is in the trace to which this one is linked.
        top
    }
}
