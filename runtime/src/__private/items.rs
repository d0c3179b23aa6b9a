//! Streams and iterators that own a span: it stays open while items flow.

use super::end::End;
use super::running::Running;
use super::seen::Seen;
use futures::stream::{FusedStream, Stream};
use pin_project_lite::pin_project;
use std::fmt;
use std::iter::FusedIterator;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// The stream or iterator of an annotated function.
    ///
    /// The span opens with the first item that is asked for and ends after the last, with the first error, or when this is dropped. What
    /// comes after an error passes through unrecorded.
    pub struct Items<S, I> {
        #[pin]
        inner: Option<S>,
        span: Running,
        look: fn(&I, &mut End<'_, '_>),
        seen: Seen,
    }

    impl<S, I> PinnedDrop for Items<S, I> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.span.is_open() {
                this.span.cancel(&mut || this.inner.set(None), &mut |parts| this.seen.write(parts));
            }
        }
    }
}

impl<S, I> Items<S, I> {
    fn new(span: Running, inner: S, look: fn(&I, &mut End<'_, '_>)) -> Self {
        let seen = Seen::new(span.is_llm());
        Self { inner: Some(inner), span, look, seen }
    }
}

impl<S: Stream> Items<S, S::Item> {
    /// A stream that flows in `span`; `look` is shown each item.
    pub fn stream(span: Running, stream: S, look: fn(&S::Item, &mut End<'_, '_>)) -> Self {
        Self::new(span, stream, look)
    }
}

impl<S: Iterator> Items<S, S::Item> {
    /// An iterator that runs in `span`; `look` is shown each item.
    pub fn iterator(span: Running, iterator: S, look: fn(&S::Item, &mut End<'_, '_>)) -> Self {
        Self::new(span, iterator, look)
    }
}

/// Shows what came to the span.
fn arrived<I>(item: Option<&I>, span: &mut Running, look: fn(&I, &mut End<'_, '_>), seen: &mut Seen) {
    match item {
        Some(item) => seen.item(span, &mut |end: &mut End<'_, '_>| look(item, end)),
        None => seen.end(span),
    }
}

impl<S: Stream> Stream for Items<S, S::Item> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        // Only dropping takes the stream out.
        let Some(mut inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        if this.span.is_off() {
            return inner.poll_next(cx);
        }
        this.seen.begin();
        let mut state = Poll::Pending;
        this.span.run(&mut || state = inner.as_mut().poll_next(cx));
        let item = ready!(state);
        arrived(item.as_ref(), this.span, *this.look, this.seen);
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.as_ref().map_or((0, Some(0)), S::size_hint)
    }
}

impl<S: FusedStream> FusedStream for Items<S, S::Item> {
    fn is_terminated(&self) -> bool {
        self.inner.as_ref().is_none_or(S::is_terminated)
    }
}

impl<S: Iterator> Items<S, S::Item> {
    fn step(&mut self, next: fn(&mut S) -> Option<S::Item>) -> Option<S::Item> {
        let inner = self.inner.as_mut()?;
        if self.span.is_off() {
            return next(inner);
        }
        self.seen.begin();
        let mut item = None;
        self.span.run(&mut || item = next(inner));
        arrived(item.as_ref(), &mut self.span, self.look, &mut self.seen);
        item
    }
}

impl<S: Iterator> Iterator for Items<S, S::Item> {
    type Item = S::Item;

    fn next(&mut self) -> Option<S::Item> {
        self.step(S::next)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.as_ref().map_or((0, Some(0)), S::size_hint)
    }
}

impl<S: DoubleEndedIterator> DoubleEndedIterator for Items<S, S::Item> {
    fn next_back(&mut self) -> Option<S::Item> {
        self.step(S::next_back)
    }
}

impl<S: ExactSizeIterator> ExactSizeIterator for Items<S, S::Item> {}

impl<S: FusedIterator> FusedIterator for Items<S, S::Item> {}

impl<S, I> fmt::Debug for Items<S, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items").finish_non_exhaustive()
    }
}

/// Tells the compiler what a stream yields.
#[inline(always)]
pub fn streams<T, S: Stream<Item = T>>(stream: S) -> S {
    stream
}

/// Tells the compiler what an iterator yields.
#[inline(always)]
pub fn iterates<T, S: Iterator<Item = T>>(iterator: S) -> S {
    iterator
}
