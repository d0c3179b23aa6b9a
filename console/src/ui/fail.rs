//! A page that could not be made: what the reader sees says what to do, never a path or a statement of the database.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use crate::model::Id;
use crate::store::StoreError;

/// Why there is no page.
#[derive(Debug)]
pub(crate) enum Fail {
    /// Nothing has that address.
    Missing(&'static str),
    /// Nothing of this trace has arrived.
    NoTrace(Id),
    /// The address is wrong.
    Address(&'static str),
    /// The store did not answer.
    Store,
    /// The template did not render.
    Render,
}

impl From<StoreError> for Fail {
    fn from(_: StoreError) -> Fail {
        Fail::Store
    }
}

impl From<askama::Error> for Fail {
    fn from(_: askama::Error) -> Fail {
        Fail::Render
    }
}

#[derive(Template)]
#[template(path = "fail.html")]
struct FailPage {
    section: &'static str,
    title: &'static str,
    text: &'static str,
}

#[derive(Template)]
#[template(path = "waiting.html")]
struct WaitingPage {
    section: &'static str,
    id: Id,
}

impl IntoResponse for Fail {
    fn into_response(self) -> Response {
        let (status, title, text) = match self {
            Fail::NoTrace(id) => {
                let page = WaitingPage { section: "/", id }.render().unwrap_or_default();
                return (StatusCode::NOT_FOUND, Html(page)).into_response();
            }
            Fail::Missing(text) => (StatusCode::NOT_FOUND, "Not here", text),
            Fail::Address(text) => (StatusCode::BAD_REQUEST, "That address is not one of ours", text),
            Fail::Store => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The database did not answer",
                "It may be locked or the disk full; the terminal of the console says more. Reload to try again.",
            ),
            Fail::Render => {
                (StatusCode::INTERNAL_SERVER_ERROR, "The page could not be drawn", "This is a fault of the console.")
            }
        };
        let page = FailPage { section: "", title, text }.render().unwrap_or_else(|_| title.to_owned());
        (status, Html(page)).into_response()
    }
}
