//! The runs above an open span, for LangSmith's dotted order, which names every one of them with its start.
//!
//! A context holds one span and no ancestors, which is all that the other formats need. So this book is kept only while LangSmith's
//! headers are written, and costs one load and nothing else otherwise.

use super::active::Active;
use super::{Rare, Remote};
use crate::model::SpanId;
use crate::propagation::{DottedOrder, LangSmithContext, writes_langsmith};
use once_cell::sync::Lazy;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Spans that are open at once and known here; what is opened beyond that has no ancestors.
const MOST: usize = 100_000;

/// An open span, and those above it as far as they were open when it was.
struct Run {
    span: SpanId,
    started_micros: u64,
    above: Option<Arc<Run>>,
}

static OPEN: Lazy<Mutex<HashMap<SpanId, Arc<Run>>>> = Lazy::new(Mutex::default);

fn open_runs() -> MutexGuard<'static, HashMap<SpanId, Arc<Run>>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the book is kept.
#[inline(always)]
pub(crate) fn is_kept() -> bool {
    writes_langsmith()
}

/// A span was opened under `parent` at a time in nanoseconds.
#[inline(always)]
pub(crate) fn opened(span: SpanId, parent: SpanId, time: u64) {
    if writes_langsmith() {
        enter(span, parent, time);
    }
}

/// A span was closed.
#[inline(always)]
pub(crate) fn closed(span: SpanId) {
    if writes_langsmith() {
        leave(span);
    }
}

#[cold]
fn enter(span: SpanId, parent: SpanId, time: u64) {
    let mut runs = open_runs();
    if runs.len() < MOST {
        let above = runs.get(&parent).cloned();
        runs.insert(span, Arc::new(Run { span, started_micros: time / 1_000, above }));
    }
}

#[cold]
fn leave(span: SpanId) {
    open_runs().remove(&span);
}

/// What LangSmith's headers say of `active`: the received runs, or else the trace as the root run, and then the open spans of this
/// process down to the one that headers name. Tags and metadata are those that every span inherits.
pub(super) fn outgoing(active: Active, rare: Option<&Rare>) -> Option<LangSmithContext> {
    let received = rare.and_then(|rare| rare.remote.as_ref()).and_then(|remote: &Remote| remote.langsmith.as_ref());
    let known = open_runs().get(&active.anchor).cloned();
    let mut runs = Vec::new();
    let mut next = known.as_ref();
    while let Some(run) = next {
        runs.push((run.started_micros, run.span));
        next = run.above.as_ref();
    }
    runs.reverse();
    let order = match (received, runs.first()) {
        (Some(received), _) => received.dotted_order.clone(),
        (None, Some((started, _))) => DottedOrder::root(*started, active.trace.to_bytes()),
        // Nothing of ours is open and nobody named a run: there is nothing to continue.
        (None, None) => return None,
    };
    // A trace that was begun without a span is its own root run already.
    let below = runs.into_iter().filter(|(_, span)| span.to_bytes() != active.trace.to_bytes());
    let mut context =
        LangSmithContext::new(below.fold(order, |order, (time, span)| order.child(time, span.to_bytes())));
    if let Some(received) = received {
        context.metadata = received.metadata.clone();
        context.project = received.project.clone();
    }
    if let Some(rare) = rare {
        context.tags = rare.tags.clone();
        for (key, value) in &rare.metadata {
            context.metadata.entry(key.clone()).or_insert_with(|| value.as_str().into());
        }
    }
    Some(context)
}
