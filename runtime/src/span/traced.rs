//! A future that owns a span: opened at its first poll, current during each poll, ended with its result or when it is dropped.

use super::Span;
use super::open::{Opened, dynamic_callsite, open};
use crate::context::Rare;
use crate::context::active;
use crate::model::{Callsite, Outcome, Parts};
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
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
        state: State,
    }

    impl<F, C, O> PinnedDrop for Traced<F, C, O>
    where
        F: Future,
        C: FnOnce(&mut Parts<'_>),
        O: FnOnce(&F::Output, &mut Parts<'_>) -> Outcome,
    {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let State::Open(opened, rare) = std::mem::replace(this.state, State::Ended) {
                let panicking = std::thread::panicking();
                let previous = active::swap((opened.active, rare));
                this.inner.set(None);
                active::swap(previous);
                opened.close(if panicking { Outcome::Panic } else { Outcome::Cancelled }, |_| {});
            }
        }
    }
}

enum State {
    Waiting,
    /// The span with the rare values of its context.
    Open(Opened, Option<Arc<Rare>>),
    Ended,
}

impl<F, C, O> Traced<F, C, O>
where
    F: Future,
    C: FnOnce(&mut Parts<'_>),
    O: FnOnce(&F::Output, &mut Parts<'_>) -> Outcome,
{
    /// `capture` writes the input at the first poll, `outcome` the output at the end.
    #[inline]
    pub fn new(site: &'static Callsite, inner: F, capture: C, outcome: O) -> Self {
        Self { inner: Some(inner), site, capture: Some(capture), outcome: Some(outcome), state: State::Waiting }
    }
}

impl<F, C, O> Future for Traced<F, C, O>
where
    F: Future,
    C: FnOnce(&mut Parts<'_>),
    O: FnOnce(&F::Output, &mut Parts<'_>) -> Outcome,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let Some(future) = this.inner.as_mut().as_pin_mut() else { return Poll::Pending };
        if let State::Waiting = this.state {
            let (parent, rare) = active::current();
            let capture = this.capture.take();
            let opened = open(this.site, parent, rare.as_deref(), |parts| {
                if let Some(capture) = capture {
                    capture(parts);
                }
            });
            *this.state = State::Open(opened, rare);
        }
        let State::Open(opened, rare) = this.state else { return future.poll(cx) };
        let output = {
            let _inside = Inside::new(opened, rare);
            ready!(future.poll(cx))
        };
        let opened = *opened;
        *this.state = State::Ended;
        let outcome = this.outcome.take();
        if opened.recorded {
            // The outcome is known only after the output was looked at, and both go into one record.
            let mut kind = Outcome::Ok;
            let mut bytes = Vec::new();
            if let Some(outcome) = outcome {
                kind = outcome(&output, &mut Parts::new(&mut bytes));
            }
            opened.close(kind, |parts| parts.append(&bytes));
        }
        Poll::Ready(output)
    }
}

/// The thread's context is the span's while this lives; what the future changed in the rare values is kept for its next poll.
struct Inside<'a> {
    previous: Option<active::Slot>,
    rare: &'a mut Option<Arc<Rare>>,
}

impl<'a> Inside<'a> {
    #[inline]
    fn new(opened: &Opened, rare: &'a mut Option<Arc<Rare>>) -> Self {
        let previous = active::swap((opened.active, rare.take()));
        Self { previous: Some(previous), rare }
    }
}

impl Drop for Inside<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(previous) = self.previous.take() {
            *self.rare = active::swap(previous).1;
        }
    }
}

/// Runs a future in a span made by a builder.
pub trait InSpan: Future + Sized {
    /// The future, which owns `span`; it opens at the first poll.
    fn in_span(self, span: Span) -> impl Future<Output = Self::Output> {
        let site = dynamic_callsite(span.span_type());
        Traced::new(site, self, move |parts| span.write(parts), |_, _| Outcome::Ok)
    }
}

impl<F: Future> InSpan for F {}
