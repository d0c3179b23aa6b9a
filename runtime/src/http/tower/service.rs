//! The service that the layer puts around another one.

use super::layer::Options;
use super::{TracedBody, TracedResponse};
use crate::context::Context;
use crate::http::exchange::{Exchange, is_grpc};
use crate::http::server::RequestContext;
use crate::http::serving::{Incoming, begin};
use crate::pipeline::flush;
use http::request::Parts;
use http::{Method, Request, Response};
use http_body::Body;
use std::fmt;
use std::sync::Arc;
use std::task::{self, Poll};
use tower_service::Service;

/// A service whose requests continue the caller's trace. Made by [`TracingLayer`](super::TracingLayer).
#[derive(Clone)]
pub struct Tracing<S> {
    pub(super) inner: S,
    pub(super) options: Arc<Options>,
}

impl<S> Tracing<S> {
    fn begin(&self, parts: &Parts) -> Option<Exchange> {
        let options = &self.options;
        if options.ignore.as_ref().is_some_and(|ignore| ignore(parts)) {
            return None;
        }
        let parent = options.parent.as_ref().and_then(|parent| parent(parts));
        let parent = parent.unwrap_or_else(|| Context::extract(&parts.headers));
        let route = options.route.as_ref().and_then(|route| route(parts)).or_else(|| matched_route(parts));
        let incoming = Incoming {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            route: route.as_deref(),
            is_grpc: is_grpc(&parts.headers),
        };
        Some(begin(options.server_span, parent, &incoming))
    }
}

#[cfg(feature = "axum")]
fn matched_route(parts: &Parts) -> Option<String> {
    super::axum::matched_route(parts)
}

#[cfg(not(feature = "axum"))]
fn matched_route(_: &Parts) -> Option<String> {
    None
}

impl<S, Q, B> Service<Request<Q>> for Tracing<S>
where
    S: Service<Request<Q>, Response = Response<B>>,
    B: Body,
{
    type Response = Response<TracedBody<B>>;
    type Error = S::Error;
    type Future = TracedResponse<S::Future>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let has_body = parts.method != Method::HEAD;
        let call = self.begin(&parts);
        // A service may do its work here and return a future that is ready, so the context has to be there already.
        let guard = call.as_ref().and_then(|call| {
            parts.extensions.insert(RequestContext(call.context()?.clone()));
            call.enter()
        });
        let inner = self.inner.call(Request::from_parts(parts, body));
        drop(guard);
        let flush = call.is_some() && (self.options.flush_before_response || flush::is_wanted());
        TracedResponse::new(inner, call, has_body, flush)
    }
}

impl<S: fmt::Debug> fmt::Debug for Tracing<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracing").field("inner", &self.inner).finish_non_exhaustive()
    }
}
