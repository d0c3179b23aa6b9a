//! Futures and streams that carry a context: it is the thread's while they are polled.

use super::{Context, active};
use futures::Stream;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll};

pin_project! {
    /// A future or stream that runs in a context of its own. Made by [`InContext`] and [`InCurrentContext`].
    #[derive(Debug)]
    #[must_use = "futures and streams do nothing unless polled"]
    pub struct WithContext<F> {
        #[pin]
        inner: Option<F>,
        context: Context,
    }

    impl<F> PinnedDrop for WithContext<F> {
        fn drop(this: Pin<&mut Self>) {
            // What the future owns may be spans; they end where they ran.
            let mut this = this.project();
            let _inside = Inside::new(this.context);
            this.inner.set(None);
        }
    }
}

impl<F: Future> Future for WithContext<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _inside = Inside::new(this.context);
        match this.inner.as_pin_mut() {
            Some(future) => future.poll(cx),
            None => Poll::Pending,
        }
    }
}

impl<S: Stream> Stream for WithContext<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        let _inside = Inside::new(this.context);
        match this.inner.as_pin_mut() {
            Some(stream) => stream.poll_next(cx),
            None => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.as_ref().map_or((0, Some(0)), Stream::size_hint)
    }
}

/// The thread's context is the given one while this lives; a session that the code inside sets is kept for the next poll.
struct Inside<'a> {
    previous: Option<active::Slot>,
    context: &'a mut Context,
}

impl<'a> Inside<'a> {
    fn new(context: &'a mut Context) -> Self {
        let previous = active::swap((context.active, context.rare.take()));
        Self { previous: Some(previous), context }
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        if let Some(previous) = self.previous.take() {
            (self.context.active, self.context.rare) = active::swap(previous);
        }
    }
}

/// Runs a future or a stream in a given context.
///
/// ```
/// use futures::executor::block_on;
/// use galileo::{Context, InContext};
///
/// let tagged = Context::current().with_tag("beta");
/// let tags = async { Context::current().rare().map(|r| r.tags.len()) }.in_context(tagged);
/// assert_eq!(block_on(tags), Some(1));
/// assert!(Context::current().rare().is_none());
/// ```
pub trait InContext: Sized {
    /// The future or stream, polled in `context`.
    fn in_context(self, context: Context) -> WithContext<Self> {
        WithContext { inner: Some(self), context }
    }
}

impl<F> InContext for F {}

/// Runs a future or a stream in the context in which it was made; for executors that know nothing of contexts.
///
/// ```
/// use galileo::InCurrentContext;
///
/// let work = async { 1 + 1 }.in_current_context();
/// assert_eq!(futures::executor::block_on(work), 2);
/// ```
pub trait InCurrentContext: Sized {
    /// The future or stream, polled in the context that is current now.
    fn in_current_context(self) -> WithContext<Self> {
        WithContext { inner: Some(self), context: Context::current() }
    }
}

impl<F> InCurrentContext for F {}
