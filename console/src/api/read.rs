//! One trace, span or session in the published form.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::fault::path_id;
use super::{ApiError, record};
use crate::AppState;
use crate::model::{Depth, TraceQuery};

pub(super) async fn trace(
    State(state): State<AppState>,
    Path((project_id, trace_id)): Path<(String, String)>,
) -> Result<impl IntoResponse, ApiError> {
    path_id("project_id", &project_id)?;
    let id = path_id("trace_id", &trace_id)?;
    // A trace may have come in parts to several projects; it is the same tree from each of them.
    let view = state.store.trace(id, Depth::Full).await?.ok_or_else(|| ApiError::not_found("trace"))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], record::nested_trace(view)))
}

pub(super) async fn span(
    State(state): State<AppState>,
    Path((project_id, span_id)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    path_id("project_id", &project_id)?;
    let id = path_id("span_id", &span_id)?;
    let not_found = || ApiError::not_found("span");
    let found = state.store.span(id, None).await?.ok_or_else(not_found)?;
    let summary = state.store.summary(found.trace_id).await?.ok_or_else(not_found)?;
    let parent_id = found.span.parent_id.unwrap_or(found.trace_id);
    Ok(Json(Value::Object(record::span(found.span, parent_id, &record::Place::of(&summary), false))))
}

pub(super) async fn session(
    State(state): State<AppState>,
    Path((project_id, session_id)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    path_id("project_id", &project_id)?;
    let id = path_id("session_id", &session_id)?;
    let session = state.store.session(id).await?.ok_or_else(|| ApiError::not_found("session"))?;
    let traces = state.store.traces(TraceQuery { session_id: Some(id), limit: 500, ..TraceQuery::default() }).await?;
    let mut record = record::session(&session);
    record.insert(
        "traces".into(),
        json!(traces.rows.iter().map(|summary| record::trace(summary, Default::default())).collect::<Vec<_>>()),
    );
    Ok(Json(Value::Object(record)))
}
