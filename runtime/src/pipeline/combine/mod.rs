//! Decides what can be sent now, and what goes together: creates before what depends on them, siblings in one request, finished
//! subtrees nested, several finished traces at once, and a trace's completion last. Knows no protocol.
//!
//! Invariants: nothing is handed out before the backend has accepted what it hangs under; an update never before its create; completion
//! exactly once and only when nothing of the trace is left.

mod collect;
mod linger;
mod node;
mod outcome;
mod spooled;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

pub(crate) use self::node::{NodeKey, State, TraceState};
pub(crate) use self::outcome::{Finding, Refusal, Tally};
pub(crate) use self::spooled::Eviction;

use self::linger::Lingering;
use self::node::{Completion, NONE, Node};
use super::record::StartFlags;
use super::store::{Changes, IdMap, Key, Store};
use crate::config::Mode;
use crate::model::{SpanType, TraceId};

/// What one request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepKind {
    /// Creates traces with what is nested in them; all of them are over, or none is.
    CreateTraces { complete: bool },
    /// Creates spans under one parent.
    CreateSpans { parent: NodeKey },
    /// Sends the end of a span that was created while it was open.
    UpdateSpan { node: NodeKey },
    /// Says that a trace is over.
    CompleteTrace { trace: Key },
}

/// One request's worth of work.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) kind: StepKind,
    /// What is created, parents before children, with the depth of nesting: 0 for a trace or for a span directly in the request.
    pub(crate) items: Vec<(NodeKey, u32)>,
}

/// Limits of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepLimits {
    /// Bytes of captured values after which nothing more is added.
    pub(crate) bytes: usize,
    /// Levels of nesting.
    pub(crate) depth: u32,
    /// One span or trace a request, nothing nested.
    pub(crate) single: bool,
}

/// The combiner of one destination.
#[derive(Debug)]
pub(crate) struct Combine {
    distributed: bool,
    nodes: Vec<Node>,
    free: Vec<NodeKey>,
    by_id: IdMap<NodeKey>,
    /// By the trace's slot in the store.
    traces: Vec<TraceState>,
    /// Traces to create.
    creates: VecDeque<Key>,
    /// Parents whose children can be created.
    groups: VecDeque<NodeKey>,
    /// Spans whose end can be sent.
    updates: VecDeque<NodeKey>,
    /// Traces that are over and have nothing left.
    completes: VecDeque<Key>,
    /// Parents and spans that the backend did not know, each with the time of the next attempt.
    delayed: Vec<NodeKey>,
    lingering: Lingering,
    /// Spans in the order in which they ended, for when memory is short; those that are on their way or gone are skipped.
    finished: VecDeque<NodeKey>,
    /// Spans from the spool whose fate was decided since someone asked.
    restored_done: u64,
    /// Spans whose fate was decided since someone asked.
    tally: Tally,
    /// Ids of copies of spans that exist, unfinished, in a trace that was complete when their end was sent.
    aliases: IdMap<[u8; 16]>,
    /// Bytes of captured values that a request may hold, after the backend found one too large.
    max_bytes: usize,
    trial: outcome::Trial,
    /// Found out the hard way that the backend wants one span a request.
    pub(crate) single: bool,
    live_traces: usize,
    force_all: bool,
}

impl Combine {
    pub(crate) fn new(mode: Mode, linger: Duration) -> Self {
        Self {
            distributed: mode == Mode::Distributed,
            nodes: Vec::new(),
            free: Vec::new(),
            by_id: IdMap::default(),
            traces: Vec::new(),
            creates: VecDeque::new(),
            groups: VecDeque::new(),
            updates: VecDeque::new(),
            completes: VecDeque::new(),
            delayed: Vec::new(),
            lingering: Lingering::new(linger),
            finished: VecDeque::new(),
            restored_done: 0,
            tally: Tally::default(),
            aliases: IdMap::default(),
            max_bytes: usize::MAX,
            trial: outcome::Trial::default(),
            single: false,
            live_traces: 0,
            force_all: false,
        }
    }

    pub(crate) fn node(&self, key: NodeKey) -> &Node {
        &self.nodes[key as usize]
    }

    pub(crate) fn trace(&self, key: Key) -> &TraceState {
        &self.traces[key as usize]
    }

    /// The id under which a trace is on the wire.
    pub(crate) fn trace_id(&self, key: Key) -> [u8; 16] {
        self.node(self.trace(key).node).id
    }

    /// The id under which a span is on the wire.
    pub(crate) fn wire_id(&self, key: NodeKey) -> [u8; 16] {
        let id = self.node(key).id;
        self.aliases.get(id).copied().unwrap_or(id)
    }

    /// The first span that waits to be created under a node.
    pub(crate) fn first_wanted(&self, key: NodeKey) -> Option<NodeKey> {
        Some(self.node(key).first_wanted).filter(|&first| first != NONE)
    }

