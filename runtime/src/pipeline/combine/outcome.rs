//! What becomes of a request's spans when its answer is there.

use std::time::Duration;

use super::node::{Completion, NONE, Node};
use super::{Combine, NodeKey, State, Step, StepKind};
use crate::pipeline::record::StartFlags;
use crate::pipeline::stats::{DropReason, Dropped};
use crate::pipeline::store::{Key, Store};

/// First wait after the backend did not know a parent; it doubles from there.
const UNKNOWN_FIRST: Duration = Duration::from_millis(20);
/// A parent that has not come after some two minutes of doubling is asked for at this pace.
const UNKNOWN_LAST: Duration = Duration::from_secs(30);
/// How often the values of one span are cut down before it is given up as too large.
const MAX_SHRINKS: u8 = 3;

/// Spans whose fate was decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) delivered: u64,
    pub(crate) dropped: Dropped,
}

/// How a backend refused a request, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not now: network, overload, an error of its own.
    Later,
    /// It does not know the parent or the trace, which may still be on its way from another process.
    Unknown,
    /// It never will accept something in there.
    Never,
    /// The request is too large.
    TooLarge,
    /// The trace is complete and takes no more spans.
    Complete,
    /// Something in there has been created before: by an attempt whose answer was lost, or by a process that is gone.
    Exists,
}

/// After a group was refused, its records go alone; what happens to them tells a bad record from a backend that takes no groups.
#[derive(Debug, Default)]
pub(super) struct Trial {
    left: u32,
    refused: u32,
}

/// What the caller should tell the user, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Nothing out of the ordinary.
    None,
    /// The backend refuses grouped or nested spans and takes the same spans alone.
    WantsSingleSpans,
    /// Spans came too late for their trace and go into a linked one.
    Linked,
    /// A record was given up.
    Dropped,
}

impl Combine {
    /// The backend has accepted a request.
    pub(crate) fn accepted(&mut self, store: &mut Store, step: Step, now: Duration) -> Finding {
        let mut finding = Finding::None;
        match step.kind {
            StepKind::CreateTraces { complete } => {
                for &(key, depth) in &step.items {
                    if depth > 0 {
                        continue;
                    }
                    let trace = self.nodes[key as usize].trace;
                    self.nodes[key as usize].state = State::Done;
                    self.traces[trace as usize].requests -= 1;
                    if complete {
                        self.traces[trace as usize].completion = Completion::Done;
                    }
                }
                for &(key, depth) in &step.items {
                    if depth > 0 {
                        finding = self.created(store, key).or(finding);
                    }
                }
                for &(key, depth) in &step.items {
                    if depth == 0 {
                        finding = self.judge(key, false).or(finding);
                        self.offer(key);
                        self.look_at_trace(store, self.nodes[key as usize].trace, now);
                    }
                }
            }
            StepKind::CreateSpans { parent } => {
                let trace = self.nodes[parent as usize].trace;
                self.traces[trace as usize].requests -= 1;
                self.nodes[parent as usize].unknown = 0;
                for &(key, _) in &step.items {
                    finding = self.created(store, key).or(finding);
                }
                self.look_at_trace(store, trace, now);
            }
            StepKind::UpdateSpan { node } => {
                let trace = self.nodes[node as usize].trace;
                self.traces[trace as usize].requests -= 1;
                self.done(store, node);
                self.look_at_trace(store, trace, now);
            }
            StepKind::CompleteTrace { trace } => {
                self.traces[trace as usize].requests -= 1;
                self.traces[trace as usize].completion = Completion::Done;
                self.look_at_trace(store, trace, now);
            }
        }
        finding
    }

    /// The backend has refused a request, or could not be reached.
    pub(crate) fn refused(&mut self, store: &mut Store, step: Step, refusal: Refusal, now: Duration) -> Finding {
        match refusal {
            Refusal::Later => self.again(step),
            Refusal::Unknown => self.ask_later(step, now),
            Refusal::TooLarge => return self.too_large(store, step, now),
            Refusal::Complete => return self.too_late(store, step, now),
            Refusal::Never => return self.never(store, step, now),
            Refusal::Exists => return self.exists(store, step, now),
        }
        Finding::None
    }

    fn created(&mut self, store: &mut Store, key: NodeKey) -> Finding {
        let finding = self.judge(key, false);
        if self.nodes[key as usize].sent_whole {
            self.done(store, key);
        } else {
            self.nodes[key as usize].state = State::Open;
            if store.span(self.nodes[key as usize].span).is_ended() {
                self.updates.push_back(key);
            }
        }
        self.offer(key);
        finding
    }

    fn done(&mut self, store: &mut Store, key: NodeKey) {
        self.tally.delivered += 1;
        self.leave(store, key);
        while self.finished.front().is_some_and(|&first| !self.is_waiting(first)) {
            self.finished.pop_front();
        }
    }

