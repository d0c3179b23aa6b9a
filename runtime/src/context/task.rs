//! Futures that carry a context: it is the thread's while they are polled.

use super::Context;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll};

pin_project! {
    /// A future that runs in a context of its own. Made by [`InContext`] and [`InCurrentContext`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct WithContext<F> {
        #[pin]
        inner: Option<F>,
        context: Context,
    }

    impl<F> PinnedDrop for WithContext<F> {
        fn drop(this: Pin<&mut Self>) {
            // What the future owns may be spans; they end where they ran.
            let mut this = this.project();
            let _guard = this.context.attach();
            this.inner.set(None);
        }
    }
}

impl<F: Future> Future for WithContext<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _guard = this.context.attach();
        match this.inner.as_pin_mut() {
            Some(future) => future.poll(cx),
            None => Poll::Pending,
        }
    }
}

/// Runs a future in a given context.
pub trait InContext: Sized {
    /// The future, polled in `context`.
    fn in_context(self, context: Context) -> WithContext<Self> {
        WithContext { inner: Some(self), context }
    }
}

impl<F: Future> InContext for F {}

/// Runs a future in the context in which it was made; for executors that know nothing of contexts.
pub trait InCurrentContext: Sized {
    /// The future, polled in the context that is current now.
    fn in_current_context(self) -> WithContext<Self> {
        WithContext { inner: Some(self), context: Context::current() }
    }
}

impl<F: Future> InCurrentContext for F {}
