//! The value "which trace, which span am I in".
//!
//! A [`Context`] is immutable and is carried by the thread while a function runs and by a future while it is polled. It is never a
//! shared stack: two requests that run at once cannot see each other's spans.
//!
//! Invariant: ids and flags are copied, never counted; what is rare (a session, received headers) lies behind one `Arc` that
//! entering a span does not touch.

pub(crate) mod active;
mod headers;
mod rare;
mod task;
#[cfg(test)]
mod tests;

pub use headers::{NoHeaders, get_tracing_headers, try_get_tracing_headers};
pub use rare::{Rare, Remote, RemoteKind};
pub use task::{InContext, InCurrentContext, WithContext};

use crate::model::{SpanId, TraceId};
use active::Active;
use std::marker::PhantomData;
use std::sync::Arc;

/// The value "which trace, which span am I in": cheap to clone, free to send to another thread.
///
/// While a `Context` that names a trace exists, the trace is not completed, so that work which starts later still belongs to it.
#[derive(Clone, Debug, Default)]
pub struct Context {
    pub(crate) active: Active,
    pub(crate) rare: Option<Arc<Rare>>,
    hold: Option<Arc<Hold>>,
}

impl Context {
    /// The context of the running function; an empty one outside any span.
    pub fn current() -> Self {
        let (active, rare) = active::current();
        Self { active, rare, hold: Hold::on(active) }
    }

    /// The context in which no trace runs: a span opened in it begins one.
    pub fn root() -> Self {
        Self::default()
    }

    /// The context of a parent in another process.
    pub fn from_remote(remote: Remote) -> Self {
        let active = Active::remote(&remote);
        let rare = Some(Arc::new(Rare { remote: Some(remote), ..Rare::default() }));
        Self { active: active.with_rare(true), rare, hold: None }
    }

    /// The context of an open span, which keeps the trace open by itself.
    pub(crate) fn from_slot((active, rare): active::Slot) -> Self {
        Self { active, rare, hold: None }
    }

    /// Ids, flags and rare values.
    pub(crate) fn slot(&self) -> active::Slot {
        (self.active, self.rare.clone())
    }

    /// The same context with other rare values: session, received headers, inherited tags.
    #[must_use]
    pub fn with_rare(mut self, rare: Rare) -> Self {
        self.active = self.active.with_rare(true);
        self.rare = Some(Arc::new(rare));
        self
    }

    /// The rare values, if there are any.
    pub fn rare(&self) -> Option<&Rare> {
        self.rare.as_deref()
    }

    /// The trace, if there is one.
    pub fn trace_id(&self) -> Option<TraceId> {
        (!self.active.trace.is_none()).then_some(self.active.trace)
    }

    /// The current span, if one is open (here or, for a received context, in the service that called).
    pub fn span_id(&self) -> Option<SpanId> {
        (!self.active.span.is_none()).then_some(self.active.span)
    }

    /// Makes this the thread's context until the guard is dropped.
    pub fn attach(&self) -> ContextGuard {
        ContextGuard { previous: Some(active::swap((self.active, self.rare.clone()))), not_send: PhantomData }
    }

    /// A closure that runs `f` in this context, on whatever thread it is called.
    pub fn wrap<A, R>(self, f: impl FnOnce(A) -> R) -> impl FnOnce(A) -> R {
        move |argument| {
            let _guard = self.attach();
            f(argument)
        }
    }
}

/// Restores the thread's former context when dropped. Drop guards in the reverse order of their making.
#[must_use = "the context is detached again when this is dropped"]
#[derive(Debug)]
pub struct ContextGuard {
    previous: Option<active::Slot>,
    not_send: PhantomData<*const ()>,
}

impl Drop for ContextGuard {
    fn drop(&mut self) {
        if let Some(previous) = self.previous.take() {
            active::swap(previous);
        }
    }
}

/// Keeps a trace open on the worker's side while a public context names it.
#[derive(Debug)]
struct Hold(TraceId);

impl Hold {
    fn on(active: Active) -> Option<Arc<Self>> {
        if active.trace.is_none() || !active.is_recorded() {
            return None;
        }
        active::report(crate::pipeline::record::Kind::Hold, active.trace, SpanId::NONE);
        Some(Arc::new(Self(active.trace)))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        active::report(crate::pipeline::record::Kind::Release, self.0, SpanId::NONE);
    }
}
