//! Answers that say no, in the form that FastAPI gives them: a text or a list of findings under `detail`. They name no path of
//! this machine and no SQL.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::ingest::check::{Check, Finding};
use crate::model::Id;
use crate::store::StoreError;

/// Why a request was not done.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// The request breaks the published schema: 422.
    Invalid(Vec<Finding>),
    /// Anything else with a status of its own.
    Status(StatusCode, String),
    /// The store failed: 503 when trying again may help.
    Store(StoreError),
}

impl ApiError {
    pub(crate) fn not_found(what: &str) -> ApiError {
        ApiError::Status(StatusCode::NOT_FOUND, format!("{what} not found"))
    }

    pub(crate) fn status(status: StatusCode, text: impl Into<String>) -> ApiError {
        ApiError::Status(status, text.into())
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        ApiError::Store(error)
    }
}

/// What a refusal says, kept beside its response for those who look into refusals later.
#[derive(Clone, Debug)]
pub(super) struct Reason(pub(super) String);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let reason = Reason(self.reason());
        let mut response = self.response();
        response.extensions_mut().insert(reason);
        response
    }
}

impl ApiError {
    /// One line without anything of the request's content.
    fn reason(&self) -> String {
        match self {
            ApiError::Invalid(findings) => findings.first().map(Finding::line).unwrap_or_default(),
            ApiError::Status(_, text) => text.lines().next().unwrap_or_default().to_owned(),
            ApiError::Store(_) => "the database cannot take this now".to_owned(),
        }
    }

    fn response(self) -> Response {
        match self {
            ApiError::Invalid(findings) => {
                (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({"detail": findings}))).into_response()
            }
            ApiError::Status(status, text) => (status, Json(json!({"detail": text}))).into_response(),
            ApiError::Store(error) => {
                // The one place where the operator learns of it, if anybody still reads there.
                let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("galileo-console: {error}\n"));
                if error.is_too_slow() {
                    let text = "this takes too long\nhint: narrow it by time, project or service";
                    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"detail": text}))).into_response()
                } else if error.is_temporary() {
                    let mut response =
                        (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"detail": "the database cannot take this now"})))
                            .into_response();
                    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
                    response
                } else {
                    (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({"detail": "the database failed"}))).into_response()
                }
            }
        }
    }
}

/// A UUID version 4 in the path.
pub(crate) fn path_id(name: &'static str, text: &str) -> Result<Id, ApiError> {
    let mut check = Check::at("path");
    let json = serde_json::to_string(text).unwrap_or_default();
    check.id(name, Some(&json)).ok_or(ApiError::Invalid(check.findings))
}
