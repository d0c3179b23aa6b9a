//! The response's body, which may go on long after the handler has returned.

use crate::http::exchange::Exchange;
use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use pin_project_lite::pin_project;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{self, Poll};

pin_project! {
    /// A body that is made in the request's context; the request's span ends when the body does.
    pub struct TracedBody<B> {
        #[pin]
        inner: Option<B>,
        call: Option<Exchange>,
        // Bytes that are still to come, when the length is known.
        left: Option<u64>,
    }

    impl<B> PinnedDrop for TracedBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(mut call) = this.call.take() {
                let guard = call.enter();
                this.inner.set(None);
                drop(guard);
                // A server that has all announced bytes does not ask for the end.
                if *this.left == Some(0) { call.end() } else { call.body_dropped() }
            }
        }
    }
}

impl<B: MessageBody> TracedBody<B> {
    pub(super) fn new(inner: B, mut call: Option<Exchange>) -> Self {
        let left = match inner.size() {
            BodySize::None | BodySize::Sized(0) => Some(0),
            BodySize::Sized(length) => Some(length),
            BodySize::Stream => None,
        };
        if left == Some(0)
            && let Some(mut call) = call.take()
        {
            call.end();
        }
        Self { inner: Some(inner), call, left }
    }
}

impl<B: MessageBody> MessageBody for TracedBody<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.inner.as_ref().map_or(BodySize::None, MessageBody::size)
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<Result<Bytes, B::Error>>> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let Some(call) = this.call else { return inner.poll_next(cx) };
        let polled = {
            let _guard = call.enter();
            catch_unwind(AssertUnwindSafe(|| inner.poll_next(cx)))
        };
        let chunk = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(chunk)) => chunk,
            Err(payload) => {
                call.panicked(payload.as_ref());
                resume_unwind(payload)
            }
        };
        match &chunk {
            None => call.end(),
            Some(Err(_)) => call.fail("the response's body failed"),
            Some(Ok(bytes)) => {
                if let Some(left) = this.left {
                    *left = left.saturating_sub(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
                }
            }
        }
        Poll::Ready(chunk)
    }
}
