//! A context and its headers, both ways.
//!
//! What headers name: the current span, or for an llm or control span its nearest ancestor that may have children. In batch mode
//! they are W3C headers only, because the Galileo trace does not exist before it is complete.

use super::active::{self, Active};
use super::{Context, Rare, Remote, RemoteKind, lineage};
use crate::model::SpanId;
use crate::pipeline::global;
use crate::propagation::{
    Baggage, Carrier, CarrierMut, EnvCarrier, GalileoContext, OutgoingContext, TraceFlags, TraceState, Traceparent,
    W3cContext, installed, writes_langsmith,
};
use crate::{diag, suppress};
use http::HeaderMap;
use std::fmt;

/// The headers that continue this trace in another service; empty when there is nothing to send.
///
/// Put them on a request of any client. They name the current span, which is announced to the backend at once in distributed
/// mode, so that the other service finds its parent there.
///
/// ```
/// let mut request = http::Request::post("http://127.0.0.1:8081/search").body(())?;
/// request.headers_mut().extend(galileo::get_tracing_headers());
/// assert!(request.headers().is_empty(), "nobody records");
/// # Ok::<(), http::Error>(())
/// ```
#[must_use]
pub fn get_tracing_headers() -> HeaderMap {
    try_get_tracing_headers().unwrap_or_default()
}

/// As [`get_tracing_headers`], with the reason when there is nothing to send.
///
/// # Errors
///
/// [`NoHeaders`] says what is missing.
pub fn try_get_tracing_headers() -> Result<HeaderMap, NoHeaders> {
    let mut headers = HeaderMap::new();
    let (active, rare) = active::current();
    write(active, rare.as_deref(), &mut headers);
    if !headers.is_empty() {
        return Ok(headers);
    }
    Err(if suppress::is_suppressed() {
        NoHeaders::Suppressed
    } else if !active.trace.is_none() {
        NoHeaders::NoPropagators
    } else if global::enabled() {
        NoHeaders::NoTrace
    } else {
        NoHeaders::NotRecording
    })
}

/// Why there are no headers to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoHeaders {
    /// Nobody called `init`, or recording is switched off, and no headers came in that could be passed on.
    NotRecording,
    /// No span is open here.
    NoTrace,
    /// `GALILEO_PROPAGATORS` is `none`.
    NoPropagators,
    /// This is the SDK's own work, which is not traced.
    Suppressed,
}

impl fmt::Display for NoHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotRecording => "nobody records\n  call `galileo::init` and keep the guard",
            Self::NoTrace => {
                "no span is open here\n  make the headers inside a traced function, or carry the context over `spawn`"
            }
            Self::NoPropagators => "no propagator is chosen\n  set `GALILEO_PROPAGATORS`",
            Self::Suppressed => "the SDK's own requests are not traced",
        })
    }
}

impl std::error::Error for NoHeaders {}

impl Context {
    /// Reads the headers of a request, or any other carrier: a context whose spans continue the caller's trace.
    ///
    /// Without readable headers it is [`Context::root`]: spans in it begin a trace of their own. Nothing in a header is an
    /// error; what cannot be read is counted in [`crate::propagation::rejected_headers`].
    ///
    /// ```
    /// use galileo::Context;
    ///
    /// let mut job = std::collections::HashMap::new();
    /// job.insert("X-Galileo-Trace-ID".to_owned(), "8e69c645-b678-45e1-9c61-dcbed822f9db".to_owned());
    /// let context = Context::extract(&job);
    /// assert_eq!(context.trace_id().map(|id| id.to_string()).as_deref(), Some("8e69c645-b678-45e1-9c61-dcbed822f9db"));
    /// assert!(Context::extract(&http::HeaderMap::new()).trace_id().is_none());
    /// ```
    #[must_use]
    pub fn extract(carrier: &dyn Carrier) -> Self {
        let headers = installed().extract(carrier);
        if let Some(rejection) = headers.rejected.first() {
            diag::warn(
                "headers",
                format_args!(
                    "incoming header `{}` is {} and was taken as absent",
                    rejection.header.name(),
                    rejection.reason
                ),
            );
        }
        let remote = Remote::from_headers(&headers);
        let mut rare = Rare { baggage: headers.baggage, ..Rare::default() };
        #[cfg(feature = "testing")]
        {
            rare.watch = crate::pipeline::watch::current();
        }
        if let Some(langsmith) = headers.langsmith {
            rare.tags = langsmith.tags;
            rare.metadata = langsmith.metadata.into_iter().map(|(key, value)| (key, text(value))).collect();
        }
        match remote {
            Some(remote) => {
                let context = Self::from_remote(remote.clone());
                rare.remote = Some(remote);
                context.with_rare(rare)
            }
            None if rare.baggage.is_empty() => Self::root(),
            None => Self::root().with_rare(rare),
        }
    }

