//! Headers and spans for `reqwest`.

use super::{ClientCall, ClientOptions, Outgoing, RequestExt};
use crate::context::get_tracing_headers;
use crate::http::host::{AllowedHosts, allowed_hosts};
use http::Uri;
use http::header::HeaderName;
use reqwest::redirect::Policy;
use reqwest::{Request, RequestBuilder, Response, Url};
use std::error::Error;
use std::fmt::Write;
use std::future::Future;
use std::sync::Arc;

impl RequestExt for Request {
    fn with_tracing_headers(mut self) -> Self {
        let call = begin(&ClientOptions::default(), &self, None);
        call.inject(self.headers_mut());
        self
    }
}

impl RequestExt for RequestBuilder {
    fn with_tracing_headers(self) -> Self {
        // A builder shows nothing of its request. A copy tells whether there is a valid one; only then is it taken apart, because the
        // error of an invalid one could not be put back.
        if let Some(copy) = self.try_clone() {
            return match self.build_split() {
                (client, Ok(request)) => Self::from_parts(client, request.with_tracing_headers()),
                (_, Err(_)) => copy,
            };
        }
        // A streamed body cannot be copied: its address stays unknown, so nothing goes out when only some hosts are allowed.
        if !allowed_hosts().allows_all() {
            return self;
        }
        let baggage = HeaderName::from_static("baggage");
        let mut headers = get_tracing_headers();
        let ours = headers.remove(&baggage);
        // `headers` replaces and `header` adds: a second line of baggage leaves the application's own alone.
        let builder = self.headers(headers);
        match ours {
            Some(value) => builder.header(baggage, value),
            None => builder,
        }
    }
}

/// Sends a request in a span of its own.
pub trait SendExt {
    /// Adds the headers and sends the request in a client span, which records method, host, status and errors and ends with the
    /// response's head. Outside of any trace the request is sent as it is.
    ///
    /// ```no_run
    /// # async fn run(client: reqwest::Client) -> Result<(), reqwest::Error> {
    /// use galileo::middleware::SendExt;
    ///
    /// let response = client.post("http://127.0.0.1:8081/search").body("query").send_traced().await?;
    /// # Ok(()) }
    /// ```
    fn send_traced(self) -> impl Future<Output = reqwest::Result<Response>> + Send;
}

impl SendExt for RequestBuilder {
    async fn send_traced(self) -> reqwest::Result<Response> {
        let (client, request) = self.build_split();
        let mut request = request?;
        let call = begin(&ClientOptions { span: true, ..ClientOptions::default() }, &request, None);
        call.inject(request.headers_mut());
        let mut exchange = call.into_exchange();
        let result = client.execute(request).await;
        match &result {
            Ok(response) => {
                exchange.responded(response.status(), response.headers());
                exchange.end();
            }
            Err(error) => exchange.fail(&describe(error)),
        }
        result
    }
}

/// Follows redirects as reqwest does by itself, but not from a host that gets headers to one that does not: reqwest would take them
/// along. Such a redirect is the response.
///
/// For the hosts of the process, those of [`allow_hosts`](crate::middleware::allow_hosts) and `GALILEO_PROPAGATION_HOSTS`. Without a
/// list, every redirect is followed.
///
/// ```
/// let client = reqwest::Client::builder().redirect(galileo::middleware::redirect_policy());
/// # drop(client);
/// ```
pub fn redirect_policy() -> Policy {
    policy(allowed_hosts)
}

impl AllowedHosts {
    /// [`redirect_policy`] for the hosts of one client.
    pub fn redirect_policy(&self) -> Policy {
        let hosts = Arc::new(self.clone());
        policy(move || Arc::clone(&hosts))
    }
}

fn policy(hosts: impl Fn() -> Arc<AllowedHosts> + Send + Sync + 'static) -> Policy {
    let usual = Policy::default();
    Policy::custom(move |attempt| {
        let hosts = hosts();
        let gets_headers = |url: &Url| hosts.allows_uri(&uri_of(url));
        // The headers are those of the first request, whatever hosts lie between.
        let has_headers = attempt.previous().first().is_none_or(gets_headers);
        if has_headers && !gets_headers(attempt.url()) { attempt.stop() } else { usual.redirect(attempt) }
    })
}

pub(super) fn begin(options: &ClientOptions, request: &Request, attempt: Option<u32>) -> ClientCall {
    let uri = uri_of(request.url());
    ClientCall::begin(options, &Outgoing { method: request.method(), uri: &uri, attempt, is_grpc: false })
}

/// Every address that reqwest accepts has these parts; one that does not fit the other type has no host we know.
fn uri_of(url: &Url) -> Uri {
    url.as_str().parse().unwrap_or_default()
}

/// The error without the address, whose query may hold a key.
pub(super) fn describe(error: &reqwest::Error) -> String {
    let mut text = String::from(if error.is_timeout() {
        "timeout"
    } else if error.is_connect() {
        "connection failed"
    } else {
        "request failed"
    });
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}
