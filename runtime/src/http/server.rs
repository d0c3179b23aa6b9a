//! One request that came in: its context, and the span that stands for it.

use super::exchange::Exchange;
use crate::context::Context;
use crate::model::{Field, Parts, SpanType};
use crate::span::Detached;

/// When a middleware opens a span for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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

/// What an adapter knows of a request.
pub(crate) struct Incoming<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    /// The template that the router matched, such as `/users/{id}`.
    pub(crate) route: Option<&'a str>,
    pub(crate) is_grpc: bool,
}

impl Incoming<'_> {
    /// Method and route. Without a route the method alone: paths have ids in them, and names should be few. The path of a gRPC
    /// call is the name of a method.
    fn name(&self) -> String {
        match self.route {
            _ if self.is_grpc => self.path.trim_start_matches('/').to_owned(),
            Some(route) => format!("{} {route}", self.method),
            None => self.method.to_owned(),
        }
    }

    fn write(&self, parts: &mut Parts<'_>) {
        parts.text(Field::Name, "", &self.name());
        parts.text(Field::Input, "", &format!("{} {}", self.method, self.path));
        parts.text(Field::Metadata, "http.request.method", self.method);
        parts.text(Field::Metadata, "url.path", self.path);
        if let Some(route) = self.route {
            parts.text(Field::Metadata, "http.route", route);
        }
    }
}

/// Begins to serve a request whose parent is `parent`.
pub(crate) fn begin(when: ServerSpan, parent: Context, incoming: &Incoming<'_>) -> Exchange {
    let wanted = match when {
        ServerSpan::Off => false,
        ServerSpan::On => true,
        ServerSpan::WithoutParent => parent.trace_id().is_none(),
    };
    let span = wanted.then(|| Detached::open(SpanType::Workflow, &parent, |parts| incoming.write(parts)));
    let context = span.as_ref().map_or(parent, |span| span.context().clone());
    Exchange::serving(context, span)
}
