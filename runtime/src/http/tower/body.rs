//! The response's body, which may go on long after the handler has returned.

use crate::http::exchange::Exchange;
use crate::http::hold::HeldBack;
use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::pin::Pin;
use std::task::{self, Poll, ready};

pin_project! {
    /// A body that is made in the request's context; the request's span ends when the body does.
    pub struct TracedBody<B>
    where
        B: Body,
    {
        #[pin]
        inner: Option<B>,
        call: Option<Exchange>,
        flush: bool,
        held: HeldBack<Option<Result<Frame<B::Data>, B::Error>>>,
    }

    impl<B> PinnedDrop for TracedBody<B>
    where
        B: Body,
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

impl<B: Body> TracedBody<B> {
    pub(in crate::http) fn new(inner: B, mut call: Option<Exchange>, length: Option<u64>) -> Self {
        // Nobody asks an empty body for anything, and a WebSocket's body is empty: that request is over here.
        if inner.is_end_stream()
            && let Some(mut call) = call.take()
        {
            call.end();
        }
        if let Some(call) = &mut call {
            call.announced(length);
        }
        Self { inner: Some(inner), call, flush: false, held: HeldBack::default() }
    }

    /// Its end waits until everything that was recorded has been delivered.
    pub(super) fn flushed(mut self, flush: bool) -> Self {
        self.flush = flush;
        self
    }

    /// The body itself, untraced, for tests that look into it.
    #[cfg(test)]
    pub(super) fn into_inner(mut self) -> Option<B>
    where
        B: Unpin,
    {
        self.inner.take()
    }
}

impl<B: Body> Body for TracedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        if let Some(last) = ready!(this.held.poll(cx)) {
            return Poll::Ready(last);
        }
        let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let Some(call) = this.call else { return inner.poll_frame(cx) };
        let frame = ready!(call.poll(|| inner.poll_frame(cx)));
        match &frame {
            None => call.end(),
            Some(Err(_)) => call.fail("the response's body failed"),
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    call.sent(data.remaining());
                }
                if let Some(trailers) = frame.trailers_ref() {
                    call.trailers(trailers);
                }
            }
        }
        let is_last = this.inner.as_ref().as_pin_ref().is_none_or(|inner| inner.is_end_stream());
        if is_last {
            call.end();
        }
        if *this.flush && (is_last || frame.is_none() || call.has_sent_all()) {
            *this.flush = false;
            call.end();
            this.held.hold(frame);
            return this.held.poll(cx).map(Option::flatten);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_empty() && self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
