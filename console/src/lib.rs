//! Local backend and viewer for traces: stores what Galileo, OpenTelemetry and LangSmith senders deliver and shows each request as
//! one tree.
//!
//! [`serve`] is the whole console on a listener of the caller's choice; the `galileo-console` command is a thin wrapper around it.

mod api;
pub mod cli;
pub mod config;
mod doctor;
mod export;
pub mod forward;
mod ingest;
pub mod insight;
mod metrics;
pub mod model;
mod server;
pub mod store;
pub mod term;
pub mod time;
mod ui;

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use tokio::net::TcpListener;

pub use config::Config;
pub use store::{Store, StoreError};

/// What every request handler sees.
#[derive(Clone)]
pub struct AppState {
    /// The traces.
    pub store: Store,
    /// The settings.
    pub config: Arc<Config>,
    /// The port that a `Host` header must name; any when unknown.
    pub port: Option<u16>,
    metrics: metrics::Metrics,
    forwards: forward::Forwards,
    refusals: doctor::stored::Refusals,
}

impl AppState {
    /// Opens the database that the settings name.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(config: Config) -> Result<AppState, StoreError> {
        let store = Store::open(config.database.as_deref())?;
        let metrics = metrics::Metrics::after(store.first_span());
        Ok(AppState {
            store,
            config: Arc::new(config),
            port: None,
            metrics,
            forwards: forward::Forwards::default(),
            refusals: Default::default(),
        })
    }
}

/// The console as an axum router.
pub fn app(state: AppState) -> Router {
    Router::new()
        .merge(api::routes())
        .merge(ui::routes())
        .fallback(async || api::ApiError::status(StatusCode::NOT_FOUND, "Not Found"))
        .method_not_allowed_fallback(async || {
            api::ApiError::status(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
        })
        .layer(DefaultBodyLimit::disable()) // `api::body` has limits of its own, also on the inflated form.
        .layer(from_fn_with_state(state.clone(), api::guard::check))
        .with_state(state)
}

/// Why a console could not start or had to stop.
#[derive(Debug)]
pub enum ServeError {
    /// The database.
    Store(StoreError),
    /// The network.
    Io(std::io::Error),
}

impl std::fmt::Display for ServeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ServeError::Store(error) => error.fmt(f),
            ServeError::Io(error) => write!(f, "cannot serve: {error}"),
        }
    }
}

impl std::error::Error for ServeError {}

/// Serves the console until `shutdown` resolves; requests that are being answered are finished first.
///
/// # Errors
/// When the database cannot be opened, or the listener fails.
pub async fn serve(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let mut state = tokio::task::spawn_blocking(move || AppState::open(config))
        .await
        .unwrap_or(Err(StoreError::Stopped))
        .map_err(ServeError::Store)?;
    if let Some(recovered) = state.store.recovered() {
        // Whoever looks after this console reads it there, if anybody does.
        let _ = std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!(
                "the database was damaged: {} traces with {} spans could be read and are kept; the damaged file is {}\n",
                recovered.traces,
                recovered.spans,
                recovered.moved_to.display()
            ),
        );
    }
    state.port = listener.local_addr().ok().map(|address| address.port());
    state.forwards =
        forward::Forwards::register(&state.store, &state.config.forward).await.map_err(ServeError::Store)?;
    let forwarding = state.forwards.start(&state.store, &state.config.forward);
    let retention = tokio::spawn(forget(state.clone()));
    let result = server::run(listener, app(state), shutdown).await.map_err(ServeError::Io);
    retention.abort();
    forwarding.finish().await;
    result
}

/// Keeps the database within its limits, for as long as the console runs.
async fn forget(state: AppState) {
    if state.config.keep_for.is_none() && state.config.keep_bytes.is_none() {
        return;
    }
    loop {
        // What fails now is tried again; a full disk must not keep the console from answering.
        let _ = state.store.prune(state.config.keep_for, state.config.keep_bytes).await;
        tokio::time::sleep(RETENTION).await;
    }
}

/// How often the limits are looked at.
const RETENTION: std::time::Duration = std::time::Duration::from_secs(300);
