//! One request and its response, on either side, from the first byte to the last.

// Which of the steps there are depends on the frameworks that are built in.
#![cfg_attr(not(all(feature = "tower", feature = "actix")), allow(dead_code))]

use crate::context::{Context, ContextGuard};
use crate::model::{Field, Outcome};
use crate::span::Detached;
use http::{HeaderMap, StatusCode};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::Poll;

/// A request that is under way, with the span that stands for it, if one does.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// Where the handler runs and the body is made; `None` on the asking side, whose code keeps its own context.
    context: Option<Context>,
    span: Option<Detached>,
    status: Option<StatusCode>,
    /// What a protocol above HTTP says went wrong, such as a gRPC status.
    failure: Option<String>,
    /// Bytes of the response's body that are still to come, when their number is known.
    left: Option<u64>,
}

impl Exchange {
    /// The serving side.
    pub(crate) fn serving(context: Context, span: Option<Detached>) -> Self {
        Self { context: Some(context), span, status: None, failure: None, left: None }
    }

    /// The asking side.
    pub(crate) fn asking(span: Option<Detached>) -> Self {
        Self { context: None, span, status: None, failure: None, left: None }
    }

    /// Runs what is the user's in the request's context, where it has one.
    pub(crate) fn within<T>(&self, run: impl FnOnce() -> T) -> T {
        let _guard = self.enter();
        run()
    }

    /// Polls what is the user's in the request's context; a panic is recorded and goes on.
    pub(crate) fn poll<T>(&mut self, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
        let polled = self.within(|| catch_unwind(AssertUnwindSafe(poll)));
        polled.unwrap_or_else(|payload| {
            self.panicked(payload.as_ref());
            resume_unwind(payload)
        })
    }

    /// Makes the request's context current, where it has one.
    pub(crate) fn enter(&self) -> Option<ContextGuard> {
        self.context.as_ref().map(Context::attach)
    }

    /// The request's context on the serving side.
    pub(crate) fn context(&self) -> Option<&Context> {
        self.context.as_ref()
    }

    /// The response's head is there.
    pub(crate) fn responded(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.status = Some(status);
        self.failure = grpc_failure(headers);
    }

    /// The response's head is there, of a framework whose types are not ours; `error` is what it knows of a failure. The other
    /// protocol of an upgraded connection has no end that we could see.
    #[cfg(feature = "actix")]
    pub(crate) fn answered(&mut self, status: u16, error: Option<String>) {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
        self.status = Some(status);
        self.failure = error.filter(|_| status.is_server_error());
        if status == StatusCode::SWITCHING_PROTOCOLS {
            self.end();
        }
    }

    /// The trailers are there.
    pub(crate) fn trailers(&mut self, trailers: &HeaderMap) {
        self.failure = self.failure.take().or_else(|| grpc_failure(trailers));
    }

    /// The number of bytes after which a server stops asking for the body, when it is known.
    pub(crate) fn announced(&mut self, length: Option<u64>) {
        self.left = length;
    }

    /// So many bytes of the body are there.
    pub(crate) fn sent(&mut self, bytes: usize) {
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(u64::try_from(bytes).unwrap_or(u64::MAX));
        }
    }

    /// Whether all announced bytes are there; a server then does not ask for the end.
    pub(crate) fn has_sent_all(&self) -> bool {
        self.left == Some(0)
    }

    /// The body is through.
    pub(crate) fn end(&mut self) {
        let Some(span) = &mut self.span else { return };
        let status = self.status.unwrap_or(StatusCode::OK);
        // To the side that asked, its own mistakes are errors too.
        let failed = status.is_server_error() || status.is_client_error() && self.context.is_none();
        let failure = self.failure.take().or_else(|| failed.then(|| format!("HTTP {status}")));
        span.end(if failure.is_some() { Outcome::Error } else { Outcome::Ok }, |parts| {
            parts.uint(Field::StatusCode, "", status.as_u16().into());
            if let Some(failure) = &failure {
                parts.text(Field::Error, "", failure);
            }
        });
    }

    /// The service, the body or the connection failed.
    pub(crate) fn fail(&mut self, error: &str) {
        if let Some(span) = &mut self.span {
            span.end(Outcome::Error, |parts| parts.text(Field::Error, "", error));
        }
    }

    fn panicked(&mut self, payload: &(dyn std::any::Any + Send)) {
        if let Some(span) = &mut self.span {
            let text = payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
            span.end(Outcome::Panic, |parts| parts.text(Field::Error, "", text.unwrap_or("panic")));
        }
    }

    /// Nobody waits for the response any more.
    pub(crate) fn cancelled(&mut self) {
        if let Some(span) = &mut self.span {
            span.end(Outcome::Cancelled, |_| {});
        }
    }

    /// The body was dropped before its end was asked for: everything is there, the caller went away, or the side that asked has seen
    /// enough.
    pub(crate) fn body_dropped(&mut self) {
        match self.context {
            Some(_) if !self.has_sent_all() => self.cancelled(),
            _ => self.end(),
        }
    }
}

/// Whether these are the headers of a gRPC call.
#[cfg(feature = "tower")]
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(http::header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
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
