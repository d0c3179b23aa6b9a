//! OTLP over HTTP. Whatever can be taken is taken; what cannot is counted in the answer, as the specification has it.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use prost::Message as _;

use super::{ApiError, body};
use crate::ingest::otlp::proto::{ExportRequest, ExportResponse, PartialSuccess, RpcStatus};
use crate::ingest::otlp::{self, Headers, Mapped, Rejected};
use crate::ingest::raw::too_deep;
use crate::model::{Id, Sources};
use crate::store::{Part, SpanPart};
use crate::time::now_ns;
use crate::{AppState, forward};

/// Bodies from this size on are decoded where they may block.
const LARGE: usize = 64 * 1024;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Protobuf,
    Json,
}

pub(super) async fn traces(State(state): State<AppState>, request: Request) -> Response {
    let encoding = match body::media_type(&request) {
        Some("application/x-protobuf" | "application/protobuf") => Encoding::Protobuf,
        Some("application/json") => Encoding::Json,
        _ => {
            let text = "the body must be `application/x-protobuf` or `application/json`";
            return ApiError::status(StatusCode::UNSUPPORTED_MEDIA_TYPE, text).into_response();
        }
    };
    let headers = named(request.headers());
    let via = match via(&state, request.headers()) {
        Ok(via) => via,
        Err(error) => return refuse(encoding, error),
    };
    match take(&state, encoding, headers, via, request).await {
        Ok(rejected) => {
            let partial_success = (rejected.count > 0)
                .then_some(PartialSuccess { rejected_spans: rejected.count, error_message: rejected.reason });
            answer(encoding, StatusCode::OK, &ExportResponse { partial_success })
        }
        Err(error) => refuse(encoding, error),
    }
}

async fn take(
    state: &AppState,
    encoding: Encoding,
    headers: Headers,
    via: String,
    request: Request,
) -> Result<Rejected, ApiError> {
    let body = body::read(request).await?;
    let size = body.len();
    let read = move || -> Result<_, ApiError> { Ok(otlp::map(decode(encoding, &body)?, &headers)) };
    let (mapped, rejected) = match size {
        ..LARGE => read()?,
        _ => tokio::task::spawn_blocking(read)
            .await
            .map_err(|_| ApiError::status(StatusCode::INTERNAL_SERVER_ERROR, "the body could not be read"))??,
    };
    if !mapped.is_empty() {
        store(state, mapped, via).await?;
    }
    Ok(rejected)
}

async fn store(state: &AppState, mut mapped: Vec<Mapped>, via: String) -> Result<(), ApiError> {
    let seen_ns = now_ns();
    let write = move |writer: &mut crate::store::Writer| {
        writer.came_via(&via);
        for span in &mut mapped {
            let place = writer.place_by_names(&span.names)?;
            if let Some((id, text)) = &span.session {
                writer.ensure_session(*id, Some(text), place)?;
            }
            let record = span.record.clone();
            writer.put(&Part::Span(SpanPart {
                trace_id: span.trace_id,
                key: span.key,
                record,
                ended: span.ended,
                place,
                sources: Sources::OTLP,
                seen_ns,
            }))?;
        }
        Ok(())
    };
    Ok(state.store.write(write).await?)
}

fn decode(encoding: Encoding, body: &Bytes) -> Result<ExportRequest, ApiError> {
    let wrong = |text: String| ApiError::status(StatusCode::BAD_REQUEST, text);
    match encoding {
        Encoding::Protobuf => {
            ExportRequest::decode(body.clone()).map_err(|error| wrong(format!("not an OTLP request: {error}")))
        }
        Encoding::Json if too_deep(body) => Err(wrong("arrays and objects nest too deep".to_owned())),
        Encoding::Json => serde_json::from_slice(body).map_err(|error| wrong(format!("not an OTLP request: {error}"))),
    }
}

/// The consoles that a request came through; refused when this one is among them.
fn via(state: &AppState, headers: &HeaderMap) -> Result<String, ApiError> {
    let Some(value) = headers.get(forward::VIA) else { return Ok(String::new()) };
    let ids: Option<Vec<Id>> =
        value.to_str().ok().and_then(|text| text.split(',').map(|id| id.trim().parse().ok()).collect());
    match ids {
        Some(ids) if ids.contains(&state.forwards.id) || ids.len() > forward::HOPS => {
            Err(ApiError::status(StatusCode::LOOP_DETECTED, "these spans were forwarded in a circle"))
        }
        Some(ids) => Ok(ids.iter().map(Id::to_hex).collect::<Vec<_>>().join(",")),
        None => Err(ApiError::status(StatusCode::BAD_REQUEST, "the list of consoles in the header cannot be read")),
    }
}

fn named(headers: &HeaderMap) -> Headers {
    let text = |name: &str| {
        headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    // LangSmith's exporters name the project in a header of their own.
    Headers {
        project: text("project").or_else(|| text("langsmith-project")),
        log_stream: text("logstream"),
        experiment_id: text("experimentid"),
    }
}

fn answer<M: prost::Message + serde::Serialize>(encoding: Encoding, status: StatusCode, message: &M) -> Response {
    let (kind, body) = match encoding {
        Encoding::Protobuf => ("application/x-protobuf", message.encode_to_vec()),
        Encoding::Json => ("application/json", serde_json::to_vec(message).unwrap_or_default()),
    };
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static(kind))], body).into_response()
}

/// The refusal of the rest of the API, with its words as a `Status` message.
fn refuse(encoding: Encoding, error: ApiError) -> Response {
    let text = match &error {
        ApiError::Status(_, text) => text.clone(),
        _ => "the console cannot take this now".to_owned(),
    };
    let plain = error.into_response();
    // Codes of gRPC: 3 is "invalid argument", 14 is "unavailable".
    let code = if plain.status().is_server_error() { 14 } else { 3 };
    let mut response = answer(encoding, plain.status(), &RpcStatus { code, message: text });
    *response.extensions_mut() = plain.extensions().clone();
    if let Some(after) = plain.headers().get(header::RETRY_AFTER) {
        response.headers_mut().insert(header::RETRY_AFTER, after.clone());
    }
    response
}
