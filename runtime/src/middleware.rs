//! The middlewares and clients that carry a trace from one service into the next.

pub use crate::context::CommandExt;
pub use crate::http::{AllowedHosts, Attempts, RequestContext, RequestExt, ServerSpan, allow_hosts};

/// The middleware for actix-web.
#[cfg(feature = "actix")]
pub mod actix {
    pub use crate::http::actix::{TracedBody, Tracing, TracingMiddleware, request_context};
}

/// Agent to agent: the trace in a message's metadata.
pub mod a2a {
    pub use crate::http::a2a::{Received, extract, inject, is_failure};
}

/// Model Context Protocol: the trace in `params._meta`.
///
/// Without the feature `rmcp`, any client or server can use `Context::inject` and `Context::extract` on the `_meta` object itself.
#[cfg(feature = "rmcp")]
pub mod mcp {
    pub use crate::http::mcp::{McpTracing, MetaExt, request_context};
}

use crate::context::Context;
use crate::logger::Logger;

#[cfg(feature = "ureq")]
pub use crate::http::client::UreqTracing;
#[cfg(feature = "tower")]
pub use crate::http::client::{AttemptsLayer, ClientTracing, ClientTracingLayer, CountingAttempts, TracedCall};
#[cfg(feature = "reqwest-middleware")]
pub use crate::http::client::{CountAttempts, ReqwestTracing};
#[cfg(feature = "reqwest")]
pub use crate::http::client::{SendExt, redirect_policy};
#[cfg(feature = "tower")]
pub use crate::http::tower::{TracedBody, TracedResponse, Tracing, TracingLayer};

/// A logger for the request that is being handled: its steps continue the caller's trace, under the request's own span when the
/// middleware opened one.
///
/// Outside of a request it continues whatever span runs there; without one, `start_trace` begins a trace.
///
/// ```
/// let mut logger = galileo::middleware::get_request_logger();
/// if logger.trace_id().is_some() {
///     logger.add_workflow_span("question");
/// } else {
///     logger.start_trace("question");
/// }
/// logger.add_retriever_span(galileo::logger::Step::new("search").input("question").output_json(&["document"]));
/// logger.conclude("answer");
/// # assert_eq!(logger.open_steps(), 0);
/// ```
#[must_use]
pub fn get_request_logger() -> Logger {
    Logger::in_context(Context::current())
}
