//! Decides what can be sent now, and what goes together: creates before what depends on them, siblings in one request, finished
//! subtrees nested, several finished traces at once, and a trace's completion last. Knows no protocol.
//!
//! Invariants: nothing is handed out before the backend has accepted what it hangs under; an update never before its create; completion
//! exactly once and only when nothing of the trace is left.

mod arrive;
mod collect;
mod linger;
mod node;
mod outcome;
mod spooled;
#[cfg(test)]
mod tests;
mod trace;

use std::collections::VecDeque;
use std::time::Duration;

pub(crate) use self::node::{NodeKey, State, TraceState};
pub(crate) use self::outcome::{Finding, Refusal, Tally};
pub(crate) use self::spooled::Eviction;

use self::linger::Lingering;
use self::node::{NONE, Node};
use super::store::{IdMap, Key};
use crate::config::Mode;

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
}
