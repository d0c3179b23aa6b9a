//! What a user wraps an actix `App` in.

use super::TracedBody;
use crate::context::Context;
use crate::http::exchange::Exchange;
use crate::http::hold::HeldBack;
use crate::http::server::{RequestContext, ServerSpan};
use crate::http::serving::{Incoming, begin};
use crate::pipeline::flush;
use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::{Method, StatusCode};
use actix_web::{Error, HttpMessage};
use pin_project_lite::pin_project;
use std::fmt;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{self, Poll, ready};

/// Continues the caller's trace in an actix-web application, as [`TracingLayer`](crate::middleware::TracingLayer) does in a tower
/// service: a span for the request, named after method and route, and its context for handler and body.
///
/// ```no_run
/// use actix_web::{App, HttpServer, web};
/// use galileo::middleware::actix::TracingMiddleware;
///
/// # async fn run() -> std::io::Result<()> {
/// HttpServer::new(|| {
///     App::new().wrap(TracingMiddleware::new()).route("/search", web::post().to(|| async { "found" }))
/// })
/// .bind("127.0.0.1:8081")?
/// .run()
/// .await
/// # }
/// ```
#[derive(Clone, Default)]
pub struct TracingMiddleware {
    options: Arc<Options>,
}

#[derive(Clone, Default)]
struct Options {
    server_span: ServerSpan,
    parent: Option<Arc<dyn Fn(&ServiceRequest) -> Option<Context> + Send + Sync>>,
    ignore: Option<Arc<dyn Fn(&ServiceRequest) -> bool + Send + Sync>>,
    flush_before_response: bool,
}

impl TracingMiddleware {
    /// A middleware that opens a span for every request.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// When a span is opened.
    #[must_use]
    pub fn server_span(self, when: ServerSpan) -> Self {
        self.with(|options| options.server_span = when)
    }

    /// Chooses the parent of single requests: `Some` replaces what the headers say, `None` leaves it to them.
    #[must_use]
    pub fn parent(self, parent: impl Fn(&ServiceRequest) -> Option<Context> + Send + Sync + 'static) -> Self {
        self.with(|options| options.parent = Some(Arc::new(parent)))
    }

    /// Requests that get no span and no context, such as health checks.
    #[must_use]
    pub fn ignore(self, ignore: impl Fn(&ServiceRequest) -> bool + Send + Sync + 'static) -> Self {
        self.with(|options| options.ignore = Some(Arc::new(ignore)))
    }

    /// Delivers everything that was recorded before a response ends, as
    /// [`TracingLayer::flush_before_response`](crate::middleware::TracingLayer::flush_before_response) does; the same for all
    /// applications with `GALILEO_FLUSH_BEFORE_RESPONSE=true`.
    #[must_use]
    pub fn flush_before_response(self, flush: bool) -> Self {
        self.with(|options| options.flush_before_response = flush)
    }

    fn with(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(Arc::make_mut(&mut self.options));
        self
    }
}

impl fmt::Debug for TracingMiddleware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracingMiddleware").field("server_span", &self.options.server_span).finish_non_exhaustive()
    }
}

impl<S, B> Transform<S, ServiceRequest> for TracingMiddleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<TracedBody<B>>;
    type Error = Error;
    type Transform = Tracing<S>;
    type InitError = ();
    type Future = Ready<Result<Tracing<S>, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(Tracing { inner: Rc::new(inner), options: Arc::clone(&self.options) }))
    }
}

/// An actix service whose requests continue the caller's trace. Made by [`TracingMiddleware`].
pub struct Tracing<S> {
    inner: Rc<S>,
    options: Arc<Options>,
}

impl<S> Tracing<S> {
    fn begin(&self, request: &ServiceRequest) -> Option<Exchange> {
        if self.options.ignore.as_ref().is_some_and(|ignore| ignore(request)) {
            return None;
        }
        let parent = self.options.parent.as_ref().and_then(|parent| parent(request));
        let parent = parent.unwrap_or_else(|| Context::extract(request.headers()));
        let route = request.match_pattern();
        let incoming = Incoming {
            method: request.method().as_str(),
            path: request.path(),
            route: route.as_deref(),
            is_grpc: false,
        };
        Some(begin(self.options.server_span, parent, &incoming))
    }
}

impl<S, B> Service<ServiceRequest> for Tracing<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<TracedBody<B>>;
    type Error = Error;
    type Future = TracedResponse<S::Future, B>;

    fn poll_ready(&self, cx: &mut task::Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let call = self.begin(&request);
        let reads_body = request.method() != Method::HEAD;
        let guard = call.as_ref().and_then(|call| {
            request.extensions_mut().insert(RequestContext(call.context()?.clone()));
            call.enter()
        });
        let inner = self.inner.call(request);
        drop(guard);
        let flush = call.is_some() && (self.options.flush_before_response || flush::is_wanted());
        TracedResponse { inner: Some(inner), call, reads_body, flush, held: HeldBack::default() }
    }
}

impl<S> fmt::Debug for Tracing<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracing").finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of a traced response; dropped before its end, the request counts as cancelled.
    #[must_use = "futures do nothing unless polled"]
    pub struct TracedResponse<F, B>
    where
        B: MessageBody,
    {
        #[pin]
        inner: Option<F>,
        call: Option<Exchange>,
        reads_body: bool,
        flush: bool,
        held: HeldBack<Result<ServiceResponse<TracedBody<B>>, Error>>,
    }

    impl<F, B> PinnedDrop for TracedResponse<F, B>
    where
        B: MessageBody,
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

impl<F, B> Future for TracedResponse<F, B>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody,
{
    type Output = Result<ServiceResponse<TracedBody<B>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(response) = ready!(this.held.poll(cx)) {
            return Poll::Ready(response);
        }
        let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Pending };
        let Some(call) = this.call else {
            return inner.poll(cx).map_ok(|response| response.map_body(|_, body| TracedBody::new(body, None)));
        };
        let result = ready!(call.poll(|| inner.poll(cx)));
        call.within(|| this.inner.set(None));
        let Some(mut call) = this.call.take() else { return Poll::Pending };
        let (response, is_over) = match result {
            Ok(response) => {
                let status = response.status();
                call.answered(status.as_u16(), response.response().error().map(ToString::to_string));
                // The body of an upgrade is the socket, which has no end that anybody waits for.
                let is_over = !*this.reads_body
                    || status == StatusCode::SWITCHING_PROTOCOLS
                    || matches!(response.response().body().size(), BodySize::None | BodySize::Sized(0));
                if is_over {
                    call.end();
                }
                let flush = *this.flush && !is_over;
                (Ok(response.map_body(|_, body| TracedBody::new(body, Some(call)).flushed(flush))), is_over)
            }
            // Another middleware failed; actix makes the response of the error after us.
            Err(error) => {
                call.answered(error.as_response_error().status_code().as_u16(), Some(error.to_string()));
                call.end();
                (Err(error), true)
            }
        };
        if *this.flush && is_over {
            this.held.hold(response);
            return match ready!(this.held.poll(cx)) {
                Some(response) => Poll::Ready(response),
                None => Poll::Pending,
            };
        }
        Poll::Ready(response)
    }
}
