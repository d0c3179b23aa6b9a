//! The client layer for everything that is a `tower` service: hyper, tonic, a stack of one's own.

use super::{Attempts, ClientCall, ClientOptions, Outgoing};
use crate::http::exchange::{Exchange, is_grpc};
use crate::http::tower::TracedBody;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll, ready};
use tower_layer::Layer;
use tower_service::Service;

/// Continues the running trace in every request of a client: opens a span for each and adds its headers.
///
/// The span records method, host, status and errors, a gRPC status too, and ends with the response's body. Outside of any trace
/// requests go out as they are.
///
/// Under a layer that tries again each attempt is a span of its own, siblings with their number; put [`AttemptsLayer`] outside of the
/// retry so that they are counted together:
///
/// ```text
/// AttemptsLayer  >  retry  >  ClientTracingLayer  >  hyper or tonic's channel
/// ```
#[derive(Debug, Clone)]
pub struct ClientTracingLayer {
    options: ClientOptions,
}

client_options!(ClientTracingLayer);

impl ClientTracingLayer {
    /// The host of every request, for the span's name and for lists of hosts: requests to tonic's channel do not say where they go.
    /// An address that is none does nothing.
    #[must_use]
    pub fn to_host(mut self, host: &str) -> Self {
        self.options.authority = host.parse().ok();
        self
    }
}

impl<S> Layer<S> for ClientTracingLayer {
    type Service = ClientTracing<S>;

    fn layer(&self, inner: S) -> ClientTracing<S> {
        ClientTracing { inner, options: self.options.clone() }
    }
}

/// A client whose requests continue the running trace. Made by [`ClientTracingLayer`].
#[derive(Debug, Clone)]
pub struct ClientTracing<S> {
    inner: S,
    options: ClientOptions,
}

impl<S, Q, B> Service<Request<Q>> for ClientTracing<S>
where
    S: Service<Request<Q>, Response = Response<B>>,
    S::Error: Display,
    B: Body,
{
    type Response = Response<TracedBody<B>>;
    type Error = S::Error;
    type Future = TracedCall<S::Future>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Q>) -> Self::Future {
        let attempt = request.extensions().get::<Attempts>().map(Attempts::next);
        let is_grpc = is_grpc(request.headers());
        let outgoing = Outgoing { method: request.method(), uri: request.uri(), attempt, is_grpc };
        let call = ClientCall::begin(&self.options, &outgoing);
        call.inject(request.headers_mut());
        let inner = self.inner.call(request);
        TracedCall { inner, exchange: Some(call.into_exchange()) }
    }
}

pin_project! {
    /// The future of a traced request; dropped before its end, the request counts as cancelled.
    #[must_use = "futures do nothing unless polled"]
    #[derive(Debug)]
    pub struct TracedCall<F> {
        #[pin]
        inner: F,
        exchange: Option<Exchange>,
    }
}

impl<F, B, E> Future for TracedCall<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Display,
    B: Body,
{
    type Output = Result<Response<TracedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.inner.poll(cx));
        let mut exchange = this.exchange.take();
        Poll::Ready(match result {
            Err(error) => {
                if let Some(exchange) = &mut exchange {
                    exchange.fail(&error.to_string());
                }
                Err(error)
            }
            Ok(response) => {
                if let Some(exchange) = &mut exchange {
                    exchange.responded(response.status(), response.headers());
                }
                Ok(response.map(|body| TracedBody::new(body, exchange, None)))
            }
        })
    }
}

/// Gives every request a count of its attempts. Goes outside of the layer that tries again.
#[derive(Debug, Clone, Copy, Default)]
pub struct AttemptsLayer;

impl<S> Layer<S> for AttemptsLayer {
    type Service = CountingAttempts<S>;

    fn layer(&self, inner: S) -> CountingAttempts<S> {
        CountingAttempts { inner }
    }
}

/// A client whose attempts are counted. Made by [`AttemptsLayer`].
#[derive(Debug, Clone)]
pub struct CountingAttempts<S> {
    inner: S,
}

impl<S: Service<Request<Q>>, Q> Service<Request<Q>> for CountingAttempts<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Q>) -> S::Future {
        request.extensions_mut().insert(Attempts::new());
        self.inner.call(request)
    }
}