    /// A span is no longer this destination's business.
    pub(super) fn leave(&mut self, store: &mut Store, key: NodeKey) {
        let node = &mut self.nodes[key as usize];
        node.state = State::Done;
        let span = std::mem::replace(&mut node.span, Key::MAX);
        self.restored_done += u64::from(store.span(span).flags.has(StartFlags::SPOOLED));
        let trace = &mut self.traces[node.trace as usize];
        trace.pending = trace.pending.saturating_sub(1);
        // The root's values stand for the trace until that is complete.
        if trace.root != Some(span) {
            store.release_span(span);
        }
    }

    /// Puts the work of a request back, to be put together anew.
    fn again(&mut self, step: Step) {
        self.give_back(&step.items);
        match step.kind {
            StepKind::CreateTraces { complete } => {
                for &(key, depth) in step.items.iter().rev() {
                    if depth > 0 {
                        continue;
                    }
                    let trace = self.nodes[key as usize].trace;
                    let state = &mut self.traces[trace as usize];
                    state.requests -= 1;
                    state.queued = true;
                    if complete {
                        state.completion = Completion::Open;
                    }
                    self.creates.push_front(trace);
                }
            }
            StepKind::CreateSpans { parent } => {
                let trace = self.nodes[parent as usize].trace;
                self.traces[trace as usize].requests -= 1;
                self.offer(parent);
            }
            StepKind::UpdateSpan { node } => {
                let trace = self.nodes[node as usize].trace;
                self.traces[trace as usize].requests -= 1;
                self.nodes[node as usize].state = State::Open;
                self.updates.push_front(node);
            }
            StepKind::CompleteTrace { trace } => {
                self.traces[trace as usize].requests -= 1;
                self.completes.push_front(trace);
            }
        }
    }

    /// Like [`again`](Self::again), after a wait that grows: what is missing comes from another process.
    fn ask_later(&mut self, step: Step, now: Duration) {
        let waits = match step.kind {
            StepKind::CreateTraces { .. } => return self.again(step),
            StepKind::CreateSpans { parent } => parent,
            StepKind::UpdateSpan { node } => node,
            StepKind::CompleteTrace { trace } => self.traces[trace as usize].node,
        };
        let node = &mut self.nodes[waits as usize];
        let wait = UNKNOWN_FIRST.saturating_mul(1 << node.unknown.min(12)).min(UNKNOWN_LAST);
        node.unknown += 1;
        node.not_before = now + wait;
        let trace = node.trace;
        self.give_back(&step.items);
        self.traces[trace as usize].requests -= 1;
        if let StepKind::UpdateSpan { node } = step.kind {
            self.nodes[node as usize].state = State::Open;
        }
        self.delayed.push(waits);
    }

    fn too_large(&mut self, store: &mut Store, step: Step, now: Duration) -> Finding {
        if step.items.len() > 1 {
            // Half of what was tried; the next requests stay below it.
            let spans =
                step.items.iter().map(|&(key, _)| self.nodes[key as usize].span).filter(|&span| span != Key::MAX);
            let bytes: usize = spans.map(|span| store.span(span).bytes()).sum();
            self.max_bytes = (bytes / 2).max(1);
            self.again(step);
            return Finding::None;
        }
        let key = match step.kind {
            StepKind::UpdateSpan { node } => node,
            StepKind::CompleteTrace { trace } => self.traces[trace as usize].node,
            _ => match step.items.first() {
                Some(&(key, _)) => key,
                None => return Finding::None,
            },
        };
        self.nodes[key as usize].shrunk += 1;
        if self.nodes[key as usize].shrunk <= MAX_SHRINKS {
            self.again(step);
            return Finding::None;
        }
        self.give_up(store, step, DropReason::Size, now)
    }

    fn never(&mut self, store: &mut Store, step: Step, now: Duration) -> Finding {
        if step.items.len() > 1 {
            self.trial.left += step.items.len() as u32;
            for &(key, _) in &step.items {
                self.nodes[key as usize].alone = true;
            }
            self.again(step);
            return Finding::None;
        }
        self.give_up(store, step, DropReason::Rejected, now)
    }

    /// What is there already counts as accepted, but nobody knows what else of the request is: so what stands at its top goes alone, and
    /// what lies below follows.
    fn exists(&mut self, store: &mut Store, step: Step, now: Duration) -> Finding {
        if step.items.len() > 1 {
            for &(key, _) in step.items.iter().filter(|(_, depth)| *depth == 0) {
                self.nodes[key as usize].alone = true;
            }
            self.again(step);
            return Finding::None;
        }
        if let (StepKind::CreateSpans { .. }, Some(&(key, _))) = (step.kind, step.items.first()) {
            // What is there may be its start alone.
            self.nodes[key as usize].sent_whole = false;
        }
        self.accepted(store, step, now)
    }

