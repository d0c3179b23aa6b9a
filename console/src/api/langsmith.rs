//! LangSmith's run endpoints, so that `LANGSMITH_ENDPOINT` can point here.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use serde_json::{Value, json};

use super::ApiError;
use super::body::{self, JsonBytes};
use crate::AppState;
use crate::ingest::langsmith::{self, Run};
use crate::ingest::raw::too_deep;
use crate::model::Sources;
use crate::store::{Part, SpanPart, SpanUpdate};
use crate::time::now_ns;

/// What the server can do.
pub(super) async fn info() -> Json<Value> {
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "license_expiration_time": null,
        "batch_ingest_config": {
            "use_multipart_endpoint": true, "scale_up_qsize_trigger": 1000, "scale_up_nthreads_limit": 16, "scale_down_nempty_trigger": 4,
            "size_limit": 100, "size_limit_bytes": body::LIMIT,
        },
        "instance_flags": {"gzip_body_enabled": true, "zstd_compression_enabled": true},
    }))
}

pub(super) async fn create(
    State(state): State<AppState>,
    JsonBytes(body): JsonBytes,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    store(&state, vec![(parse(&body)?, false)]).await
}

pub(super) async fn update(
    State(state): State<AppState>,
    Path(run_id): Path<String>,
    JsonBytes(body): JsonBytes,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let mut run = parse(&body)?;
    if let Value::Object(fields) = &mut run {
        fields.insert("id".into(), run_id.into());
    }
    store(&state, vec![(run, true)]).await
}

pub(super) async fn batch(
    State(state): State<AppState>,
    JsonBytes(body): JsonBytes,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let mut batch = parse(&body)?;
    let mut runs = Vec::new();
    for (name, update) in [("post", false), ("patch", true)] {
        if let Some(Value::Array(list)) = batch.get_mut(name).map(Value::take) {
            runs.extend(list.into_iter().map(|run| (run, update)));
        }
    }
    store(&state, runs).await
}

pub(super) async fn multipart(
    State(state): State<AppState>,
    request: Request,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let wrong = |text: &str| ApiError::status(StatusCode::BAD_REQUEST, text);
    let kind = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    if !kind.to_ascii_lowercase().starts_with("multipart/form-data") {
        return Err(ApiError::status(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be `multipart/form-data`"));
    }
    let boundary = kind
        .split("boundary=")
        .nth(1)
        .map(|rest| rest.split(';').next().unwrap_or(rest).trim().trim_matches('"').to_owned())
        .filter(|boundary| !boundary.is_empty() && boundary.len() <= 70)
        .ok_or_else(|| wrong("the boundary is missing"))?;
    let body = body::read(request).await?;
    let parts = langsmith::multipart(&body, &boundary).ok_or_else(|| wrong("the body is not multipart"))?;
    if parts.iter().any(|(_, content)| too_deep(content)) {
        return Err(wrong("arrays and objects nest too deep"));
    }
    let runs = langsmith::assemble(parts).map_err(|text| wrong(&text))?;
    store(&state, runs).await
}

fn parse(body: &[u8]) -> Result<Value, ApiError> {
    if too_deep(body) {
        return Err(ApiError::status(StatusCode::UNPROCESSABLE_ENTITY, "arrays and objects nest too deep"));
    }
    serde_json::from_slice(body)
        .map_err(|error| ApiError::status(StatusCode::UNPROCESSABLE_ENTITY, format!("JSON decode error: {error}")))
}

/// All runs of a request or none, so that a client that tries again knows where it stands.
async fn store(state: &AppState, runs: Vec<(Value, bool)>) -> Result<(StatusCode, Json<Value>), ApiError> {
    let read = |(run, update): &(Value, bool)| langsmith::run(run, *update);
    let mut runs: Vec<Run> = runs
        .iter()
        .map(read)
        .collect::<Result<_, _>>()
        .map_err(|reason| ApiError::status(StatusCode::UNPROCESSABLE_ENTITY, reason))?;
    let seen_ns = now_ns();
    let write = move |writer: &mut crate::store::Writer| {
        for run in &mut runs {
            let Some(trace_id) = run.trace_id else {
                writer.put(&Part::Update(SpanUpdate {
                    key: run.key,
                    record: run.record.clone(),
                    ended: run.ended,
                    sources: Sources::LANGSMITH,
                }))?;
                continue;
            };
            let place = writer.place_by_names(&run.names)?;
            if let Some((id, text)) = &run.session {
                writer.ensure_session(*id, Some(text), place)?;
            }
            writer.put(&Part::Span(SpanPart {
                trace_id,
                key: run.key,
                record: run.record.clone(),
                ended: run.ended,
                place,
                sources: Sources::LANGSMITH,
                seen_ns,
            }))?;
        }
        Ok(())
    };
    state.store.write(write).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({}))))
}
