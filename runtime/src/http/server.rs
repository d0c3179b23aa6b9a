//! One request that came in: its context, and when it has a span.

use crate::context::Context;

/// When a middleware opens a span for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ServerSpan {
    /// Never: traced functions in the handler lie directly under the caller's span.
    Off,
    /// For every request.
    #[default]
    On,
    /// Only when no caller named a trace, so that everything the handler does is still one trace.
    WithoutParent,
}

/// The context of a request, put into its extensions by the middlewares.
///
/// In a handler it is also the current context; this is for code that sees the request elsewhere. With the feature `axum` it is
/// an extractor that never fails.
#[derive(Debug, Clone, Default)]
pub struct RequestContext(pub Context);
