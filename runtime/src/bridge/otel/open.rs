//! The spans of OpenTelemetry that are open, by both of their names.

use crate::context::active::Slot;
use crate::model::SpanId;
use once_cell::sync::Lazy;
use opentelemetry::trace::SpanContext;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What OpenTelemetry calls a span: the ids of its trace and of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) trace: [u8; 16],
    pub(super) span: [u8; 8],
}

impl Key {
    /// The key of a span that has one.
    pub(super) fn of(context: &SpanContext) -> Option<Self> {
        context.is_valid().then(|| Self { trace: context.trace_id().to_bytes(), span: context.span_id().to_bytes() })
    }

    /// What we call the span.
    pub(super) fn span_id(self) -> SpanId {
        SpanId::from_w3c(self.trace, self.span)
    }
}

#[derive(Default)]
struct Open {
    contexts: HashMap<Key, Slot>,
    /// Those whose id here does not end in their id there.
    names: HashMap<SpanId, [u8; 8]>,
}

static OPEN: Lazy<Mutex<Open>> = Lazy::new(Mutex::default);

fn lock() -> MutexGuard<'static, Open> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A span was opened, with this context inside.
pub(super) fn insert(key: Key, inside: Slot) {
    let mut open = lock();
    let span = inside.0.span;
    if span.w3c() != key.span {
        open.names.insert(span, key.span);
    }
    open.contexts.insert(key, inside);
}

/// It has ended.
pub(super) fn remove(key: Key) {
    let mut open = lock();
    let removed = open.contexts.remove(&key);
    if let Some((active, _)) = &removed {
        open.names.remove(&active.span);
    }
    // The context is dropped after the lock.
    drop(open);
}

/// The context inside an open span.
pub(super) fn context(key: Key) -> Option<Slot> {
    lock().contexts.get(&key).cloned()
}

/// What OpenTelemetry calls a span of ours.
pub(super) fn name(span: SpanId) -> [u8; 8] {
    lock().names.get(&span).copied().unwrap_or_else(|| span.w3c())
}
