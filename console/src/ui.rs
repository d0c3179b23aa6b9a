//! The pages.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

use crate::AppState;
use crate::model::TraceQuery;

/// Every page.
pub(crate) fn routes() -> Router<AppState> {
    Router::new().route("/", get(index))
}

async fn index(State(state): State<AppState>) -> Result<String, StatusCode> {
    let page = state.store.traces(TraceQuery::default()).await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(page.rows.iter().map(|trace| format!("{}  {}  {} spans\n", trace.id, trace.name.escape_debug(), trace.span_count)).collect())
}