    /// Spans whose fate was decided since the last call.
    pub(crate) fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    /// Whether no request could be made from what is here, now or after a delay; open spans and traces that are not over do not count.
    pub(crate) fn is_idle(&self) -> bool {
        self.creates.is_empty()
            && self.groups.is_empty()
            && self.updates.is_empty()
            && self.completes.is_empty()
            && self.delayed.is_empty()
            && self.lingering.is_empty()
    }

    /// Whether no request could be made right now, even if the backend took one.
    pub(crate) fn has_nothing_ready(&self) -> bool {
        self.creates.is_empty() && self.groups.is_empty() && self.updates.is_empty() && self.completes.is_empty()
    }

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

    fn node_of(&self, store: &Store, key: Key) -> Option<NodeKey> {
        self.by_id.get(store.span(key).id.to_bytes()).copied()
    }

    fn started(&mut self, store: &mut Store, key: Key) {
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
    fn stands_for_trace(&mut self, store: &mut Store, key: Key) {
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
    fn orphan_root(&mut self, store: &mut Store, key: Key) {
        let known = self.node_of(store, key);
        if known.is_none_or(|node| self.nodes[node as usize].state == State::Done) {
            store.release_span(key);
        }
    }

    fn ended(&mut self, node: NodeKey) {
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

    /// Makes room for a trace that has not been heard of, or not since it was over.
    fn open_trace(&mut self, store: &Store, key: Key, flags: StartFlags) {
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

    /// The node under which a span is created, from the parent that the program meant.
    fn parent_of(&mut self, store: &Store, key: Key) -> NodeKey {
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

    /// The node itself or its nearest ancestor that takes children.
    fn solid(&self, mut key: NodeKey) -> NodeKey {
        while self.nodes[key as usize].transparent {
            key = self.nodes[key as usize].attach;
        }
        key
    }

    fn add(&mut self, node: Node) -> NodeKey {
        match self.free.pop() {
            Some(key) => {
                self.nodes[key as usize] = node;
                key
            }
            None => {
                self.nodes.push(node);
                (self.nodes.len() - 1) as NodeKey
            }
        }
    }

    /// Puts a span that has not been sent into its parent's list.
    fn want(&mut self, key: NodeKey) {
        let node = &mut self.nodes[key as usize];
        if node.state != State::Quiet || node.span == Key::MAX {
            return;
        }
        node.state = State::Wanted;
        self.append_wanted(key);
    }

    fn append_wanted(&mut self, key: NodeKey) {
        let meant = self.nodes[key as usize].attach;
        let attach = self.solid(meant);
        if attach != meant {
            // Meanwhile its parent turned out not to take children.
            self.nodes[key as usize].attach = attach;
            self.nodes[key as usize].moved = true;
        }
        self.nodes[key as usize].next_wanted = NONE;
        let parent = &mut self.nodes[attach as usize];
        if parent.first_wanted == NONE {
            parent.first_wanted = key;
        } else {
            let last = parent.last_wanted;
            self.nodes[last as usize].next_wanted = key;
        }
        self.nodes[attach as usize].last_wanted = key;
        self.offer(attach);
    }

    /// Lists a parent whose children can be sent, or a trace that can be created.
    fn offer(&mut self, key: NodeKey) {
        let node = &self.nodes[key as usize];
        if !node.has_wanted() || node.listed {
            return;
        }
        if node.is_accepted() {
            if node.not_before > Duration::ZERO {
                return;
            }
            self.nodes[key as usize].listed = true;
            self.groups.push_back(key);
        } else if node.span == Key::MAX && self.distributed {
            self.queue_create(node.trace);
        }
    }

    fn queue_create(&mut self, key: Key) {
        let top = self.traces[key as usize].node;
        let trace = &mut self.traces[key as usize];
        if self.nodes[top as usize].state == State::Quiet && !trace.queued {
            trace.queued = true;
            self.creates.push_back(key);
        }
    }

    /// Whether nothing more is expected for a trace, as far as can be known.
    fn is_over(&self, store: &Store, key: Key, now: Duration) -> bool {
        let trace = store.trace(key);
        trace.open == 0 && (!trace.is_shared() || self.force_all || self.lingering.has_passed(trace.active_at, now))
    }

    /// Does for a trace what its state asks for: create it (batch mode), complete it, wait, or forget it.
    fn look_at_trace(&mut self, store: &mut Store, key: Key, now: Duration) {
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

    fn linger(&mut self, store: &Store, key: Key) {
        if !self.traces[key as usize].lingering {
            self.traces[key as usize].lingering = true;
            self.lingering.add(key, store.trace(key).active_at);
        }
    }

    fn forget_trace(&mut self, store: &mut Store, key: Key, delivered: bool) {
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
    fn fresh_id() -> [u8; 16] {
        TraceId::random().to_bytes()
    }
}
