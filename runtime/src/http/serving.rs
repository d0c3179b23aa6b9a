//! What the adapters for servers share: how a request begins.

use super::exchange::Exchange;
use super::server::ServerSpan;
use crate::context::Context;
use crate::model::{Field, Parts, SpanType};
use crate::span::Detached;

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
