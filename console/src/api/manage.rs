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
use crate::doctor::{Check, stored};
use crate::forward::ForwardStatus;
use crate::model::{Depth, TraceQuery};
use crate::store::{Pruned, Recovered};
use crate::time::now_ns;

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
    /// Traces that the text index does not hold yet.
    unindexed: i64,
    /// What could be saved, when the database was found to be damaged at the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovered: Option<Recovered>,
    forward: Vec<ForwardStatus>,
}

/// `GET /api/console/status`
pub(super) async fn status(State(state): State<AppState>) -> Result<Json<Status>, ApiError> {
    let forward = state.forwards.status(&state.store).await?;
    let (database_bytes, traces, unindexed) = state.store.size().await?;
    Ok(Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        database_bytes,
        traces,
        unindexed,
        recovered: state.store.recovered().cloned(),
        forward,
    }))
}

/// `GET /api/console/doctor`: what the stored traces tell about missing links and spans.
pub(super) async fn doctor(State(state): State<AppState>) -> Result<Json<Vec<Check>>, ApiError> {
    let latest = state.store.traces(TraceQuery { limit: stored::TRACES, ..TraceQuery::default() }).await?;
    let mut views = Vec::with_capacity(latest.rows.len());
    for summary in latest.rows.iter().filter(|summary| summary.span_count <= MOST_SPANS) {
        views.extend(state.store.trace(summary.id, Depth::Outline).await?);
    }
    let waiting = state.store.waiting_updates().await?;
    let refusals = state.refusals.clone();
    let checks = tokio::task::spawn_blocking(move || stored::checks(&views, &refusals, waiting, now_ns())).await;
    checks
        .map(Json)
        .map_err(|_| ApiError::status(StatusCode::INTERNAL_SERVER_ERROR, "the traces could not be looked at"))
}

/// Larger traces are left out: what is wrong with a service shows in its small ones too.
const MOST_SPANS: u64 = 2_000;
