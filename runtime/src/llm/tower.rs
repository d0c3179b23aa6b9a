//! The layer for HTTP clients that are tower services.

use super::LlmOptions;
use super::call::Call;
use super::tee::{Shared, Side, Tee, lock};
use crate::context::{Context, InContext, WithContext};
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{self, Poll, ready};
use tower_layer::Layer;
use tower_service::Service;

/// Puts an [`LlmService`] around an HTTP client.
#[derive(Clone, Copy, Debug, Default)]
pub struct LlmLayer {
    options: LlmOptions,
}

impl LlmLayer {
    /// Everything is recorded.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is recorded.
    pub fn with(options: LlmOptions) -> Self {
        Self { options }
    }
}

impl<S> Layer<S> for LlmLayer {
    type Service = LlmService<S>;

    fn layer(&self, inner: S) -> LlmService<S> {
        LlmService { inner, options: self.options }
    }
}

/// An HTTP client whose calls of model APIs are recorded; see the [module](super).
///
/// It serves `http::Request` over any client, and `reqwest::Request` over `reqwest::Client`.
#[derive(Clone, Debug)]
pub struct LlmService<S> {
    pub(super) inner: S,
    pub(super) options: LlmOptions,
}

impl<S, A, B> Service<Request<A>> for LlmService<S>
where
    S: Service<Request<Tee<A>>, Response = Response<B>>,
    S::Error: Display,
    A: Body,
    B: Body,
{
    type Response = Response<Tee<B>>;
    type Error = S::Error;
    type Future = LlmFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let call = Call::begin(request.method(), request.uri(), self.options);
        let context = call.as_ref().and_then(Call::context).cloned();
        let call = call.map(|call| Arc::new(Mutex::new(call)));
        let request = request.map(|body| Tee::new(body, call.clone(), Side::Request));
        let answer = {
            let _inside = context.as_ref().map(Context::attach);
            self.inner.call(request)
        };
        LlmFuture { answer: maybe_in(answer, context), call }
    }
}

pin_project! {
    /// The answer of an [`LlmService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct LlmFuture<F> {
        #[pin]
        answer: WithContext<F>,
        call: Option<Shared>,
    }
}

/// The future, polled in the call's context or else in the one that is current now.
fn maybe_in<F: Future>(future: F, context: Option<Context>) -> WithContext<F> {
    future.in_context(context.unwrap_or_else(|| Context::from_slot(crate::context::active::current())))
}

impl<F, B, E> Future for LlmFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
    E: Display,
{
    type Output = Result<Response<Tee<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.answer.poll(cx));
        let call = this.call.take();
        Poll::Ready(match answer {
            Ok(response) => {
                if let Some(call) = &call {
                    lock(call).answers(response.status(), response.headers());
                    if response.body().is_end_stream() {
                        lock(call).end();
                    }
                }
                Ok(response.map(|body| Tee::new(body, call, Side::Answer)))
            }
            Err(error) => {
                if let Some(call) = &call {
                    lock(call).fail(&error);
                }
                Err(error)
            }
        })
    }
}
