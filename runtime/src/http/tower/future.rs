//! The response that is on its way.

use super::TracedBody;
use crate::http::exchange::Exchange;
use crate::http::hold::HeldBack;
use http::{Response, StatusCode};
use http_body::Body;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll, ready};

pin_project! {
    /// The future of a traced response; dropped before its end, the request counts as cancelled.
    #[must_use = "futures do nothing unless polled"]
    pub struct TracedResponse<F>
    where
        F: Future,
    {
        #[pin]
        inner: Option<F>,
        call: Option<Exchange>,
        has_body: bool,
        flush: bool,
        held: HeldBack<F::Output>,
    }

    impl<F> PinnedDrop for TracedResponse<F>
    where
        F: Future,
    {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(mut call) = this.call.take() {
                // The spans of the handler end before the one that they lie under.
                call.within(|| this.inner.set(None));
                call.cancelled();
            }
        }
    }
}

impl<F: Future> TracedResponse<F> {
    pub(super) fn new(inner: F, call: Option<Exchange>, has_body: bool, flush: bool) -> Self {
        Self { inner: Some(inner), call, has_body, flush, held: HeldBack::default() }
    }
}

impl<F, B, E> Future for TracedResponse<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<TracedBody<B>>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let mut this = self.as_mut().project();
        if let Some(response) = ready!(this.held.poll(cx)) {
            return Poll::Ready(response.map(|response| response.map(|body| TracedBody::new(body, None, None))));
        }
        let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Pending };
        let Some(call) = this.call else {
            return inner.poll(cx).map_ok(|response| response.map(|body| TracedBody::new(body, None, None)));
        };
        let response = ready!(call.poll(|| inner.poll(cx)));
        // The handler's future goes first, in its context, as it would when it is dropped early.
        call.within(|| this.inner.set(None));
        let Some(mut call) = this.call.take() else { return Poll::Pending };
        Poll::Ready(match response {
            Err(error) => {
                call.fail("the service failed before it answered");
                Err(error)
            }
            Ok(response) => {
                call.responded(response.status(), response.headers());
                let length = announced_length(&response, *this.has_body);
                if *this.flush && (length == Some(0) || response.body().is_end_stream()) {
                    // Nobody will ask this body for its end.
                    call.end();
                    this.held.hold(Ok(response));
                    return self.poll(cx);
                }
                Ok(response.map(|body| TracedBody::new(body, Some(call), length).flushed(*this.flush)))
            }
        })
    }
}

/// The number of bytes after which a server stops reading the body, when it is known.
fn announced_length<B: Body>(response: &Response<B>, has_body: bool) -> Option<u64> {
    let status = response.status();
    if !has_body || status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        return Some(0);
    }
    let header = response.headers().get(http::header::CONTENT_LENGTH);
    header.and_then(|value| value.to_str().ok()?.parse().ok()).or_else(|| response.body().size_hint().exact())
}
