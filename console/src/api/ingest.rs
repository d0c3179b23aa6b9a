//! Taking traces and spans. The answer goes out after the commit, whatever `reliable` says.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::ApiError;
use super::body::JsonBytes;
use super::fault::path_id;
use crate::AppState;
use crate::ingest::check::Finding;
use crate::ingest::galileo::{self, Delivery, Draft};
use crate::model::Id;
use crate::store::{NewSession, Part, Target};

/// Bodies from this size on are parsed where they may block.
const LARGE: usize = 256 * 1024;

pub(super) async fn traces(
    State(state): State<AppState>,
    Path(project_id): Path<String>,
    JsonBytes(body): JsonBytes,
) -> Result<Json<Value>, ApiError> {
    let project_id = path_id("project_id", &project_id)?;
    let delivery = parse(body, move |body| galileo::traces(project_id, body)).await?;
    let (trace_ids, spans) = (delivery.trace_ids.clone(), delivery.spans);
    let mut answer = store(&state, delivery).await?;
    answer["records_count"] = json!(spans + trace_ids.len());
    answer["traces_count"] = json!(trace_ids.len());
    answer["spans_count"] = json!(spans);
    answer["trace_ids"] = json!(trace_ids);
    Ok(Json(answer))
}

pub(super) async fn spans(
    State(state): State<AppState>,
    Path(project_id): Path<String>,
    JsonBytes(body): JsonBytes,
) -> Result<Json<Value>, ApiError> {
    let project_id = path_id("project_id", &project_id)?;
    let delivery = parse(body, move |body| galileo::spans(project_id, body)).await?;
    let (trace_id, parent_id, spans) = (delivery.trace_ids.first().copied(), delivery.parent_id, delivery.spans);
    let mut answer = store(&state, delivery).await?;
    answer["records_count"] = json!(spans);
    answer["trace_id"] = json!(trace_id);
    answer["parent_id"] = json!(parent_id);
    Ok(Json(answer))
}

pub(super) async fn trace_update(
    State(state): State<AppState>,
    Path((project_id, trace_id)): Path<(String, String)>,
    JsonBytes(body): JsonBytes,
) -> Result<Json<Value>, ApiError> {
    let (project_id, id) = (path_id("project_id", &project_id)?, path_id("trace_id", &trace_id)?);
    let mut answer = store(&state, parse(body, move |body| galileo::trace_update(project_id, id, body)).await?).await?;
    answer["trace_id"] = json!(id);
    Ok(Json(answer))
}

pub(super) async fn span_update(
    State(state): State<AppState>,
    Path((project_id, span_id)): Path<(String, String)>,
    JsonBytes(body): JsonBytes,
) -> Result<Json<Value>, ApiError> {
    let (project_id, id) = (path_id("project_id", &project_id)?, path_id("span_id", &span_id)?);
    let mut answer = store(&state, parse(body, move |body| galileo::span_update(project_id, id, body)).await?).await?;
    answer["span_id"] = json!(id);
    Ok(Json(answer))
}

async fn parse(
    body: bytes::Bytes,
    read: impl FnOnce(&[u8]) -> Result<Delivery, Vec<Finding>> + Send + 'static,
) -> Result<Delivery, ApiError> {
    let result = if body.len() < LARGE {
        read(&body)
    } else {
        tokio::task::spawn_blocking(move || read(&body)).await.map_err(|_| {
            ApiError::status(axum::http::StatusCode::INTERNAL_SERVER_ERROR, "the body could not be read")
        })?
    };
    result.map_err(ApiError::Invalid)
}

/// Commits a delivery; the fields that all answers have.
async fn store(state: &AppState, delivery: Delivery) -> Result<Value, ApiError> {
    let Delivery { target, mut parts, session_id, session_external_id, .. } = delivery;
    let project_id = target.project_id;
    let mut placed: Option<Vec<Part>> = None;
    let (project_name, session_id) = state
        .store
        .write(move |writer| {
            let place = writer.place(target)?;
            let session_id = match (session_id, &session_external_id) {
                (None, Some(external_id)) => Some(session_by_external_id(writer, target, external_id)?),
                (given, _) => given,
            };
            let parts = placed.get_or_insert_with(|| {
                let mut drafts = std::mem::take(&mut parts);
                drafts.iter_mut().for_each(|draft| name_session(draft, session_id));
                drafts.into_iter().map(|draft| draft.place(place)).collect()
            });
            // A transaction that failed may have taken the place with it.
            parts.iter_mut().for_each(|part| part.set_place(place));
            for part in parts.iter() {
                writer.put(part)?;
            }
            Ok((writer.project_name(project_id)?, session_id))
        })
        .await?;
    Ok(json!({
        "project_id": project_id, "project_name": project_name, "log_stream_id": target.log_stream_id, "experiment_id": target.experiment_id,
        "session_id": session_id, "records_count": 1,
    }))
}

fn session_by_external_id(
    writer: &mut crate::store::Writer,
    target: Target,
    external_id: &str,
) -> Result<Id, crate::StoreError> {
    if let Some(session) = writer.session_by_external_id(target.project_id, external_id)? {
        return Ok(session.id);
    }
    let new = NewSession {
        target,
        name: None,
        external_id: Some(external_id.to_owned()),
        previous_session_id: None,
        metadata: std::collections::BTreeMap::new(),
    };
    Ok(writer.create_session(&new)?.id)
}

fn name_session(draft: &mut Draft, session_id: Option<Id>) {
    if let (Draft::Trace { record, create: true, .. }, Some(session)) = (draft, session_id)
        && record.get("session_id").is_none()
    {
        record.add("session_id", &format!("\"{session}\""), record.top_rank());
    }
}
