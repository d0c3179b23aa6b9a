//! Puts the next request together.

use std::time::Duration;

use super::node::{Completion, NONE};
use super::{Combine, NodeKey, State, Step, StepKind, StepLimits};
use crate::model::{Field, Part};
use crate::pipeline::store::{Key, Store};

impl Combine {
    /// The next request that can be made, or `None` when everything that is left waits for an answer, a delay or the program.
    pub(crate) fn next(&mut self, store: &mut Store, limits: StepLimits, now: Duration) -> Option<Step> {
        self.wake_delayed(now);
        self.end_lingering(store, now);
        let limits =
            StepLimits { single: limits.single || self.single, bytes: limits.bytes.min(self.max_bytes), ..limits };
        self.next_traces(store, limits, now)
            .or_else(|| self.next_group(store, limits))
            .or_else(|| self.next_update())
            .or_else(|| self.next_completion(store, now))
    }

    /// When `next` may have more to say although nothing has changed.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        let delayed = self.delayed.iter().map(|&key| self.nodes[key as usize].not_before);
        delayed.chain(self.lingering.deadline()).min()
    }

    /// From now on no trace waits for others: for a flush whose time is nearly up, and for shutdown.
    pub(crate) fn stop_lingering(&mut self, store: &mut Store, now: Duration) {
        self.force_all = true;
        self.end_lingering(store, now);
    }

    /// Traces wait for others again.
    pub(crate) fn resume_lingering(&mut self) {
        self.force_all = false;
    }

    /// Lets batch traces that are still open go out in parts, because memory is short.
    pub(crate) fn send_open_traces(&mut self) {
        for key in 0..self.traces.len() as Key {
            let trace = &mut self.traces[key as usize];
            if trace.active && !trace.incremental {
                trace.incremental = true;
                if trace.pending > 0 {
                    self.queue_create(key);
                }
            }
        }
    }

    fn wake_delayed(&mut self, now: Duration) {
        if self.delayed.is_empty() {
            return;
        }
        let mut delayed = std::mem::take(&mut self.delayed);
        delayed.retain(|&key| {
            let node = &mut self.nodes[key as usize];
            if node.not_before > now {
                return true;
            }
            node.not_before = Duration::ZERO;
            let (trace, is_trace) = (node.trace, node.span == Key::MAX);
            match node.state {
                State::Open => self.updates.push_back(key),
                _ => self.offer(key),
            }
            let trace = &self.traces[trace as usize];
            if is_trace && trace.node == key && trace.completion == Completion::Sending {
                self.completes.push_back(self.nodes[key as usize].trace);
            }
            false
        });
        self.delayed = delayed;
    }

    fn end_lingering(&mut self, store: &mut Store, now: Duration) {
        let mut again = Vec::new();
        while let Some(key) = self.lingering.pop(now, self.force_all) {
            if !self.traces[key as usize].lingering {
                continue;
            }
            self.traces[key as usize].lingering = false;
            again.push(key);
        }
        for key in again {
            self.look_at_trace(store, key, now);
        }
    }

    fn next_traces(&mut self, store: &Store, limits: StepLimits, now: Duration) -> Option<Step> {
        let first = self.pop_create()?;
        let mut items = Vec::new();
        let mut bytes = 0;
        let complete = self.take_trace(store, first, limits, now, &mut items, &mut bytes);
        if !limits.single && !self.nodes[self.traces[first as usize].node as usize].alone {
            while bytes < limits.bytes {
                let Some(&next) = self.creates.front() else { break };
                if !self.traces[next as usize].active || !self.traces[next as usize].queued {
                    self.creates.pop_front();
                    continue;
                }
                let fits = self.completes_at_once(store, next, now) == complete
                    && !self.nodes[self.traces[next as usize].node as usize].alone
                    && self.session_parts(store, next).eq(self.session_parts(store, first));
                if !fits {
                    break;
                }
                self.creates.pop_front();
                let mark = items.len();
                if self.take_trace(store, next, limits, now, &mut items, &mut bytes) != complete {
                    // It did not fit whole. Undo, and let it be the first of the next request.
                    self.give_back(&items[mark..]);
                    items.truncate(mark);
                    self.creates.push_front(next);
                    self.traces[next as usize].queued = true;
                    break;
                }
            }
        }
        for &(key, depth) in &items {
            if depth == 0 {
                let trace = self.nodes[key as usize].trace;
                self.traces[trace as usize].requests += 1;
                if complete {
                    self.traces[trace as usize].completion = Completion::Sending;
                }
            }
        }
        Some(Step { kind: StepKind::CreateTraces { complete }, items })
    }

    /// The next trace to create; one that went to disk meanwhile is skipped.
    fn pop_create(&mut self) -> Option<Key> {
        while let Some(&key) = self.creates.front() {
            self.creates.pop_front();
            let trace = &self.traces[key as usize];
            if trace.active && trace.queued {
                return Some(key);
            }
        }
        None
    }

    /// Whether creating the trace now can also complete it, unless it turns out not to fit into one request.
    fn completes_at_once(&self, store: &Store, key: Key, now: Duration) -> bool {
        !self.single && self.is_over(store, key, now) && self.traces[key as usize].completion == Completion::Open
    }

    /// Adds a trace with its finished subtrees; says whether that is all of it and it is over.
    fn take_trace(
        &mut self,
        store: &Store,
        key: Key,
        limits: StepLimits,
        now: Duration,
        items: &mut Vec<(NodeKey, u32)>,
        bytes: &mut usize,
    ) -> bool {
        let top = self.traces[key as usize].node;
        self.traces[key as usize].queued = false;
        self.nodes[top as usize].state = State::Creating;
        let before = items.len();
        items.push((top, 0));
        *bytes += self.traces[key as usize].root.map_or(0, |root| store.span(root).bytes());
        if !limits.single && !self.nodes[top as usize].alone {
            self.nest(store, top, 1, limits, items, bytes);
        }
        let taken = (items.len() - before - 1) as u32;
        taken == self.traces[key as usize].pending && self.completes_at_once(store, key, now)
    }

    /// Adds the finished children of a node, and theirs.
    fn nest(
        &mut self,
        store: &Store,
        parent: NodeKey,
        depth: u32,
        limits: StepLimits,
        items: &mut Vec<(NodeKey, u32)>,
        bytes: &mut usize,
    ) {
        if depth > limits.depth {
            return;
        }
        let mut previous = NONE;
        let mut key = self.nodes[parent as usize].first_wanted;
        while key != NONE && *bytes < limits.bytes {
            let node = &self.nodes[key as usize];
            let next = node.next_wanted;
            if node.alone || !store.span(node.span).is_ended() {
                previous = key;
                key = next;
                continue;
            }
            self.unlink(parent, previous, key);
            self.take_span(store, key, depth, items, bytes);
            self.nest(store, key, depth + 1, limits, items, bytes);
            key = next;
        }
    }

    fn take_span(
        &mut self,
        store: &Store,
        key: NodeKey,
        depth: u32,
        items: &mut Vec<(NodeKey, u32)>,
        bytes: &mut usize,
    ) {
        let node = &mut self.nodes[key as usize];
        node.state = State::Creating;
        let span = store.span(node.span);
        node.sent_whole = span.is_ended();
        *bytes += span.bytes();
        items.push((key, depth));
    }

    /// Takes `key` out of its parent's list; `previous` stands before it.
    pub(super) fn unlink(&mut self, parent: NodeKey, previous: NodeKey, key: NodeKey) {
        let next = std::mem::replace(&mut self.nodes[key as usize].next_wanted, NONE);
        if previous == NONE {
            self.nodes[parent as usize].first_wanted = next;
        } else {
            self.nodes[previous as usize].next_wanted = next;
        }
        if next == NONE {
            self.nodes[parent as usize].last_wanted = previous;
        }
    }

    fn next_group(&mut self, store: &Store, limits: StepLimits) -> Option<Step> {
        while let Some(parent) = self.groups.pop_front() {
            self.nodes[parent as usize].listed = false;
            let mut items = Vec::new();
            let mut bytes = 0;
            let mut key = self.nodes[parent as usize].first_wanted;
            while key != NONE && bytes < limits.bytes {
                let next = self.nodes[key as usize].next_wanted;
                let alone = self.nodes[key as usize].alone || limits.single;
                if alone && !items.is_empty() {
                    break;
                }
                // Always the first of the list: whatever is in it can be created under an accepted parent.
                self.unlink(parent, NONE, key);
                self.take_span(store, key, 0, &mut items, &mut bytes);
                if alone {
                    break;
                }
                if store.span(self.nodes[key as usize].span).is_ended() {
                    self.nest(store, key, 1, limits, &mut items, &mut bytes);
                }
                key = next;
            }
            self.offer(parent);
            if !items.is_empty() {
                let trace = self.nodes[parent as usize].trace;
                self.traces[trace as usize].requests += 1;
                return Some(Step { kind: StepKind::CreateSpans { parent }, items });
            }
        }
        None
    }

    fn next_update(&mut self) -> Option<Step> {
        while let Some(node) = self.updates.pop_front() {
            if self.nodes[node as usize].state == State::Open {
                self.nodes[node as usize].state = State::Updating;
                let trace = self.nodes[node as usize].trace;
                self.traces[trace as usize].requests += 1;
                return Some(Step { kind: StepKind::UpdateSpan { node }, items: Vec::new() });
            }
        }
        None
    }

    fn next_completion(&mut self, store: &Store, now: Duration) -> Option<Step> {
        while let Some(key) = self.completes.pop_front() {
            let trace = &self.traces[key as usize];
            if trace.pending == 0 && trace.requests == 0 && self.is_over(store, key, now) {
                self.traces[key as usize].requests += 1;
                return Some(Step { kind: StepKind::CompleteTrace { trace: key }, items: Vec::new() });
            }
            // Work came while the completion waited for its turn; whatever ends it asks again.
            self.traces[key as usize].completion = Completion::Open;
            if store.trace(key).open == 0 && trace_waits(self, key) {
                self.linger(store, key);
            }
        }
        None
    }

    /// What the program said about the session of a trace. One request has room for one session.
    pub(crate) fn session_parts<'a>(&self, store: &'a Store, trace: Key) -> impl Iterator<Item = Part<'a>> + use<'a> {
        let root = self.traces[trace as usize].root.map(|root| store.span(root).start_parts());
        root.into_iter().flatten().filter(|part| matches!(part.field, Field::SessionId | Field::Session))
    }

    /// Puts what was taken for a request back where it was, in the same order.
    pub(super) fn give_back(&mut self, items: &[(NodeKey, u32)]) {
        for &(key, _) in items.iter().rev() {
            if self.nodes[key as usize].span == Key::MAX {
                self.nodes[key as usize].state = State::Quiet;
                continue;
            }
            self.nodes[key as usize].state = State::Wanted;
            let attach = self.nodes[key as usize].attach;
            if self.nodes[attach as usize].transparent {
                self.append_wanted(key);
                continue;
            }
            let first = self.nodes[attach as usize].first_wanted;
            self.nodes[key as usize].next_wanted = first;
            self.nodes[attach as usize].first_wanted = key;
            if first == NONE {
                self.nodes[attach as usize].last_wanted = key;
            }
        }
    }
}

/// Whether nothing but time keeps a trace from being complete.
fn trace_waits(combine: &Combine, key: Key) -> bool {
    let trace = combine.trace(key);
    trace.pending == 0 && trace.requests == 0
}
