//! One current span for both systems.
//!
//! Each thread keeps a stack of what one side took over from the other. What OpenTelemetry made current is *adopted* when our context is
//! read or changed; what we made current is *attached* over there at once. So OpenTelemetry's current span is always the innermost one.

use super::open::{self, Key};
use crate::context::active::{self, Active, Slot};
use crate::context::neighbour::{self, Neighbour};
use crate::context::{Context, Rare, Remote, RemoteKind};
use crate::model::{SpanId, TraceId};
use crate::propagation::{TraceFlags, TraceState, Traceparent, W3cContext};
use opentelemetry::trace::{self as otel, SpanContext, TraceContextExt};
use opentelemetry::{Context as OtelContext, ContextGuard};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Shares the current span from here on, for the rest of the process.
pub(super) fn share() {
    neighbour::install(&OpenTelemetry);
}

struct OpenTelemetry;

/// Our context inside of OpenTelemetry's: wherever that is carried, ours comes along.
#[derive(Clone)]
struct Ours {
    key: Key,
    slot: Slot,
}

enum Frame {
    /// OpenTelemetry's span, which became ours; what was ours before it.
    Adopted { key: Key, span: SpanId, replaced: Slot },
    /// Our span, which became OpenTelemetry's; what was ours before it.
    Attached { key: Option<Key>, span: SpanId, before: SpanId, _guard: ContextGuard },
}

impl Frame {
    fn key(&self) -> Option<Key> {
        match self {
            Self::Adopted { key, .. } => Some(*key),
            Self::Attached { key, .. } => *key,
        }
    }
}

thread_local! {
    /// OpenTelemetry is calling us and holds its own context.
    static CALLED: Cell<bool> = const { Cell::new(false) };
    static FRAMES: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
}

/// Shows the stack to `change` unless it is being changed already; what is taken off is dropped afterwards, because guards run foreign code.
fn with_frames(change: impl FnOnce(&mut Vec<Frame>, &mut Vec<Frame>)) {
    let mut off = Vec::new();
    let _ = FRAMES.try_with(|frames| {
        if let Ok(mut frames) = frames.try_borrow_mut() {
            change(&mut frames, &mut off);
        }
    });
}

/// Runs what OpenTelemetry calls: it holds its context meanwhile, and what is current does not change by it.
pub(super) fn called<R>(work: impl FnOnce() -> R) -> R {
    let before = CALLED.replace(true);
    let result = work();
    CALLED.set(before);
    result
}

impl Neighbour for OpenTelemetry {
    fn name(&self) -> &'static str {
        "opentelemetry"
    }

    fn arrive(&self) {
        if CALLED.get() {
            return;
        }
        let now = OtelContext::map_current(|cx| Key::of(cx.span().span_context()));
        with_frames(|frames, _| {
            let known = now.is_none() || frames.iter().any(|frame| frame.key() == now);
            while known
                && let Some(Frame::Adopted { key, .. }) = frames.last()
                && Some(*key) != now
            {
                // It is current no longer.
                if let Some(Frame::Adopted { replaced, .. }) = frames.pop() {
                    active::swap_unseen(replaced);
                }
            }
            if let Some(key) = now
                && frames.last().and_then(Frame::key) != now
            {
                let slot = OtelContext::map_current(|cx| slot_of(cx, key));
                let span = slot.0.span;
                frames.push(Frame::Adopted { key, span, replaced: active::swap_unseen(slot) });
            }
        });
    }

    fn moved(&self, old: Active, new: Active) {
        if CALLED.get() {
            return;
        }
        with_frames(|frames, off| {
            let entered = frames.iter().map(|frame| match frame {
                Frame::Attached { span, before, .. } => (*span, Some(*before)),
                Frame::Adopted { span, .. } => (*span, None),
            });
            match neighbour::kept(entered, new.span) {
                Some(kept) => off.extend(frames.drain(kept..)),
                None if new.trace.is_none() && frames.is_empty() => {}
                None => {
                    let slot = active::current_unseen();
                    let (key, context) = attached(&slot);
                    // It refuses by a panic inside of its own `map_current`, where nothing can be attached.
                    if let Ok(guard) = catch_unwind(AssertUnwindSafe(|| context.attach())) {
                        frames.push(Frame::Attached { key, span: new.span, before: old.span, _guard: guard });
                    }
                }
            }
            // The innermost first, as they were made.
            off.reverse();
        });
    }
}

/// OpenTelemetry's context in which our span is the current one; without a trace, one in which none is.
fn attached(slot: &Slot) -> (Option<Key>, OtelContext) {
    let (active, rare) = slot;
    if active.trace.is_none() {
        return (None, OtelContext::map_current(|cx| cx.with_remote_span_context(SpanContext::empty_context())));
    }
    let remote = rare.as_deref().and_then(|rare| rare.remote.as_ref());
    let received = remote.filter(|_| !active.is_local()).and_then(Remote::w3c_parent_id);
    let span = match received {
        Some(parent) => parent,
        None if active.span.is_none() => active.trace.w3c_parent(),
        None => open::name(active.span),
    };
    let key = Key { trace: remote.map_or_else(|| active.trace.to_bytes(), Remote::w3c_trace_id), span };
    let flags = if active.is_recorded() { otel::TraceFlags::SAMPLED } else { otel::TraceFlags::default() };
    let context = SpanContext::new(
        otel::TraceId::from_bytes(key.trace),
        otel::SpanId::from_bytes(key.span),
        flags,
        !active.is_local(),
        otel::TraceState::default(),
    );
    let ours = Ours { key, slot: slot.clone() };
    (Some(key), OtelContext::map_current(|cx| cx.with_remote_span_context(context).with_value(ours)))
}

/// Our context for OpenTelemetry's, whose current span is `key`.
fn slot_of(cx: &OtelContext, key: Key) -> Slot {
    if let Some(ours) = cx.get::<Ours>().filter(|ours| ours.key == key) {
        return ours.slot.clone();
    }
    open::context(key).unwrap_or_else(|| foreign(key, key.span, cx.span().span_context().is_sampled()))
}

/// The parent that OpenTelemetry's context names; without one, the beginning of the trace `root`.
pub(super) fn parent(cx: &OtelContext, root: [u8; 16]) -> Context {
    Context::from_slot(match Key::of(cx.span().span_context()) {
        Some(key) => slot_of(cx, key),
        None => foreign(Key { trace: root, span: [0; 8] }, [0; 8], true),
    })
}

/// A context for a span that is not of this process, or is over; what the running one inherits goes on.
fn foreign(key: Key, parent: [u8; 8], sampled: bool) -> Slot {
    let flags = TraceFlags::default().with_sampled(sampled);
    let traceparent = Traceparent { trace_id: key.trace, parent_id: parent, flags };
    let remote = Remote {
        trace: TraceId::from_w3c(key.trace),
        kind: RemoteKind::Foreign,
        sampled,
        w3c: Some(W3cContext { traceparent, tracestate: TraceState::default() }),
        langsmith: None,
    };
    let inherited = active::current_unseen().1;
    let rare = Rare { remote: None, ..inherited.as_deref().cloned().unwrap_or_default() };
    Context::from_remote(remote.clone()).with_rare(Rare { remote: Some(remote), ..rare }).slot()
}
