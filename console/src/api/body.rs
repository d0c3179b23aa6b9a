//! Request bodies: bounded in size before and after inflation, one layer of gzip or zstd or none.

use std::io::Read as _;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt as _;
use tokio::sync::Semaphore;

use super::ApiError;

/// Bytes of a body, as sent and inflated.
pub(crate) const LIMIT: usize = 20 * 1024 * 1024;

/// Where reading ends for good.
const DISCARDED: usize = 256 * 1024 * 1024;

/// How much larger than its compressed form a body may be, once it is larger than [`RATIO_FROM`].
const RATIO: usize = 200;
const RATIO_FROM: usize = 1024 * 1024;

/// How long a body may take to arrive.
const BODY: Duration = Duration::from_secs(30);

/// Bodies that inflate at the same time: each may take [`LIMIT`] of memory.
static INFLATING: Semaphore = Semaphore::const_new(4);

/// A whole JSON body.
pub(crate) struct JsonBytes(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for JsonBytes {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<JsonBytes, ApiError> {
        if media_type(&request) != Some("application/json") {
            return Err(ApiError::status(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be `application/json`"));
        }
        read(request).await.map(JsonBytes)
    }
}

/// The media type without its parameters.
pub(crate) fn media_type(request: &Request) -> Option<&str> {
    let value = request.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or(value).trim())
}

/// The body, inflated.
pub(crate) async fn read(request: Request) -> Result<Bytes, ApiError> {
    let encoding =
        match request.headers().get(header::CONTENT_ENCODING).map(|value| value.as_bytes().to_ascii_lowercase()) {
            None => None,
            Some(encoding) if encoding == b"identity" => None,
            Some(encoding) if encoding == b"gzip" || encoding == b"x-gzip" => Some(Encoding::Gzip),
            Some(encoding) if encoding == b"zstd" => Some(Encoding::Zstd),
            Some(_) => {
                return Err(ApiError::status(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "the body may be encoded with gzip, with zstd or not at all",
                ));
            }
        };
    let slow = |_| ApiError::status(StatusCode::REQUEST_TIMEOUT, "the body came too slowly");
    let bytes = tokio::time::timeout(BODY, collect(request.into_body())).await.map_err(slow)??;
    let Some(encoding) = encoding else { return Ok(bytes) };
    let _permit = INFLATING.acquire().await;
    tokio::task::spawn_blocking(move || inflate(encoding, &bytes))
        .await
        .unwrap_or_else(|_| Err(ApiError::status(StatusCode::INTERNAL_SERVER_ERROR, "the body could not be read")))
}

/// A body that is too large is read to its end all the same, up to a point: a sender that is cut off while it writes sees a broken
/// connection, which it may try again for ever, and never the answer.
async fn collect(mut body: Body) -> Result<Bytes, ApiError> {
    let mut kept = Vec::new();
    let mut size = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ApiError::status(StatusCode::BAD_REQUEST, "the body could not be read"))?;
        let Some(data) = frame.data_ref() else { continue };
        size += data.len();
        match size {
            0..=LIMIT => kept.extend_from_slice(data),
            _ if size > DISCARDED => break,
            _ => kept = Vec::new(),
        }
    }
    if size > LIMIT { Err(too_large()) } else { Ok(kept.into()) }
}

#[derive(Clone, Copy, Debug)]
enum Encoding {
    Gzip,
    Zstd,
}

fn inflate(encoding: Encoding, bytes: &[u8]) -> Result<Bytes, ApiError> {
    let limit = LIMIT.min(RATIO_FROM.max(bytes.len().saturating_mul(RATIO)));
    let mut inflated = Vec::new();
    let read = match encoding {
        Encoding::Gzip => MultiGzDecoder::new(bytes).take(limit as u64 + 1).read_to_end(&mut inflated).is_ok(),
        Encoding::Zstd => frames(bytes, limit, &mut inflated),
    };
    match (read, encoding) {
        _ if inflated.len() > limit => Err(too_large()),
        (true, _) => Ok(inflated.into()),
        (false, Encoding::Gzip) => Err(ApiError::status(StatusCode::BAD_REQUEST, "the body is not gzip")),
        (false, Encoding::Zstd) => Err(ApiError::status(StatusCode::BAD_REQUEST, "the body is not zstd")),
    }
}

/// Inflates one frame after the other, a byte beyond the limit at most.
fn frames(mut bytes: &[u8], limit: usize, inflated: &mut Vec<u8>) -> bool {
    while !bytes.is_empty() && inflated.len() <= limit {
        let left = (limit - inflated.len()) as u64 + 1;
        let Ok(frame) = ruzstd::decoding::StreamingDecoder::new(&mut bytes) else { return false };
        if frame.take(left).read_to_end(inflated).is_err() {
            return false;
        }
    }
    true
}

fn too_large() -> ApiError {
    ApiError::status(StatusCode::PAYLOAD_TOO_LARGE, format!("a body may have {LIMIT} bytes, also inflated"))
}
