//! One trace as a file or for another tool: OTLP JSON, the console's own JSON, and Tempo's API.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use prost::Message as _;
use serde::Deserialize;

use super::ApiError;
use crate::AppState;
use crate::export::{otlp, tempo};
use crate::model::{Depth, Id, TraceView};

/// The form of a download.
#[derive(Debug, Deserialize)]
pub(super) struct Form {
    form: Option<String>,
}

/// `GET /api/console/traces/{id}/download?form=otlp|console`
pub(super) async fn trace(
    State(state): State<AppState>,
    Path(trace_id): Path<String>,
    Query(form): Query<Form>,
) -> Result<Response, ApiError> {
    let (view, id) = find(&state, &trace_id).await?;
    let otlp_form = match form.form.as_deref() {
        None | Some("otlp") => true,
        Some("console") => false,
        Some(_) => return Err(ApiError::status(StatusCode::BAD_REQUEST, "`form` is `otlp` or `console`")),
    };
    let text = in_background(move || {
        if otlp_form { serde_json::to_vec(&otlp::request(view, None)) } else { serde_json::to_vec(&view) }
    })
    .await?;
    let name = format!("attachment; filename=\"trace-{id}.{}.json\"", if otlp_form { "otlp" } else { "console" });
    Ok(([(header::CONTENT_TYPE, "application/json".to_owned()), (header::CONTENT_DISPOSITION, name)], text)
        .into_response())
}

/// `GET /api/traces/{id}` as Tempo has it: JSON, or protobuf for who accepts that.
pub(super) async fn tempo_trace(
    State(state): State<AppState>,
    Path(trace_id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (view, id) = find(&state, &trace_id).await?;
    let protobuf = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("application/protobuf"));
    if protobuf {
        let bytes = in_background(move || Ok(otlp::request(view, Some(id.0)).encode_to_vec())).await?;
        return Ok(([(header::CONTENT_TYPE, "application/protobuf")], bytes).into_response());
    }
    let text = in_background(move || serde_json::to_vec(&tempo::trace(&otlp::request(view, Some(id.0))))).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

/// The trace, and the id as it was asked for.
async fn find(state: &AppState, trace_id: &str) -> Result<(TraceView, Id), ApiError> {
    // Tempo takes ids without their leading zeros.
    let padded = if trace_id.len() < 32 { format!("{trace_id:0>32}") } else { trace_id.to_owned() };
    let id: Id = padded.parse().map_err(|_| ApiError::status(StatusCode::BAD_REQUEST, "the trace id is not valid"))?;
    let view = state.store.trace(id.as_v4(), Depth::Full).await?.ok_or_else(|| ApiError::not_found("trace"))?;
    Ok((view, id))
}

/// Writing a large trace takes a while.
async fn in_background(
    write: impl FnOnce() -> serde_json::Result<Vec<u8>> + Send + 'static,
) -> Result<Vec<u8>, ApiError> {
    tokio::task::spawn_blocking(write)
        .await
        .ok()
        .and_then(Result::ok)
        .ok_or_else(|| ApiError::status(StatusCode::INTERNAL_SERVER_ERROR, "the trace could not be written"))
}