    /// Writes this context into any carrier: a message's headers, a job's metadata, a JSON object.
    ///
    /// ```
    /// let mut job = std::collections::BTreeMap::<String, String>::new();
    /// galileo::Context::current().inject(&mut job);
    /// assert!(job.is_empty(), "no trace runs here");
    /// ```
    pub fn inject(&self, carrier: &mut dyn CarrierMut) {
        write(self.active, self.rare.as_deref(), carrier);
    }

    /// The variables that continue this context in a child process; see [`Context::from_env`].
    #[must_use]
    pub fn to_env(&self) -> EnvCarrier {
        let mut variables = EnvCarrier::new();
        self.inject(&mut variables);
        variables
    }

    /// Reads the variables of this process, as a parent process set them: `TRACEPARENT`, `TRACESTATE`, `BAGGAGE`,
    /// `X_GALILEO_TRACE_ID`, `X_GALILEO_PARENT_ID`, `LANGSMITH_TRACE`.
    #[must_use]
    pub fn from_env() -> Self {
        Self::extract(&crate::config::process_variables().collect::<EnvCarrier>())
    }

    /// The application's members of W3C baggage.
    #[must_use]
    pub fn baggage(&self) -> Option<&Baggage> {
        self.rare().map(|rare| &rare.baggage)
    }

    /// The same context with these members of W3C baggage, which go on with every request made in it.
    #[must_use]
    pub fn with_baggage(self, baggage: Baggage) -> Self {
        let rare = Rare { baggage, ..self.rare().cloned().unwrap_or_default() };
        self.with_rare(rare)
    }
}

fn text(value: serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}

/// Writes the headers of a context and tells the worker that they are about to leave.
pub(crate) fn write(active: Active, rare: Option<&Rare>, carrier: &mut dyn CarrierMut) {
    if suppress::is_suppressed() {
        return;
    }
    let outgoing = outgoing(active, rare);
    if active.is_local() {
        active::report_propagated(active);
    }
    installed().inject(&outgoing, carrier);
}

fn outgoing(active: Active, rare: Option<&Rare>) -> OutgoingContext {
    let remote = rare.and_then(|rare| rare.remote.as_ref());
    let mut outgoing =
        OutgoingContext { baggage: rare.map(|rare| rare.baggage.clone()).unwrap_or_default(), ..Default::default() };
    if active.trace.is_none() {
        return outgoing;
    }
    outgoing.w3c = Some(w3c(active, remote));
    outgoing.galileo = galileo(active, remote);
    if writes_langsmith() {
        outgoing.langsmith = lineage::outgoing(active, rare);
    }
    outgoing
}

/// Galileo's ids, where the trace exists on Galileo's side: here, in distributed mode, or in the service that called.
fn galileo(active: Active, remote: Option<&Remote>) -> Option<GalileoContext> {
    let parent = |parent: SpanId| (!parent.is_none()).then_some(parent);
    if active.is_local() {
        let trace_id = active.trace;
        return global::distributed().then(|| GalileoContext { trace_id, parent_id: parent(active.anchor) });
    }
    // No span of ours is in between, so the caller's own ids go on.
    match remote?.kind {
        RemoteKind::Galileo { parent: span } => {
            Some(GalileoContext { trace_id: active.trace, parent_id: parent(span) })
        }
        RemoteKind::Foreign => None,
    }
}

fn w3c(active: Active, remote: Option<&Remote>) -> W3cContext {
    let received = remote.and_then(|remote| remote.w3c.as_ref());
    // Where this process keeps no spans it is transparent: the caller's decision and its span go on as they came.
    let sampled = remote.filter(|_| !active.is_local()).map_or_else(|| active.is_recorded(), |remote| remote.sampled);
    let parent_id = if active.is_local() && !active.anchor.is_none() {
        active.anchor.w3c()
    } else if !sampled {
        // Nobody keeps these spans, so every request gets a parent of its own.
        SpanId::random().w3c()
    } else {
        remote.and_then(Remote::w3c_parent_id).unwrap_or_else(|| active.trace.w3c_parent())
    };
    // Version 4 ids are random in their last seven bytes.
    let flags = received.map_or_else(|| TraceFlags::default().with_random(true), |w3c| w3c.traceparent.flags);
    W3cContext {
        traceparent: Traceparent {
            trace_id: remote.map_or_else(|| active.trace.to_bytes(), Remote::w3c_trace_id),
            parent_id,
            flags: flags.with_sampled(sampled),
        },
        tracestate: received.map_or_else(TraceState::default, |w3c| w3c.tracestate.clone()),
    }
}
