//! One request that goes out.

use crate::context::Context;
use crate::http::client::ClientOptions;
#[cfg(any(feature = "tower", feature = "reqwest", feature = "ureq"))]
use crate::http::exchange::Exchange;
use crate::http::host::allowed_hosts;
use crate::model::{Field, Parts, SpanType};
use crate::span::Detached;
use crate::suppress;
use http::uri::Authority;
use http::{HeaderMap, Method, Uri};

/// What a client knows of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    /// The number of the attempt, where a client that tries again counts.
    pub(crate) attempt: Option<u32>,
    /// The path of a gRPC call is the name of a method.
    pub(crate) is_grpc: bool,
}

impl Outgoing<'_> {
    fn write(&self, authority: Option<&Authority>, parts: &mut Parts<'_>) {
        let host = authority.map(Authority::host).unwrap_or_default();
        let port = authority.and_then(Authority::port_u16);
        let address = port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let name = match self.is_grpc {
            true => self.uri.path().trim_start_matches('/').to_owned(),
            false => format!("{} {address}", self.method),
        };
        parts.text(Field::Name, "", name.trim_end());
        // Neither user and password nor the query: both are where keys are put.
        let scheme = self.uri.scheme_str().map(|scheme| format!("{scheme}://")).unwrap_or_default();
        parts.text(Field::Input, "", &format!("{} {scheme}{address}{}", self.method, self.uri.path()));
        parts.text(Field::Metadata, "http.request.method", self.method.as_str());
        if !host.is_empty() {
            parts.text(Field::Metadata, "server.address", host);
        }
        if let Some(port) = port {
            parts.text(Field::Metadata, "server.port", &port.to_string());
        }
        if let Some(attempt) = self.attempt {
            parts.text(Field::Metadata, "http.request.attempt", &attempt.to_string());
        }
    }
}

/// A request that is about to go out.
#[derive(Debug)]
pub(crate) struct ClientCall {
    span: Option<Detached>,
    allowed: bool,
}

impl ClientCall {
    pub(crate) fn begin(options: &ClientOptions, outgoing: &Outgoing<'_>) -> Self {
        let authority = outgoing.uri.authority().or(options.authority.as_ref());
        let hosts = options.hosts.clone().unwrap_or_else(allowed_hosts);
        let allowed = match outgoing.uri.authority() {
            Some(_) => hosts.allows_uri(outgoing.uri),
            None => hosts.allows_authority(authority),
        };
        // The SDK's own requests may go through a client that the user has made traced.
        let wanted = options.span && !suppress::is_suppressed();
        let parent = Context::running();
        // A request alone is no trace: outside of any span there is nothing that it belongs to.
        let wanted = wanted && parent.trace_id().is_some();
        let span =
            wanted.then(|| Detached::open(SpanType::Workflow, &parent, |parts| outgoing.write(authority, parts)));
        Self { span, allowed }
    }

    /// Adds the headers, unless the host is not on the list.
    pub(crate) fn inject(&self, headers: &mut HeaderMap) {
        if self.allowed {
            match &self.span {
                Some(span) => span.context().inject(headers),
                None => Context::running().inject(headers),
            }
        }
    }

    #[cfg(any(feature = "tower", feature = "reqwest", feature = "ureq"))]
    pub(crate) fn into_exchange(self) -> Exchange {
        Exchange::asking(self.span)
    }
}
