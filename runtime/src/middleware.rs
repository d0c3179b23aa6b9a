//! The middlewares and clients that carry a trace from one service into the next.

pub use crate::http::{AllowedHosts, RequestContext, ServerSpan};

#[cfg(feature = "tower")]
pub use crate::http::tower::{TracedBody, TracedResponse, Tracing, TracingLayer};
