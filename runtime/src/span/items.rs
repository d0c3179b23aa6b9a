//! Streams and iterators that own a span: it stays open while items flow.

use super::held::Held;
use crate::context::Context;
use crate::model::{Callsite, Outcome, Parts, clock};
use futures::Stream;
use pin_project_lite::pin_project;
use std::pin::Pin;
use std::task::{self, Poll, ready};
use std::time::Duration;

/// Looks at the items of a traced stream or iterator as they pass.
pub trait ItemSink<T> {
    /// One item passes. An outcome ends the span with it; what follows passes unrecorded.
    fn item(&mut self, item: &T) -> Option<Outcome>;

    /// The span ends; writes what was gathered.
    fn finish(&mut self, flow: Flow, parts: &mut Parts<'_>);
}

/// How the items flowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// How many there were.
    pub items: u64,
    /// From the opening of the span to the first of them.
    pub first_after: Option<Duration>,
}

/// A span, the sink of its items, and their count.
struct Record<C, I> {
    site: &'static Callsite,
    capture: Option<C>,
    sink: I,
    held: Held,
    flow: Flow,
    opened_at: u64,
}

impl<C: FnOnce(&mut Parts<'_>), I> Record<C, I> {
    fn new(site: &'static Callsite, capture: C, sink: I) -> Self {
        let flow = Flow::default();
        Self { site, capture: Some(capture), sink, held: Held::new(), flow, opened_at: 0 }
    }

    fn begin(&mut self) {
        if let Some(capture) = self.capture.take() {
            self.held.open(self.site, capture);
            self.opened_at = clock::now();
        }
    }

    fn saw<T>(&mut self, item: Option<&T>)
    where
        I: ItemSink<T>,
    {
        let ended = match item {
            Some(item) => {
                if self.flow.items == 0 {
                    let waited = clock::now().saturating_sub(self.opened_at);
                    self.flow.first_after = Some(Duration::from_nanos(waited));
                }
                self.flow.items += 1;
                self.sink.item(item)
            }
            None => Some(Outcome::Ok),
        };
        if let Some(outcome) = ended {
            let (sink, flow) = (&mut self.sink, self.flow);
            self.held.close(|parts| {
                sink.finish(flow, parts);
                outcome
            });
        }
    }
}

pin_project! {
    /// A stream that owns a span.
    ///
    /// The span ends with the stream, with the item that the sink says ends it, or, as cancelled, when the stream is dropped before.
    #[must_use = "streams do nothing unless polled"]
    pub struct TracedStream<S, C, I>
    where
        S: Stream,
        I: ItemSink<S::Item>,
    {
        #[pin]
        inner: Option<S>,
        record: Record<C, I>,
    }

    impl<S, C, I> PinnedDrop for TracedStream<S, C, I>
    where
        S: Stream,
        I: ItemSink<S::Item>,
    {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let Record { held, sink, flow, .. } = this.record;
            held.abandon(|| this.inner.set(None), |parts| sink.finish(*flow, parts));
        }
    }
}

impl<S, C, I> TracedStream<S, C, I>
where
    S: Stream,
    C: FnOnce(&mut Parts<'_>),
    I: ItemSink<S::Item>,
{
    /// `capture` writes the input at the first poll, `sink` sees the items. The parent is the context of the first poll.
    pub fn new(site: &'static Callsite, inner: S, capture: C, sink: I) -> Self {
        Self { inner: Some(inner), record: Record::new(site, capture, sink) }
    }

    /// The same stream, whose span opens under `parent`.
    pub fn under(mut self, parent: &Context) -> Self {
        self.record.held = Held::under(parent.slot());
        self
    }
}

impl<S, C, I> Stream for TracedStream<S, C, I>
where
    S: Stream,
    C: FnOnce(&mut Parts<'_>),
    I: ItemSink<S::Item>,
{
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        let Some(stream) = this.inner.as_pin_mut() else { return Poll::Ready(None) };
        this.record.begin();
        let item = ready!(this.record.held.step(|| stream.poll_next(cx)));
        this.record.saw(item.as_ref());
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.as_ref().map_or((0, Some(0)), Stream::size_hint)
    }
}

/// An iterator that owns a span; it ends as that of a [`TracedStream`] does.
#[must_use = "iterators do nothing unless consumed"]
pub struct TracedIterator<T, C, I>
where
    T: Iterator,
    I: ItemSink<T::Item>,
{
    inner: Option<T>,
    record: Record<C, I>,
}

impl<T, C, I> TracedIterator<T, C, I>
where
    T: Iterator,
    C: FnOnce(&mut Parts<'_>),
    I: ItemSink<T::Item>,
{
    /// `capture` writes the input at the first item, `sink` sees the items. The parent is the context in which the first is asked for.
    pub fn new(site: &'static Callsite, inner: T, capture: C, sink: I) -> Self {
        Self { inner: Some(inner), record: Record::new(site, capture, sink) }
    }

    /// The same iterator, whose span opens under `parent`.
    pub fn under(mut self, parent: &Context) -> Self {
        self.record.held = Held::under(parent.slot());
        self
    }
}

impl<T, C, I> Iterator for TracedIterator<T, C, I>
where
    T: Iterator,
    C: FnOnce(&mut Parts<'_>),
    I: ItemSink<T::Item>,
{
    type Item = T::Item;

    fn next(&mut self) -> Option<T::Item> {
        let inner = self.inner.as_mut()?;
        self.record.begin();
        let item = self.record.held.step(|| inner.next());
        self.record.saw(item.as_ref());
        item
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.as_ref().map_or((0, Some(0)), Iterator::size_hint)
    }
}

impl<T, C, I> Drop for TracedIterator<T, C, I>
where
    T: Iterator,
    I: ItemSink<T::Item>,
{
    fn drop(&mut self) {
        let Record { held, sink, flow, .. } = &mut self.record;
        held.abandon(|| self.inner = None, |parts| sink.finish(*flow, parts));
    }
}
