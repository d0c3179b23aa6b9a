//! The value "which trace, which span am I in".
//!
//! A [`Context`] is immutable and is carried by the thread while a function runs and by a future while it is polled. It is never a
//! shared stack: two requests that run at once cannot see each other's spans.
//!
//! Invariant: ids and flags are copied, never counted; what is rare (a session, received headers) lies behind one `Arc` that
//! entering a span does not touch.

pub(crate) mod active;
mod headers;
pub(crate) mod lineage;
#[cfg(any(feature = "opentelemetry", feature = "tracing"))]
#[cfg_attr(not(feature = "tracing"), allow(dead_code, reason = "only `tracing` hears of every span"))]
pub(crate) mod neighbour;
mod process;
mod rare;
#[cfg(feature = "tokio")]
mod spawn;
mod task;
#[cfg(test)]
mod tests;

pub use headers::{NoHeaders, get_tracing_headers, try_get_tracing_headers};
pub use process::CommandExt;
pub use rare::{Rare, Remote, RemoteKind};
#[cfg(feature = "tokio")]
pub use spawn::{spawn, spawn_blocking};
pub use task::{InContext, InCurrentContext, WithContext};

use crate::model::{Dataset, Session, SpanId, TraceId};
use active::Active;
use std::marker::PhantomData;
use std::sync::Arc;

/// The value "which trace, which span am I in": cheap to clone, free to send to another thread.
///
/// While a `Context` that names a trace exists, the trace completes only after it has been quiet for the linger time (two seconds unless
/// set otherwise) instead of at once, so that work which starts a little later is still sent under it. Later work is sent as well, in a trace
/// that is linked to this one when the backend asks for that.
///
/// ```
/// use galileo::Context;
///
/// // Nothing runs here, so the context names no trace. It can be carried and attached all the same.
/// let context = Context::current();
/// assert_eq!(context.trace_id(), None);
/// let sum = std::thread::spawn(context.wrap(|| 1 + 1)).join().unwrap_or_default();
/// assert_eq!(sum, 2);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Context {
    pub(crate) active: Active,
    pub(crate) rare: Option<Arc<Rare>>,
    /// Read by nobody: it keeps the trace from completing while it lives.
    _hold: Option<Arc<Hold>>,
}

impl Context {
    /// The context of the running function; an empty one outside any span.
    pub fn current() -> Self {
        let (active, rare) = active::current();
        Self { active, rare, _hold: Hold::on(active) }
    }

    /// The context in which no trace runs: a span opened in it begins one.
    ///
    /// ```
    /// assert_eq!(galileo::Context::root().trace_id(), None);
    /// ```
    pub fn root() -> Self {
        Self::default()
    }

    /// The context of a parent in another process.
    ///
    /// Whether its spans are recorded is the caller's decision where the sampler is parent-based, else that of the sampler.
    pub fn from_remote(remote: Remote) -> Self {
        let active = Active::remote(&remote);
        let rare = Some(Arc::new(Rare { remote: Some(remote), ..Rare::default() }));
        Self { active: active.with_rare(true), rare, _hold: None }
    }

    /// The context of the running function for the time of a call: it does not keep the trace open.
    pub(crate) fn running() -> Self {
        Self::from_slot(active::current())
    }

    /// The context of an open span, which keeps the trace open by itself.
    pub(crate) fn from_slot((active, rare): active::Slot) -> Self {
        Self { active, rare, _hold: None }
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

    /// The same context for traces of this session; a text is your application's own id of it. Traces that have begun are not moved.
    ///
    /// ```
    /// use galileo::Context;
    ///
    /// let context = Context::current().with_session("chat-42");
    /// let name = context.rare().and_then(|r| r.session.as_ref()).and_then(|s| s.external_id.as_deref());
    /// assert_eq!(name, Some("chat-42"));
    /// ```
    #[must_use]
    pub fn with_session(self, session: impl Into<Session>) -> Self {
        self.change(|rare| rare.session = Some(session.into()))
    }

    /// The same context for traces that answer this row of a dataset. Traces that have begun keep theirs.
    #[must_use]
    pub fn with_dataset(self, dataset: Dataset) -> Self {
        self.change(|rare| rare.dataset = Some(dataset))
    }

    /// The same context with a tag that every span below gets.
    ///
    /// ```
    /// use galileo::Context;
    ///
    /// let context = Context::current().with_tag("beta").with_metadata("tenant", "acme");
    /// assert_eq!(context.rare().map(|r| r.tags.clone()), Some(vec!["beta".to_owned()]));
    /// ```
    #[must_use]
    pub fn with_tag(self, tag: impl Into<String>) -> Self {
        self.change(|rare| rare.tags.push(tag.into()))
    }

    /// The same context with a metadata entry that every span below gets.
    #[must_use]
    pub fn with_metadata(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let key = key.into();
        self.change(|rare| {
            rare.metadata.retain(|(k, _)| *k != key);
            rare.metadata.push((key, value.into()));
        })
    }

    fn change(mut self, change: impl FnOnce(&mut Rare)) -> Self {
        change(Arc::make_mut(self.rare.get_or_insert_default()));
        self.active = self.active.with_rare(true);
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

    /// Whether spans opened in this context are recorded, as far as that is decided: a trace that has not begun may still be left out.
    pub fn is_sampled(&self) -> bool {
        self.active.is_recorded()
    }

    /// Makes this the thread's context until the guard is dropped.
    ///
    /// Not across an `.await`: a future gets its context by [`InContext::in_context`].
    ///
    /// ```
    /// use galileo::Context;
    ///
    /// let tagged = Context::current().with_tag("beta");
    /// let guard = tagged.attach();
    /// assert!(Context::current().rare().is_some());
    /// drop(guard);
    /// assert!(Context::current().rare().is_none());
    /// ```
    pub fn attach(&self) -> ContextGuard {
        ContextGuard { previous: Some(active::swap(self.slot())), not_send: PhantomData }
    }

    /// A closure that runs `f` in this context, on whatever thread it is called: for `std::thread::spawn` and pools that take jobs.
    pub fn wrap<R>(self, f: impl FnOnce() -> R) -> impl FnOnce() -> R {
        move || {
            let _guard = self.attach();
            f()
        }
    }

    /// A closure that runs `f` in this context each time it is called: for pools that map items, such as rayon's.
    ///
    /// ```
    /// use galileo::Context;
    ///
    /// let double = Context::current().wrap_fn(|n: u32| n * 2);
    /// assert_eq!([1, 2].map(&double), [2, 4]);
    /// ```
    pub fn wrap_fn<A, R>(self, f: impl Fn(A) -> R) -> impl Fn(A) -> R {
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
