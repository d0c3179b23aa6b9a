//! Headers for one request, whatever client sends it.

use super::{ClientCall, ClientOptions, Outgoing};

/// Adds the headers that continue the running trace to a request.
///
/// ```
/// use galileo::middleware::RequestExt;
///
/// let request = http::Request::post("http://127.0.0.1:8081/search").body("query")?.with_tracing_headers();
/// # assert!(request.headers().is_empty());
/// # Ok::<(), http::Error>(())
/// ```
pub trait RequestExt: Sized {
    /// The request with the headers of the current span; unchanged when there is nothing to send, or when the host is not on the
    /// list that [`allow_hosts`](crate::middleware::allow_hosts) was given.
    ///
    /// Members of `baggage` that the request has already stay and win over those of the context.
    #[must_use]
    fn with_tracing_headers(self) -> Self;
}

impl<B> RequestExt for http::Request<B> {
    fn with_tracing_headers(mut self) -> Self {
        let outgoing = Outgoing { method: self.method(), uri: self.uri(), attempt: None, is_grpc: false };
        let call = ClientCall::begin(&ClientOptions::default(), &outgoing);
        call.inject(self.headers_mut());
        self
    }
}
