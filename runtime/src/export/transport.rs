//! The HTTP client that every exporter shares: TLS, deadlines, and answers that are read only as far as they are of use.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderMap, RETRY_AFTER};
use http::{Method, StatusCode};
use reqwest::redirect::{Attempt, Policy};
use rustls_platform_verifier::BuilderVerifierExt;

use crate::config::Endpoint;
use crate::error::InitError;
use crate::pipeline::retry;

/// What is read of an answer's body; the rest is given back to the network unread.
const MAX_ANSWER: usize = 64 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_REDIRECTS: usize = 3;
/// Buffers that are kept for further bodies: as many as there are requests under way at once.
const SPARE: usize = 4;
/// One that grew past this is given back to the allocator.
const SPARE_BYTES: usize = 2 * 1024 * 1024;

/// A client for one destination.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    client: reqwest::Client,
    /// Memory of bodies that have been sent, for the next ones: fresh memory costs more to touch than a body costs to write.
    spare: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// One request, whole.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// For the whole exchange, connecting included.
    pub(crate) timeout: Duration,
}

/// What the other side said.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// At most the first 64 KiB.
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TransportError {
    /// Nothing came back in time.
    Timeout,
    /// The connection could not be made or broke; the text names the cause and never the address's secrets, for it has none.
    Network(String),
    /// The request cannot be sent at all, however often it is tried.
    Unsendable(String),
}

impl Transport {
    /// A client for `endpoint`.
    ///
    /// # Errors
    /// [`InitError::Tls`] when the system's certificates cannot be read.
    pub(crate) fn new(endpoint: &Endpoint) -> Result<Self, InitError> {
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(Policy::custom(redirect))
            .pool_idle_timeout(Duration::from_secs(50))
            .tcp_nodelay(true)
            .tls_backend_preconfigured(if endpoint.is_secure() { tls()? } else { no_tls()? });
        if endpoint.is_loopback() {
            // A proxy of the environment is for the outside world.
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| InitError::Tls { reason: describe(&error) })?;
        Ok(Self { client, spare: Arc::default() })
    }

    /// An empty buffer for a body, if there is one with memory already in it.
    pub(crate) fn buffer(&self) -> Vec<u8> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Keeps the memory of a body that nobody else holds any more.
    fn keep(&self, body: Bytes) {
        let Ok(mut body) = body.try_into_mut() else { return };
        body.clear();
        let buffer = Vec::from(body);
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if buffer.capacity() <= SPARE_BYTES && spare.len() < SPARE {
            spare.push(buffer);
        }
    }

    /// Sends one request and reads its answer. Any status is an answer.
    pub(crate) async fn send(&self, request: Request) -> Result<Answer, TransportError> {
        let timeout = request.timeout;
        let sent_body = request.body.clone();
        let sent = self
            .client
            .request(request.method, &request.url)
            .headers(request.headers)
            .body(request.body)
            .timeout(timeout)
            .send();
        let mut response = sent.await.map_err(|error| failure(&error))?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    let room = MAX_ANSWER - body.len();
                    body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                    if body.len() == MAX_ANSWER {
                        break;
                    }
                }
                Ok(None) => break,
                // The status line of an accepted request has arrived; what followed it does not change that.
                Err(_) if status.is_success() => break,
                Err(error) => return Err(failure(&error)),
            }
        }
        self.keep(sent_body);
        Ok(Answer { status, headers, body })
    }
}

impl Answer {
    /// How long the server asked to be left alone: `Retry-After` in seconds or as a date; garbage counts as absent.
    pub(crate) fn retry_after(&self, now: std::time::SystemTime) -> Option<Duration> {
        retry::retry_after(self.headers.get(RETRY_AFTER)?.to_str().ok()?, now)
    }

    /// A short piece of the body for a message, without line breaks.
    pub(crate) fn excerpt(&self) -> String {
        let end = self.body.len().min(200);
        String::from_utf8_lossy(&self.body[..end]).split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// Followed only to the same scheme, host and port, and only where method and body stay what they were.
fn redirect(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let keeps_body = matches!(attempt.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
    let same_origin = attempt.previous().last().is_some_and(|from| from.origin() == attempt.url().origin());
    if keeps_body && same_origin && attempt.previous().len() <= MAX_REDIRECTS {
        attempt.follow()
    } else {
        attempt.stop()
    }
}

fn tls() -> Result<rustls::ClientConfig, InitError> {
    let reason = |error: rustls::Error| InitError::Tls { reason: error.to_string() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(reason)?
        .with_platform_verifier()
        .map_err(reason)?
        .with_no_client_auth())
}

/// For plain HTTP: reading the system's certificates takes longer than everything else at start-up, and a machine may have none.
fn no_tls() -> Result<rustls::ClientConfig, InitError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| InitError::Tls { reason: error.to_string() })?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth())
}

fn failure(error: &reqwest::Error) -> TransportError {
    if error.is_timeout() {
        TransportError::Timeout
    } else if error.is_builder() {
        TransportError::Unsendable(describe(error))
    } else {
        TransportError::Network(describe(error))
    }
}

/// The innermost cause says what went wrong; the outer ones repeat the address.
fn describe(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

impl std::fmt::Display for TransportError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Timeout => f.write_str("no answer in time"),
            Self::Network(reason) | Self::Unsendable(reason) => f.write_str(reason),
        }
    }
}
