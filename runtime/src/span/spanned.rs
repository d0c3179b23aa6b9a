//! Futures and streams in a span made by a builder.

use super::builder::Span;
use super::held::Held;
use crate::model::Outcome;
use futures::Stream;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll, ready};

pin_project! {
    /// A future or stream that owns a span. Made by [`InSpan`].
    ///
    /// Dropped before its end, the span ends as cancelled, after everything that was owned.
    #[must_use = "futures and streams do nothing unless polled"]
    pub struct Spanned<F> {
        #[pin]
        inner: Option<F>,
        span: Option<Span>,
        held: Held,
    }

    impl<F> PinnedDrop for Spanned<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            this.held.abandon(|| this.inner.set(None), |_| {});
        }
    }
}

/// Opens the span at the first poll, unless nobody recorded when it was built.
fn begin(held: &mut Held, span: &mut Option<Span>) {
    if let Some(span) = span.take()
        && span.is_wanted()
    {
        held.open(span.site(), |parts| span.write(parts));
    }
}

impl<F: Future> Future for Spanned<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let Some(future) = this.inner.as_pin_mut() else { return Poll::Pending };
        begin(this.held, this.span);
        let output = ready!(this.held.step(|| future.poll(cx)));
        this.held.close(|_| Outcome::Ok);
        Poll::Ready(output)
    }
}

impl<S: Stream> Stream for Spanned<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        let Some(stream) = this.inner.as_pin_mut() else { return Poll::Ready(None) };
        begin(this.held, this.span);
        let item = ready!(this.held.step(|| stream.poll_next(cx)));
        if item.is_none() {
            this.held.close(|_| Outcome::Ok);
        }
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.as_ref().map_or((0, Some(0)), Stream::size_hint)
    }
}

/// Runs a future or a stream in a span made by a builder.
///
/// The span opens at the first poll, under the context of that poll unless the builder was given a parent. It is the current one during
/// each poll and ends with the future or stream; what goes in and out is added by the builder and by [`crate::current_span`].
///
/// ```
/// use futures::executor::block_on;
/// use galileo::{InSpan, Span, current_span};
///
/// let answer = async {
///     current_span().set_output("42");
///     42
/// };
/// assert_eq!(block_on(answer.in_span(Span::llm("ask").input("6 x 7?"))), 42);
/// ```
pub trait InSpan: Sized {
    /// The future or stream, which owns `span`.
    fn in_span(self, mut span: Span) -> Spanned<Self> {
        let held = match span.take_parent() {
            Some(parent) => Held::under(parent.slot()),
            None => Held::new(),
        };
        Spanned { inner: Some(self), span: Some(span), held }
    }
}

impl<F> InSpan for F {}
