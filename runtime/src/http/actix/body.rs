//! The response's body, which may go on long after the handler has returned.

use crate::http::exchange::Exchange;
use crate::http::hold::HeldBack;
use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use pin_project_lite::pin_project;
use std::pin::Pin;
use std::task::{self, Poll, ready};

pin_project! {
    /// A body that is made in the request's context; the request's span ends when the body does.
    pub struct TracedBody<B>
    where
        B: MessageBody,
    {
        #[pin]
        inner: Option<B>,
        call: Option<Exchange>,
        flush: bool,
        held: HeldBack<Option<Result<Bytes, B::Error>>>,
    }

    impl<B> PinnedDrop for TracedBody<B>
    where
        B: MessageBody,
    {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(mut call) = this.call.take() {
                call.within(|| this.inner.set(None));
                call.body_dropped();
            }
        }
    }
}

impl<B: MessageBody> TracedBody<B> {
    pub(super) fn new(inner: B, mut call: Option<Exchange>) -> Self {
        let length = match inner.size() {
            BodySize::None => Some(0),
            BodySize::Sized(length) => Some(length),
            BodySize::Stream => None,
        };
        if let Some(call) = &mut call {
            call.announced(length);
        }
        if length == Some(0)
            && let Some(mut call) = call.take()
        {
            call.end();
        }
        Self { inner: Some(inner), call, flush: false, held: HeldBack::default() }
    }

    /// Its end waits until everything that was recorded has been delivered.
    pub(super) fn flushed(mut self, flush: bool) -> Self {
        self.flush = flush;
        self
    }
}

impl<B: MessageBody> MessageBody for TracedBody<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.inner.as_ref().map_or(BodySize::None, MessageBody::size)
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<Result<Bytes, B::Error>>> {
        let mut this = self.project();
        if let Some(last) = ready!(this.held.poll(cx)) {
            return Poll::Ready(last);
        }
        let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let Some(call) = this.call else { return inner.poll_next(cx) };
        let chunk = ready!(call.poll(|| inner.poll_next(cx)));
        match &chunk {
            None => call.end(),
            Some(Err(_)) => call.fail("the response's body failed"),
            Some(Ok(bytes)) => call.sent(bytes.len()),
        }
        if *this.flush && (chunk.is_none() || call.has_sent_all()) {
            *this.flush = false;
            call.end();
            this.held.hold(chunk);
            return this.held.poll(cx).map(Option::flatten);
        }
        Poll::Ready(chunk)
    }
}
