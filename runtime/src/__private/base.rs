//! `parent = ..` and `session = ..`: spans that do not stand under the running one.

use crate::context::{Context, ContextGuard, Rare};
use crate::model::Session;
use crate::span::CurrentSpan;
use http::HeaderMap;
use std::collections::{BTreeMap, HashMap};

/// The context in which a span opens when it is not the running one.
#[derive(Debug)]
pub struct Base(Context);

impl Base {
    /// The running context.
    #[cold]
    #[must_use]
    pub fn new() -> Self {
        Self(Context::current())
    }

    /// `parent = ..`; without one, the running context stays.
    #[must_use]
    pub fn parent(self, parent: &impl Parent) -> Self {
        parent.context().map_or(self, Self)
    }

    /// `session = ..`
    #[must_use]
    pub fn session(self, session: &impl SessionName) -> Self {
        let Some(session) = session.session() else { return self };
        let rare = Rare { session: Some(session), ..self.0.rare().cloned().unwrap_or_default() };
        Self(self.0.with_rare(rare))
    }

    pub(super) fn attach(&self) -> ContextGuard {
        self.0.attach()
    }
}

impl Default for Base {
    fn default() -> Self {
        Self::new()
    }
}

/// What `parent = ..` may be: a context, the current span of some place, headers, or `None` for the running context.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the parent of a span",
    label = "expected a `galileo::Context`, a `galileo::current_span()`, headers, or an `Option` of one"
)]
pub trait Parent {
    /// The context that it stands for.
    fn context(&self) -> Option<Context>;
}

impl Parent for Context {
    fn context(&self) -> Option<Context> {
        Some(self.clone())
    }
}

impl Parent for CurrentSpan {
    fn context(&self) -> Option<Context> {
        CurrentSpan::context(self)
    }
}

macro_rules! headers {
    ($($ty:ty),+) => {$(
        impl Parent for $ty {
            fn context(&self) -> Option<Context> {
                Some(Context::extract(self))
            }
        }
    )+};
}

headers!(HeaderMap, HashMap<String, String>, BTreeMap<String, String>);

impl<P: Parent + ?Sized> Parent for &P {
    fn context(&self) -> Option<Context> {
        P::context(self)
    }
}

impl<P: Parent> Parent for Option<P> {
    fn context(&self) -> Option<Context> {
        self.as_ref().and_then(P::context)
    }
}

/// What `session = ..` may be: a [`Session`], the id that the application gives it, or `None` for the one that is set.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name a session",
    label = "expected a `galileo::Session`, its external id as text, or an `Option` of one"
)]
pub trait SessionName {
    /// The session.
    fn session(&self) -> Option<Session>;
}

impl SessionName for Session {
    fn session(&self) -> Option<Session> {
        Some(self.clone())
    }
}

impl SessionName for str {
    fn session(&self) -> Option<Session> {
        Some(Session::external(self))
    }
}

impl SessionName for String {
    fn session(&self) -> Option<Session> {
        self.as_str().session()
    }
}

impl<S: SessionName + ?Sized> SessionName for &S {
    fn session(&self) -> Option<Session> {
        S::session(self)
    }
}

impl<S: SessionName> SessionName for Option<S> {
    fn session(&self) -> Option<Session> {
        self.as_ref().and_then(S::session)
    }
}
