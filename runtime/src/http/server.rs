//! One request that came in: its context, and the span that stands for it.

use crate::context::Context;
use crate::model::{Field, Outcome, Parts, SpanType};
use crate::span::Detached;
use http::{HeaderMap, Method, StatusCode};

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
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    /// The template that the router matched, such as `/users/{id}`.
    pub(crate) route: Option<&'a str>,
    pub(crate) headers: &'a HeaderMap,
}

impl Incoming<'_> {
    fn is_grpc(&self) -> bool {
        self.headers
            .get(http::header::CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
    }

    /// Method and route. Without a route the method alone: paths have ids in them, and names should be few. The path of a gRPC
    /// call is the name of a method.
    fn name(&self) -> String {
        match self.route {
            _ if self.is_grpc() => self.path.trim_start_matches('/').to_owned(),
            Some(route) => format!("{} {route}", self.method),
            None => self.method.to_string(),
        }
    }

    fn write(&self, parts: &mut Parts<'_>) {
        parts.text(Field::Name, "", &self.name());
        parts.text(Field::Input, "", &format!("{} {}", self.method, self.path));
        parts.text(Field::Metadata, "http.request.method", self.method.as_str());
        parts.text(Field::Metadata, "url.path", self.path);
        if let Some(route) = self.route {
            parts.text(Field::Metadata, "http.route", route);
        }
    }
}

/// A request that is being served.
#[derive(Debug)]
pub(crate) struct ServerCall {
    /// Where the handler runs.
    context: Context,
    span: Option<Detached>,
    status: Option<StatusCode>,
    /// What a protocol above HTTP says went wrong, such as a gRPC status.
    failure: Option<String>,
}

impl ServerCall {
    /// Begins to serve a request whose parent is `parent`.
    pub(crate) fn begin(when: ServerSpan, parent: Context, incoming: &Incoming<'_>) -> Self {
        let wanted = match when {
            ServerSpan::Off => false,
            ServerSpan::On => true,
            ServerSpan::WithoutParent => parent.trace_id().is_none(),
        };
        if !wanted {
            return Self { context: parent, span: None, status: None, failure: None };
        }
        let span = Detached::open(SpanType::Workflow, &parent, |parts| incoming.write(parts));
        Self { context: span.context().clone(), span: Some(span), status: None, failure: None }
    }

    /// The context that is current while the handler runs and while the body is made.
    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// The response's head is there.
    pub(crate) fn responded(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.status = Some(status);
        self.failure = grpc_failure(headers);
    }

    /// The trailers are there.
    pub(crate) fn trailers(&mut self, trailers: &HeaderMap) {
        self.failure = self.failure.take().or_else(|| grpc_failure(trailers));
    }

    /// The body is through.
    pub(crate) fn end(&mut self) {
        let Some(span) = &mut self.span else { return };
        let status = self.status.unwrap_or(StatusCode::OK);
        let failed = status.is_server_error() || self.failure.is_some();
        span.end(if failed { Outcome::Error } else { Outcome::Ok }, |parts| {
            parts.uint(Field::StatusCode, "", status.as_u16().into());
            if let Some(failure) = &self.failure {
                parts.text(Field::Error, "", failure);
            } else if failed {
                parts.text(Field::Error, "", &format!("HTTP {status}"));
            }
        });
    }

    /// The handler or the body ended in an error of its own.
    pub(crate) fn fail(&mut self, error: &str) {
        if let Some(span) = &mut self.span {
            span.end(Outcome::Error, |parts| parts.text(Field::Error, "", error));
        }
    }

    /// The handler or the body panicked.
    pub(crate) fn panicked(&mut self, payload: &(dyn std::any::Any + Send)) {
        if let Some(span) = &mut self.span {
            let text = payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
            span.end(Outcome::Panic, |parts| parts.text(Field::Error, "", text.unwrap_or("panic")));
        }
    }

    /// The caller went away; dropping does the same, in the right context for what is dropped with it.
    pub(crate) fn cancelled(&mut self) {
        if let Some(span) = &mut self.span {
            span.end(Outcome::Cancelled, |_| {});
        }
    }
}

/// What a gRPC response says about itself, when it is not "ok".
fn grpc_failure(headers: &HeaderMap) -> Option<String> {
    let status = headers.get("grpc-status")?.to_str().ok()?;
    if status == "0" {
        return None;
    }
    let message = headers.get("grpc-message").and_then(|message| message.to_str().ok()).unwrap_or_default();
    Some(format!("gRPC status {status} {message}").trim_end().to_owned())
}
