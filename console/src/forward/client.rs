//! One request to a target, and what its answer means for the batch.

use std::io::Write as _;
#[cfg(test)]
use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;
use reqwest::StatusCode;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};

use super::target::Target;
use super::{TargetError, VIA};
use crate::ingest::otlp::proto::{ExportRequest, ExportResponse};

/// How long a target may take to answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of an answer that are read.
const ANSWER: usize = 64 * 1024;

/// What the answer to a batch means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Taken, but for so many spans.
    Taken { refused: i64, reason: String },
    /// Try again, not before this has passed.
    Later { wait: Option<Duration>, reason: String },
    /// Not as it is: too large, or something in it is refused for good.
    Refused { reason: String },
    /// The spans came from there.
    Loop,
}

/// A client that speaks to one target and nobody else.
#[derive(Clone, Debug)]
pub(super) struct Client {
    target: Target,
    http: reqwest::Client,
}

impl Client {
    pub(super) fn new(target: &Target) -> Result<Client, TargetError> {
        let resolver = Guarded { target: Arc::new(target.clone()), inner: System };
        Client::with_resolver(target, Arc::new(resolver))
    }

    fn with_resolver<R: Resolve + 'static>(target: &Target, resolver: Arc<R>) -> Result<Client, TargetError> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .connect_timeout(Duration::from_secs(10))
            .user_agent(concat!("galileo-console/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(resolver)
            .build()
            .map_err(|error| TargetError::other(format!("cannot forward: {error}")))?;
        Ok(Client { target: target.clone(), http })
    }

    pub(super) async fn send(&self, request: &ExportRequest, via: &str) -> Answer {
        let body = request.encode_to_vec();
        let mut post = self
            .http
            .post(self.target.url.clone())
            .headers(self.target.headers.clone())
            .header(CONTENT_TYPE, "application/x-protobuf")
            .header(VIA, via);
        // On loopback the time to compress is worth more than the bytes.
        post = match (self.target.is_encrypted() && body.len() > 1024).then(|| gzip(&body)).flatten() {
            Some(small) => post.header(CONTENT_ENCODING, "gzip").body(small),
            None => post.body(body),
        };
        let mut response = match post.send().await {
            Ok(response) => response,
            Err(error) => return Answer::Later { wait: None, reason: described(&error) },
        };
        let status = response.status();
        let wait = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        let mut answer = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            answer.extend_from_slice(&chunk);
            if answer.len() > ANSWER {
                break;
            }
        }
        judge(status, wait, &answer)
    }
}

/// The specification of OTLP names the answers after which a request may be repeated. Others are repeated here too when their cause lies
/// in how the target is set up, because somebody can mend that: an address or key that is wrong today must not cost today's spans.
fn judge(status: StatusCode, wait: Option<Duration>, body: &[u8]) -> Answer {
    let reason = format!("it answered {status}");
    match status.as_u16() {
        200..=299 => {
            let partial = ExportResponse::decode(body).ok().and_then(|response| response.partial_success);
            let (refused, reason) =
                partial.map(|partial| (partial.rejected_spans, partial.error_message)).unwrap_or_default();
            Answer::Taken { refused, reason }
        }
        508 => Answer::Loop,
        400 | 413 | 422 => Answer::Refused { reason },
        300..=399 => Answer::Later { wait, reason: format!("{reason}; redirects are not followed") },
        _ => Answer::Later { wait, reason },
    }
}

fn gzip(body: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}

/// What went wrong, down to the cause, without the address, whose query may hold a key.
fn described(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it did not answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let text = cause.to_string();
    if text.contains("://") { "it cannot be reached".to_owned() } else { format!("it cannot be reached: {text}") }
}

/// Leaves out of a resolver's answer where spans may not go.
struct Guarded<R> {
    target: Arc<Target>,
    inner: R,
}

impl<R: Resolve> Resolve for Guarded<R> {
    fn resolve(&self, name: Name) -> Resolving {
        let (target, answer) = (Arc::clone(&self.target), self.inner.resolve(name));
        Box::pin(async move {
            let found: Vec<SocketAddr> = answer.await?.collect();
            let mut why = "its name has no address";
            let allowed: Vec<SocketAddr> = found
                .into_iter()
                .filter(|address| target.allows(address.ip()).map_err(|reason| why = reason).is_ok())
                .collect();
            if allowed.is_empty() {
                return Err(format!("its name leads to {why}").into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// The resolver of the operating system.
struct System;

impl Resolve for System {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// A resolver with answers that were written down, one after the other.
#[cfg(test)]
pub(super) struct Scripted(pub(super) std::sync::Mutex<Vec<IpAddr>>);

#[cfg(test)]
impl Resolve for Scripted {
    fn resolve(&self, _: Name) -> Resolving {
        let mut script = self.0.lock().unwrap();
        let next = if script.len() > 1 { script.remove(0) } else { script[0] };
        Box::pin(async move { Ok(Box::new(std::iter::once(SocketAddr::new(next, 0))) as Addrs) })
    }
}

#[cfg(test)]
impl Client {
    pub(super) fn scripted(target: &Target, script: Vec<IpAddr>) -> Client {
        let inner = Scripted(std::sync::Mutex::new(script));
        Client::with_resolver(target, Arc::new(Guarded { target: Arc::new(target.clone()), inner })).unwrap()
    }
}