    /// Gives up the one record of a request.
    fn give_up(&mut self, store: &mut Store, step: Step, reason: DropReason, now: Duration) -> Finding {
        let trace = match step.kind {
            StepKind::CompleteTrace { trace } => {
                self.traces[trace as usize].completion = Completion::Done;
                trace
            }
            StepKind::UpdateSpan { node } => {
                self.drop_span(store, node, reason);
                self.nodes[node as usize].trace
            }
            StepKind::CreateSpans { parent } => {
                for &(key, _) in &step.items {
                    self.judge(key, true);
                    self.drop_span(store, key, reason);
                    self.hand_children_up(key);
                }
                self.nodes[parent as usize].trace
            }
            StepKind::CreateTraces { .. } => {
                let Some(&(key, _)) = step.items.first() else { return Finding::None };
                // A backend shows spans whose trace it does not have, so they are worth sending.
                self.judge(key, true);
                self.nodes[key as usize].state = State::Done;
                self.traces[self.nodes[key as usize].trace as usize].completion = Completion::Done;
                self.offer(key);
                self.nodes[key as usize].trace
            }
        };
        self.traces[trace as usize].requests -= 1;
        self.look_at_trace(store, trace, now);
        Finding::Dropped
    }

    pub(super) fn drop_span(&mut self, store: &mut Store, key: NodeKey, reason: DropReason) {
        self.tally.dropped.add(reason, 1);
        self.leave(store, key);
    }

    /// The children of a span that will never exist go to its own parent.
    pub(super) fn hand_children_up(&mut self, key: NodeKey) {
        self.nodes[key as usize].transparent = true;
        let attach = self.nodes[key as usize].attach;
        self.move_wanted(key, attach);
        self.offer(attach);
    }

    pub(super) fn move_wanted(&mut self, from: NodeKey, to: NodeKey) {
        let mut child = std::mem::replace(&mut self.nodes[from as usize].first_wanted, NONE);
        self.nodes[from as usize].last_wanted = NONE;
        while child != NONE {
            let next = self.nodes[child as usize].next_wanted;
            self.nodes[child as usize].attach = to;
            self.nodes[child as usize].moved = true;
            self.append_wanted(child);
            child = next;
        }
    }

    /// Counts a record of a refused group that has been sent alone.
    fn judge(&mut self, key: NodeKey, refused: bool) -> Finding {
        if !std::mem::replace(&mut self.nodes[key as usize].alone, false) || self.trial.left == 0 {
            return Finding::None;
        }
        self.trial.left -= 1;
        self.trial.refused += u32::from(refused);
        if self.trial.left > 0 {
            return Finding::None;
        }
        let all_taken = std::mem::take(&mut self.trial).refused == 0;
        if all_taken && !self.single {
            self.single = true;
            return Finding::WantsSingleSpans;
        }
        Finding::None
    }

    /// The trace is complete already: what is left of it goes into a trace of this process's own (design decision D4).
    fn too_late(&mut self, store: &mut Store, step: Step, now: Duration) -> Finding {
        let trace = match step.kind {
            StepKind::CompleteTrace { trace } => {
                self.traces[trace as usize].requests -= 1;
                self.traces[trace as usize].completion = Completion::Done;
                self.look_at_trace(store, trace, now);
                return Finding::None;
            }
            StepKind::CreateTraces { .. } => return self.never(store, step, now),
            StepKind::CreateSpans { parent } => self.nodes[parent as usize].trace,
            StepKind::UpdateSpan { node } => self.nodes[node as usize].trace,
        };
        self.give_back(&step.items);
        self.traces[trace as usize].requests -= 1;
        let top = self.linked_trace(trace);
        if let StepKind::UpdateSpan { node } = step.kind {
            // It exists in the complete trace, without its end; a copy under an id of its own says how it ended.
            let id = self.nodes[node as usize].id;
            self.aliases.insert(id, Self::fresh_id());
            self.nodes[node as usize].state = State::Wanted;
            self.nodes[node as usize].attach = top;
            self.nodes[node as usize].moved = true;
            self.append_wanted(node);
        }
        self.move_to(trace, top);
        self.look_at_trace(store, trace, now);
        Finding::Linked
    }

    /// The node of the trace that takes what came too late; made at the first need.
    fn linked_trace(&mut self, key: Key) -> NodeKey {
        let trace = &self.traces[key as usize];
        if trace.linked_to.is_some() && trace.completion != Completion::Done {
            return trace.node;
        }
        let former = trace.node;
        let top = self.add(Node::new(Self::fresh_id(), key, State::Quiet));
        let trace = &mut self.traces[key as usize];
        trace.linked_to = Some(self.nodes[former as usize].id);
        trace.nodes.push(former);
        trace.node = top;
        trace.remote = false;
        trace.completion = Completion::Open;
        trace.incremental = true;
        trace.queued = false;
        top
    }

    /// Everything of a trace that has not been accepted moves under `top`; children that come later follow.
    fn move_to(&mut self, trace: Key, top: NodeKey) {
        let nodes = std::mem::take(&mut self.traces[trace as usize].nodes);
        for &key in &nodes {
            if !self.nodes[key as usize].is_accepted() {
                continue;
            }
            if matches!(self.nodes[key as usize].state, State::Done) {
                self.nodes[key as usize].transparent = true;
                self.nodes[key as usize].attach = top;
            }
            if self.nodes[key as usize].has_wanted() {
                self.move_wanted(key, top);
            }
        }
        self.traces[trace as usize].nodes = nodes;
        self.offer(top);
        self.queue_create(trace);
    }
}

impl Finding {
    /// The first of two findings that says something.
    fn or(self, other: Self) -> Self {
        if self == Self::None { other } else { self }
    }
}
