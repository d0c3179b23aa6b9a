//! The HTTP API that senders and readers speak. Every Galileo route answers with and without `/v2`, since the contract uses both.

mod body;
mod download;
mod fault;
pub(crate) mod guard;
mod ingest;
mod langsmith;
mod login;
mod manage;
mod otlp;
mod own;
mod projects;
mod read;
mod record;
mod search;
mod sessions;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, patch, post};

use crate::AppState;

pub(crate) use fault::ApiError;

/// Everything but the pages.
pub(crate) fn routes() -> Router<AppState> {
    let versioned = Router::new()
        .route("/projects", get(projects::list).post(projects::create))
        .route("/projects/all", get(projects::list))
        .route("/projects/{project_id}", get(projects::one))
        .route("/projects/{project_id}/log_streams", get(projects::log_streams).post(projects::create_log_stream))
        .route("/projects/{project_id}/log_streams/paginated", get(projects::log_stream_pages))
        .route(
            "/projects/{project_id}/log_streams/{log_stream_id}",
            get(projects::log_stream).put(projects::rename_log_stream),
        )
        .route("/projects/{project_id}/sessions", post(sessions::create))
        .route("/projects/{project_id}/sessions/search", post(search::sessions))
        .route("/projects/{project_id}/sessions/{session_id}", get(read::session))
        .route("/projects/{project_id}/traces", post(ingest::traces))
        .route("/projects/{project_id}/traces/search", post(search::traces))
        .route("/projects/{project_id}/traces/{trace_id}", get(read::trace).patch(ingest::trace_update))
        .route("/projects/{project_id}/spans", post(ingest::spans))
        .route("/projects/{project_id}/spans/search", post(search::spans))
        .route("/projects/{project_id}/spans/{span_id}", get(read::span).patch(ingest::span_update));
    Router::new()
        .merge(versioned.clone())
        .nest("/v2", versioned)
        .route("/api/console/traces", get(own::traces))
        .route("/api/console/traces/{trace_id}", get(own::trace))
        .route("/api/console/traces/{trace_id}/download", get(download::trace))
        .route("/api/console/doctor", get(manage::doctor))
        .route("/api/console/status", get(manage::status))
        .route("/api/console/prune", post(manage::prune))
        .route("/api/traces/{trace_id}", get(download::tempo_trace))
        .route("/metrics", get(manage::metrics))
        .route("/ready", get(async || "ready"))
        .route("/otel/traces", post(otlp::traces))
        .route("/otel/v1/traces", post(otlp::traces))
        .route("/v1/traces", post(otlp::traces))
        .route("/info", get(langsmith::info))
        .route("/runs", post(langsmith::create))
        .route("/runs/batch", post(langsmith::batch))
        .route("/runs/multipart", post(langsmith::multipart))
        .route("/runs/{run_id}", patch(langsmith::update))
        .route("/healthcheck", get(login::healthcheck))
        .route("/login", post(login::password))
        .route("/login/api_key", post(login::api_key))
        .route("/login/social", post(login::social))
        .route("/refresh_token", post(login::token))
        .route("/get-token", get(login::token).post(login::token))
        .route("/current_user", get(login::current_user))
        .route("/ingest/healthz", get(async || (StatusCode::OK, axum::Json(serde_json::json!({"status": "ok"})))))
        .route("/ingest/traces/{project_id}", post(ingest::traces))
        .route("/ingest/spans/{project_id}", post(ingest::spans))
}
