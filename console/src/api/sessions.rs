//! Creating sessions. Finding them is in `search`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::ApiError;
use super::body::JsonBytes;
use super::fault::path_id;
use super::projects::project_name;
use crate::AppState;
use crate::ingest::check::Check;
use crate::ingest::raw::RawObject;
use crate::store::{NewSession, Target};

pub(super) async fn create(
    State(state): State<AppState>,
    Path(project_id): Path<String>,
    JsonBytes(body): JsonBytes,
) -> Result<Json<Value>, ApiError> {
    let project_id = path_id("project_id", &project_id)?;
    let mut check = Check::at("body");
    let request = match serde_json::from_slice::<RawObject<'_>>(&body) {
        Ok(request) => request,
        Err(error) => {
            check.report("json_invalid", format!("JSON decode error: {error}"));
            return Err(ApiError::Invalid(check.findings));
        }
    };
    for name in ["name", "external_id"] {
        check.text(name, request.get(name));
    }
    check.string_map("user_metadata", request.get("user_metadata"));
    let new = NewSession {
        target: Target {
            project_id,
            log_stream_id: check.id("log_stream_id", request.get("log_stream_id")),
            experiment_id: check.id("experiment_id", request.get("experiment_id")),
        },
        name: request.text("name"),
        external_id: request.text("external_id"),
        previous_session_id: check.id("previous_session_id", request.get("previous_session_id")),
        metadata: request
            .get("user_metadata")
            .and_then(|json| serde_json::from_str::<BTreeMap<String, String>>(json).ok())
            .unwrap_or_default(),
    };
    if !check.findings.is_empty() {
        return Err(ApiError::Invalid(check.findings));
    }
    let session = state.store.write(move |writer| writer.create_session(&new)).await?;
    Ok(Json(json!({
        "id": session.id, "name": session.name, "project_id": session.project_id, "project_name": project_name(&state, session.project_id).await?,
        "previous_session_id": session.previous_session_id, "external_id": session.external_id,
    })))
}
