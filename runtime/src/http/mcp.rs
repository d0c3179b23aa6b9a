//! Model Context Protocol: the trace travels in `params._meta`, which is the only road for servers on standard input and output.

use crate::capture::Value;
use crate::context::{Context, InContext};
use crate::model::{Field, Outcome, SpanType};
use crate::span::Detached;
use rmcp::model::{
    ClientRequest, ErrorData, Extensions, RequestMetaObject, RequestParamsMeta, ServerConfig, ServerResult,
};
use rmcp::service::{NotificationContext, RequestContext, RoleServer, Service, ServiceRole};
use std::borrow::Cow;

/// The trace in a request's `_meta`.
pub trait MetaExt: Sized {
    /// The parameters with the current span in their `_meta`: the bare keys `traceparent`, `tracestate` and `baggage`, and
    /// Galileo's ids for servers that speak them.
    ///
    /// ```
    /// use galileo::middleware::mcp::MetaExt;
    /// use rmcp::model::CallToolRequestParams;
    ///
    /// let params = CallToolRequestParams::new("search").with_tracing_meta();
    /// assert!(params.meta.is_none(), "no trace runs here");
    /// ```
    #[must_use]
    fn with_tracing_meta(self) -> Self;
}

impl<P: RequestParamsMeta> MetaExt for P {
    fn with_tracing_meta(mut self) -> Self {
        let mut meta = self.meta().cloned().unwrap_or_default();
        Context::running().inject(&mut **meta);
        if !meta.is_empty() {
            self.set_meta(meta);
        }
        self
    }
}

/// The context of a request: what its `_meta` says, else the headers of the HTTP request that brought it.
#[must_use]
pub fn request_context(meta: &RequestMetaObject, extensions: &Extensions) -> Context {
    let named: &serde_json::Map<String, serde_json::Value> = meta;
    let context = Context::extract(named);
    match extensions.get::<http::request::Parts>() {
        Some(parts) if context.trace_id().is_none() => Context::extract(&parts.headers),
        _ => context,
    }
}

/// A server whose requests continue the client's trace; each call of a tool is a tool span.
///
/// ```
/// use galileo::middleware::mcp::McpTracing;
///
/// struct Search;
/// impl rmcp::ServerHandler for Search {}
///
/// let server = McpTracing::new(Search);
/// // server.serve(rmcp::transport::stdio()).await?
/// # let _ = server;
/// ```
#[derive(Debug, Clone)]
pub struct McpTracing<H> {
    inner: H,
}

impl<H> McpTracing<H> {
    /// Wraps a server.
    pub fn new(inner: H) -> Self {
        Self { inner }
    }
}

impl<H: Service<RoleServer>> Service<RoleServer> for McpTracing<H> {
    async fn handle_request(
        &self,
        request: ClientRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        let parent = request_context(&context.meta, &context.extensions);
        let ClientRequest::CallToolRequest(call) = &request else {
            return self.inner.handle_request(request, context).in_context(parent).await;
        };
        let mut span = Detached::open(SpanType::Tool, &parent, |parts| {
            parts.text(Field::Name, "", &call.params.name);
            if let Some(arguments) = &call.params.arguments {
                Value::Json(arguments).put(Field::Input, "", parts);
            }
        });
        let inside = span.context().clone();
        let result = self.inner.handle_request(request, context).in_context(inside).await;
        let failed = match &result {
            Ok(ServerResult::CallToolResult(result)) => result.is_error == Some(true),
            Ok(_) => false,
            Err(_) => true,
        };
        span.end(if failed { Outcome::Error } else { Outcome::Ok }, |parts| match &result {
            Ok(ServerResult::CallToolResult(result)) => Value::Json(&result.content).put(Field::Output, "", parts),
            Ok(_) => {}
            Err(error) => parts.text(Field::Error, "", &error.to_string()),
        });
        result
    }

    async fn handle_notification(
        &self,
        notification: <RoleServer as ServiceRole>::PeerNot,
        context: NotificationContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.inner.handle_notification(notification, context).await
    }

    fn get_info(&self) -> ServerConfig {
        self.inner.get_info()
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [rmcp::model::ProtocolVersion]> {
        self.inner.supported_protocol_versions()
    }
}
