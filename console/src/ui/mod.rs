//! The pages. HTML is made here and escaped by the template engine; scripts, styles and fonts are part of the binary; nothing is
//! loaded from another host. Pages stay up to date by server-sent events that say *what* changed, after which the page fetches it again.

mod asset;
mod block;
mod colour;
mod compare;
mod diff;
mod fail;
mod format;
mod insight;
mod json;
mod list;
mod live;
mod map;
mod ordered;
mod panel;
mod sample;
mod session;
mod summary;
mod text;
mod trace;

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};

use crate::AppState;
use crate::store::Store;

/// The sections of the bar on top: address and name.
pub(crate) const SECTIONS: &[(&str, &str)] =
    &[("/", "Traces"), ("/sessions", "Sessions"), ("/services", "Services"), ("/insights", "Insights")];

/// Scripts and styles only from here, nothing inline, no frames, and no script may turn text into markup (trusted types).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// What every page needs.
#[derive(Clone)]
pub(crate) struct Ui {
    store: Store,
    palette: Arc<colour::Palette>,
}

impl FromRequestParts<AppState> for Ui {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Ui, Self::Rejection> {
        let palette = parts.extensions.get::<Arc<colour::Palette>>().cloned().unwrap_or_default();
        Ok(Ui { store: state.store.clone(), palette })
    }
}

/// The pages, to be merged into the console's router.
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/", get(list::page))
        .route("/traces/{trace}", get(trace::page))
        .route("/traces/{trace}/rows", get(trace::rows))
        .route("/traces/{trace}/summary", get(trace::summary))
        .route("/traces/{trace}/spans/{span}", get(trace::span))
        .route("/traces/{trace}/map", get(map::of_trace))
        .route("/traces/{trace}/insights", get(insight::of_trace))
        .route("/sessions", get(session::page))
        .route("/sessions/{session}", get(session::one))
        .route("/services", get(map::page))
        .route("/insights", get(insight::page))
        .route("/api/console/insights", get(insight::as_json))
        .route("/compare", get(compare::page))
        .route("/events", get(live::events))
        .route("/assets/{name}", get(asset::get))
        .layer(Extension(Arc::<colour::Palette>::default()))
        .layer(from_fn(guard))
}

/// Adds the headers that keep a page to itself.
async fn guard(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
