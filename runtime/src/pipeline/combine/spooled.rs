//! Spans that leave memory for the disk while the backend fails, and come back.

use super::node::{Completion, NONE};
use super::{Combine, NodeKey, State};
use crate::pipeline::record::StartFlags;
use crate::pipeline::stats::DropReason;
use crate::pipeline::store::{Key, Store};

/// Where a span goes when memory is short.
pub(crate) enum Eviction<'a> {
    /// To disk: called with the span and the flags of its record; `false` when the disk takes no more.
    Spool(&'a mut dyn FnMut(&Store, Key, u8) -> bool),
    /// Nowhere.
    Drop,
}

impl Combine {
    /// Whether a node is a finished span that waits for its turn.
    pub(super) fn is_waiting(&self, key: NodeKey) -> bool {
        let node = &self.nodes[key as usize];
        node.span != Key::MAX && matches!(node.state, State::Wanted | State::Open)
    }

    /// Takes the oldest finished spans out of memory until `bytes` are free, and says how many there were. A trace that is over and of
    /// which nothing has been sent goes whole, parents first; of others the span that stands for the trace stays.
    pub(crate) fn evict(&mut self, store: &mut Store, bytes: usize, mut to: Eviction<'_>) -> u64 {
        let enough = store.bytes().saturating_sub(bytes);
        let mut count = 0;
        let mut kept = Vec::new();
        while store.bytes() > enough {
            let Some(key) = self.finished.pop_front() else { break };
            if !self.is_waiting(key) || !store.span(self.nodes[key as usize].span).is_ended() {
                continue;
            }
            let trace = self.nodes[key as usize].trace;
            if self.can_go_whole(store, trace) {
                let nodes = self.traces[trace as usize].nodes.clone();
                let gone = nodes.iter().take_while(|&&node| self.evict_one(store, node, &mut to)).count();
                count += gone as u64;
                if gone < nodes.len() {
                    kept.push(key);
                    break;
                }
                // It begins anew when it comes back.
                self.forget_trace(store, trace, false);
            } else if self.traces[trace as usize].root == Some(self.nodes[key as usize].span) {
                kept.push(key);
            } else if self.evict_one(store, key, &mut to) {
                count += 1;
            } else {
                kept.push(key);
                break;
            }
        }
        for key in kept.into_iter().rev() {
            self.finished.push_front(key);
        }
        count
    }

    fn evict_one(&mut self, store: &mut Store, key: NodeKey, to: &mut Eviction<'_>) -> bool {
        let (span, trace) = (self.nodes[key as usize].span, self.nodes[key as usize].trace);
        let spooled = match to {
            Eviction::Spool(write) => {
                if !write(store, span, self.record_flags(key)) {
                    return false;
                }
                true
            }
            Eviction::Drop => false,
        };
        self.unwant(key);
        if self.traces[trace as usize].root == Some(span) {
            self.traces[trace as usize].root = None;
        }
        if spooled {
            self.nodes[key as usize].span = Key::MAX;
            self.nodes[key as usize].state = State::Spooled;
            self.restored_done += u64::from(store.span(span).flags.has(StartFlags::SPOOLED));
            store.release_span(span);
        } else {
            self.drop_span(store, key, DropReason::QueueFull);
            self.hand_children_up(key);
        }
        true
    }

    /// Whether a trace is over, all of it is here, and nothing of it has been sent.
    fn can_go_whole(&self, store: &Store, key: Key) -> bool {
        let trace = &self.traces[key as usize];
        store.trace(key).open == 0
            && trace.requests == 0
            && !trace.own_record
            && self.nodes[trace.node as usize].state == State::Quiet
            && trace.nodes.iter().all(|&node| self.is_waiting(node))
    }

    /// Hands every span that has not been delivered, and every span that stands for a trace which is not complete, to `write`, parents
    /// before children. Nothing is sent any more after this.
    pub(crate) fn write_all(&self, store: &Store, write: &mut dyn FnMut(&Store, Key, u8)) {
        let mut all: Vec<(u64, Key, u8)> = Vec::new();
        let mut taken = std::collections::HashSet::new();
        for &key in self.traces.iter().filter(|trace| trace.active).flat_map(|trace| &trace.nodes) {
            let node = &self.nodes[key as usize];
            if node.span != Key::MAX && !matches!(node.state, State::Done | State::Spooled) {
                taken.insert(node.span);
                all.push((store.span(node.span).started_at, node.span, self.record_flags(key)));
            }
        }
        for trace in self.traces.iter().filter(|trace| trace.active && trace.completion != Completion::Done) {
            if let Some(root) = trace.root.filter(|root| !taken.contains(root)) {
                let created = if self.nodes[trace.node as usize].is_accepted() { StartFlags::TRACE_CREATED } else { 0 };
                let delivered = if trace.own_record { 0 } else { StartFlags::DELIVERED };
                all.push((store.span(root).started_at, root, StartFlags::SPOOLED | created | delivered));
            }
        }
        all.sort_unstable();
        for (_, span, flags) in all {
            write(store, span, flags);
        }
    }

    /// What a record on disk has to say about how far its span had come.
    fn record_flags(&self, key: NodeKey) -> u8 {
        let node = &self.nodes[key as usize];
        let trace = &self.traces[node.trace as usize];
        let mut flags = StartFlags::SPOOLED;
        if self.nodes[trace.node as usize].is_accepted() {
            flags |= StartFlags::TRACE_CREATED;
        }
        if matches!(node.state, State::Open | State::Updating) {
            flags |= StartFlags::SPAN_CREATED;
        }
        flags
    }

    /// Takes a node out of its parent's list.
    fn unwant(&mut self, key: NodeKey) {
        if self.nodes[key as usize].state != State::Wanted {
            return;
        }
        let parent = self.nodes[key as usize].attach;
        let (mut previous, mut at) = (NONE, self.nodes[parent as usize].first_wanted);
        while at != NONE && at != key {
            (previous, at) = (at, self.nodes[at as usize].next_wanted);
        }
        if at == key {
            self.unlink(parent, previous, key);
        }
    }

    /// A span comes back from the disk. `true` when nothing is left to do for it as for a new one.
    pub(super) fn comes_back(&mut self, store: &mut Store, key: Key) -> bool {
        let span = store.span(key);
        let (id, trace, flags) = (span.id, span.trace, span.flags);
        if flags.has(StartFlags::DELIVERED) {
            // Only its values are needed, for the trace.
            let state = &mut self.traces[trace as usize];
            if state.root.is_none() {
                state.root = Some(key);
            } else if state.root != Some(key) {
                store.release_span(key);
            }
            self.restored_done += 1;
            return true;
        }
        let Some(&node) = self.by_id.get(id.to_bytes()) else { return false };
        if self.nodes[node as usize].state != State::Spooled {
            return false;
        }
        self.nodes[node as usize].span = key;
        self.finished.push_back(node);
        if flags.has(StartFlags::SPAN_CREATED) {
            self.nodes[node as usize].state = State::Open;
            self.updates.push_back(node);
        } else {
            self.nodes[node as usize].state = State::Quiet;
            self.want(node);
        }
        true
    }

    /// Spans from the disk whose fate was decided since the last call.
    pub(crate) fn take_restored_done(&mut self) -> u64 {
        std::mem::take(&mut self.restored_done)
    }
}
