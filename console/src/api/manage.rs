//! For whoever runs the console: its counters, and changes to the database.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};

use super::ApiError;
use super::body::JsonBytes;
use crate::AppState;
use crate::forward::ForwardStatus;
use crate::store::Pruned;

/// What to keep; at least one is needed, so that an empty request deletes nothing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keep {
    seconds: Option<u64>,
    bytes: Option<u64>,
}

/// `POST /api/console/prune`
pub(super) async fn prune(State(state): State<AppState>, JsonBytes(body): JsonBytes) -> Result<Json<Pruned>, ApiError> {
    let keep: Keep = serde_json::from_slice(&body)
        .map_err(|_| ApiError::status(StatusCode::BAD_REQUEST, "`seconds` and `bytes` say what to keep"))?;
    if keep.seconds.is_none() && keep.bytes.is_none() {
        return Err(ApiError::status(StatusCode::BAD_REQUEST, "`seconds` or `bytes` must say what to keep"));
    }
    Ok(Json(state.store.prune(keep.seconds.map(Duration::from_secs), keep.bytes).await?))
}

/// `GET /metrics`
pub(super) async fn metrics(State(state): State<AppState>) -> Result<impl IntoResponse, ApiError> {
    let forwards = state.forwards.status(&state.store).await?;
    let text = state.metrics.scrape(&state.store, &forwards).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}

/// What a console says about itself.
#[derive(Debug, Serialize)]
pub(super) struct Status {
    version: &'static str,
    /// Bytes that the traces take.
    database_bytes: i64,
    traces: i64,
    forward: Vec<ForwardStatus>,
}

/// `GET /api/console/status`
pub(super) async fn status(State(state): State<AppState>) -> Result<Json<Status>, ApiError> {
    let forward = state.forwards.status(&state.store).await?;
    let (database_bytes, traces) = state.store.size().await?;
    Ok(Json(Status { version: env!("CARGO_PKG_VERSION"), database_bytes, traces, forward }))
}
