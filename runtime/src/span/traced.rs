//! A future that owns a span: opened at its first poll, current during each poll, ended with its result or when it is dropped.

use super::held::Held;
use crate::context::Context;
use crate::model::{Callsite, Outcome, Parts};
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll, ready};

pin_project! {
    /// A future that owns a span.
    ///
    /// Dropped before its end, the span ends as cancelled, after everything that the future owned.
    #[must_use = "futures do nothing unless polled"]
    pub struct Traced<F, C, O>
    where
        F: Future,
        C: FnOnce(&mut Parts<'_>),
        O: FnOnce(&F::Output, &mut Parts<'_>) -> Outcome,
    {
        #[pin]
        inner: Option<F>,
        site: &'static Callsite,
        capture: Option<C>,
        outcome: Option<O>,
        held: Held,
    }

    impl<F, C, O> PinnedDrop for Traced<F, C, O>
    where
        F: Future,
        C: FnOnce(&mut Parts<'_>),
        O: FnOnce(&F::Output, &mut Parts<'_>) -> Outcome,
    {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            this.held.abandon(|| this.inner.set(None), |_| {});
        }
    }
}

impl<F, C, O> Traced<F, C, O>
where
    F: Future,
    C: FnOnce(&mut Parts<'_>),
    O: FnOnce(&F::Output, &mut Parts<'_>) -> Outcome,
{
    /// `capture` writes the input at the first poll, `outcome` the output at the end. The parent is the context of the first poll.
    #[inline]
    pub fn new(site: &'static Callsite, inner: F, capture: C, outcome: O) -> Self {
        Self { inner: Some(inner), site, capture: Some(capture), outcome: Some(outcome), held: Held::new() }
    }

    /// The same future, whose span opens under `parent`.
    pub fn under(mut self, parent: &Context) -> Self {
        self.held = Held::under(parent.slot());
        self
    }
}

impl<F, C, O> Future for Traced<F, C, O>
where
    F: Future,
    C: FnOnce(&mut Parts<'_>),
    O: FnOnce(&F::Output, &mut Parts<'_>) -> Outcome,
{
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let Some(future) = this.inner.as_mut().as_pin_mut() else { return Poll::Pending };
        if this.held.is_waiting()
            && let Some(capture) = this.capture.take()
        {
            this.held.open(this.site, capture);
        }
        let output = ready!(this.held.step(|| future.poll(cx)));
        if let Some(outcome) = this.outcome.take() {
            this.held.close(|parts| outcome(&output, parts));
        }
        Poll::Ready(output)
    }
}
