//! Projects and log streams. Creating one that exists returns it: services that start together may all try.

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::ApiError;
use super::body::JsonBytes;
use super::fault::path_id;
use super::login::{USER_EMAIL, USER_ID};
use crate::AppState;
use crate::ingest::check::Check;
use crate::model::{Id, LogStream, Project};
use crate::time::format_iso;

#[derive(Deserialize)]
pub(super) struct Named {
    project_name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Paging {
    starting_token: Option<String>,
    limit: Option<String>,
}

pub(super) async fn list(
    State(state): State<AppState>,
    Query(query): Query<Named>,
) -> Result<Json<Vec<Value>>, ApiError> {
    let projects = state.store.projects().await?;
    Ok(Json(
        projects
            .iter()
            .filter(|project| query.project_name.as_ref().is_none_or(|name| *name == project.name))
            .map(project_json)
            .collect(),
    ))
}

pub(super) async fn create(State(state): State<AppState>, JsonBytes(body): JsonBytes) -> Result<Json<Value>, ApiError> {
    let name = name(&body)?;
    let project = state.store.write(move |writer| writer.project_by_name(&name)).await?;
    Ok(Json(project_json(&project)))
}

pub(super) async fn one(
    State(state): State<AppState>,
    Path(project_id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let id = path_id("project_id", &project_id)?;
    let project = state.store.project(id).await?.ok_or_else(|| ApiError::not_found("project"))?;
    Ok(Json(project_json(&project)))
}

pub(super) async fn log_streams(
    State(state): State<AppState>,
    Path(project_id): Path<String>,
) -> Result<Json<Vec<Value>>, ApiError> {
    let streams = state.store.log_streams(path_id("project_id", &project_id)?).await?;
    Ok(Json(streams.iter().filter(|stream| !stream.experiment).map(stream_json).collect()))
}

pub(super) async fn log_stream_pages(
    State(state): State<AppState>,
    Path(project_id): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<Json<Value>, ApiError> {
    let id = path_id("project_id", &project_id)?;
    let (start, limit) = paging.read()?;
    let streams: Vec<LogStream> =
        state.store.log_streams(id).await?.into_iter().filter(|stream| !stream.experiment).collect();
    let page: Vec<Value> = streams.iter().skip(start).take(limit).map(stream_json).collect();
    let next = (start + page.len() < streams.len()).then_some(start + page.len());
    Ok(Json(
        json!({"starting_token": start, "limit": limit, "paginated": next.is_some(), "next_starting_token": next, "log_streams": page}),
    ))
}

impl Paging {
    fn read(&self) -> Result<(usize, usize), ApiError> {
        let mut check = Check::at("query");
        let mut number =
            |name: &'static str, text: &Option<String>, default: usize| match text.as_deref().map(str::parse) {
                None => default,
                Some(Ok(number)) => number,
                Some(Err(_)) => {
                    check.inside(name, |check| check.report("int_parsing", "Input should be a valid integer"));
                    default
                }
            };
        let read =
            (number("starting_token", &self.starting_token, 0), number("limit", &self.limit, 100).clamp(1, 1000));
        if check.findings.is_empty() { Ok(read) } else { Err(ApiError::Invalid(check.findings)) }
    }
}

pub(super) async fn create_log_stream(
    State(state): State<AppState>,
    Path(project_id): Path<String>,
    JsonBytes(body): JsonBytes,
) -> Result<Json<Value>, ApiError> {
    let id = path_id("project_id", &project_id)?;
    let name = name(&body)?;
    let stream = state.store.write(move |writer| writer.log_stream_by_name(id, &name, false)).await?;
    Ok(Json(stream_json(&stream)))
}

async fn find_log_stream(state: &AppState, project_id: &str, log_stream_id: &str) -> Result<LogStream, ApiError> {
    let (project, stream) = (path_id("project_id", project_id)?, path_id("log_stream_id", log_stream_id)?);
    state
        .store
        .log_streams(project)
        .await?
        .into_iter()
        .find(|found| found.id == stream)
        .ok_or_else(|| ApiError::not_found("log stream"))
}

pub(super) async fn log_stream(
    State(state): State<AppState>,
    Path((project_id, log_stream_id)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    Ok(Json(stream_json(&find_log_stream(&state, &project_id, &log_stream_id).await?)))
}

pub(super) async fn rename_log_stream(
    State(state): State<AppState>,
    Path((project_id, log_stream_id)): Path<(String, String)>,
    JsonBytes(body): JsonBytes,
) -> Result<Json<Value>, ApiError> {
    let mut stream = find_log_stream(&state, &project_id, &log_stream_id).await?;
    let (id, name) = (stream.id, name(&body)?);
    stream.name.clone_from(&name);
    match state.store.write(move |writer| writer.rename_log_stream(id, &name)).await? {
        Some(true) => Ok(Json(stream_json(&stream))),
        Some(false) => Err(ApiError::status(axum::http::StatusCode::CONFLICT, "a log stream with that name exists")),
        None => Err(ApiError::not_found("log stream")),
    }
}

fn name(body: &[u8]) -> Result<String, ApiError> {
    let mut check = Check::at("body");
    match serde_json::from_slice::<Value>(body) {
        Err(error) => check.report("json_invalid", format!("JSON decode error: {error}")),
        Ok(body) => match body.get("name") {
            Some(Value::String(name)) if !name.is_empty() => return Ok(name.clone()),
            Some(Value::String(_)) => check
                .inside("name", |check| check.report("string_too_short", "String should have at least 1 character")),
            Some(_) => check.inside("name", |check| check.report("string_type", "Input should be a valid string")),
            None => check.missing("name"),
        },
    }
    Err(ApiError::Invalid(check.findings))
}

fn user() -> Value {
    json!({"id": USER_ID, "email": USER_EMAIL, "first_name": null, "last_name": null})
}

fn project_json(project: &Project) -> Value {
    let created = format_iso(project.created_ns);
    json!({
        "id": project.id, "name": project.name, "type": "gen_ai", "created_by": USER_ID, "created_by_user": user(), "runs": [], "permissions": [],
        "created_at": created, "updated_at": created, "bookmark": false, "labels": [], "description": null,
    })
}

fn stream_json(stream: &LogStream) -> Value {
    let created = format_iso(stream.created_ns);
    json!({
        "id": stream.id, "name": stream.name, "project_id": stream.project_id, "created_at": created, "updated_at": created,
        "created_by": USER_ID, "created_by_user": user(), "has_user_created_sessions": false,
    })
}

/// The name of a project for an answer, also when nobody gave it one.
pub(super) async fn project_name(state: &AppState, id: Id) -> Result<String, ApiError> {
    Ok(state.store.project(id).await?.map_or_else(|| id.to_string(), |project| project.name))
}
