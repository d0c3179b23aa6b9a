//! The layer: what a user writes.

use super::Tracing;
use crate::context::Context;
use crate::http::ServerSpan;
use http::request::Parts;
use std::fmt;
use std::sync::Arc;
use tower_layer::Layer;

/// Continues the caller's trace in a service: reads the headers, opens a span for the request and keeps its context for the
/// handler and for the response's body until that ends.
///
/// The span is named after method and route (`POST /users/{id}`; the route needs the feature `axum` or [`route`](Self::route)),
/// its status code is the response's, and a response of 500 or above, a panic and a caller who went away are recorded as such. A
/// bad header is "no parent". Use it once, outermost, on the router:
///
/// ```
/// # #[cfg(feature = "axum")] {
/// use galileo::middleware::TracingLayer;
///
/// let app: axum::Router = axum::Router::new()
///     .route("/search", axum::routing::post(|| async { "found" }))
///     .layer(TracingLayer::new());
/// # }
/// ```
///
/// A WebSocket's span ends with the upgrade. What happens on the socket later belongs to the trace when the context is taken
/// along: `let context = Context::current(); upgrade.on_upgrade(move |socket| serve(socket).in_context(context))`.
#[derive(Clone, Default)]
pub struct TracingLayer {
    pub(super) options: Arc<Options>,
}

type Choose<T> = Arc<dyn Fn(&Parts) -> Option<T> + Send + Sync>;

#[derive(Clone, Default)]
pub(super) struct Options {
    pub(super) server_span: ServerSpan,
    pub(super) route: Option<Choose<String>>,
    pub(super) parent: Option<Choose<Context>>,
    pub(super) ignore: Option<Arc<dyn Fn(&Parts) -> bool + Send + Sync>>,
    pub(super) flush_before_response: bool,
}

impl TracingLayer {
    /// A layer that opens a span for every request.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// When a span is opened.
    #[must_use]
    pub fn server_span(self, when: ServerSpan) -> Self {
        self.with(|options| options.server_span = when)
    }

    /// Where the route's template comes from, for routers other than axum's.
    #[must_use]
    pub fn route(self, route: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static) -> Self {
        self.with(|options| options.route = Some(Arc::new(route)))
    }

    /// Chooses the parent of single requests: `Some` replaces what the headers say, `None` leaves it to them.
    ///
    /// `|_| Some(Context::root())` trusts no caller: every request begins a trace of its own.
    #[must_use]
    pub fn parent(self, parent: impl Fn(&Parts) -> Option<Context> + Send + Sync + 'static) -> Self {
        self.with(|options| options.parent = Some(Arc::new(parent)))
    }

    /// Requests that get no span and no context, such as health checks.
    #[must_use]
    pub fn ignore(self, ignore: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        self.with(|options| options.ignore = Some(Arc::new(ignore)))
    }

    /// Delivers everything that was recorded before a response ends, at most for the configured flush timeout; the same for all
    /// layers with `GALILEO_FLUSH_BEFORE_RESPONSE=true`.
    ///
    /// For test tools that look at the trace as soon as they have the response, and for platforms that freeze a process between
    /// requests. Only the last piece of a response waits; a streamed one is not held up before its end.
    #[must_use]
    pub fn flush_before_response(self, flush: bool) -> Self {
        self.with(|options| options.flush_before_response = flush)
    }

    fn with(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(Arc::make_mut(&mut self.options));
        self
    }
}

impl<S> Layer<S> for TracingLayer {
    type Service = Tracing<S>;

    fn layer(&self, inner: S) -> Tracing<S> {
        Tracing { inner, options: Arc::clone(&self.options) }
    }
}

impl fmt::Debug for TracingLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracingLayer").field("server_span", &self.options.server_span).finish_non_exhaustive()
    }
}
