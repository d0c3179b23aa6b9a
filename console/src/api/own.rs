//! The console's own JSON, for its command line and for scripts: the list of traces and whole trees as in [`crate::model`].

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::ApiError;
use crate::AppState;
use crate::model::{Depth, Id, SpanType, TraceQuery, TraceSummary};

/// The filters of the list as they stand in an address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Filters {
    project: Option<String>,
    log_stream: Option<String>,
    session: Option<String>,
    service: Option<String>,
    failed: Option<bool>,
    open: Option<bool>,
    span_type: Option<String>,
    text: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// One page of the list.
#[derive(Serialize)]
pub(super) struct TracePage {
    traces: Vec<TraceSummary>,
    next: Option<String>,
}

pub(super) async fn traces(
    State(state): State<AppState>,
    Query(filters): Query<Filters>,
) -> Result<Json<TracePage>, ApiError> {
    let query = TraceQuery {
        project_id: id("project", filters.project)?,
        log_stream_id: id("log_stream", filters.log_stream)?,
        session_id: id("session", filters.session)?,
        service: filters.service,
        failed: filters.failed,
        open: filters.open,
        span_type: filters.span_type.map(|name| SpanType::parse(&name).ok_or_else(|| bad("span_type"))).transpose()?,
        text: filters.text,
        after: filters.after.map(|text| text.parse().map_err(|_| bad("after"))).transpose()?,
        limit: filters.limit.unwrap_or(0),
        ..TraceQuery::default()
    };
    let page = state.store.traces(query).await?;
    Ok(Json(TracePage { traces: page.rows, next: page.next.map(|next| next.to_string()) }))
}

pub(super) async fn trace(State(state): State<AppState>, Path(trace_id): Path<String>) -> Result<Response, ApiError> {
    let id: Id = trace_id.parse().map_err(|_| bad("trace id"))?;
    let view = state.store.trace(id.as_v4(), Depth::Full).await?.ok_or_else(|| ApiError::not_found("trace"))?;
    let text = tokio::task::spawn_blocking(move || serde_json::to_string(&view)).await;
    let text = text
        .ok()
        .and_then(Result::ok)
        .ok_or_else(|| ApiError::status(StatusCode::INTERNAL_SERVER_ERROR, "the trace could not be written"))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

fn id(name: &str, text: Option<String>) -> Result<Option<Id>, ApiError> {
    text.filter(|text| !text.is_empty()).map(|text| text.parse().map_err(|_| bad(name))).transpose()
}

fn bad(name: &str) -> ApiError {
    ApiError::status(StatusCode::BAD_REQUEST, format!("`{name}` is not valid"))
}
