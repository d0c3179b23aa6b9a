//! One service calls another: JSON there and back, the trace in the headers, and errors that travel on.

use std::fmt;
use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use galileo::get_tracing_headers;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::message::Problem;

/// How long a service waits for another one.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Why a call did not succeed; as the answer of a service it becomes a status and a [`Problem`].
#[derive(Debug)]
pub struct CallError {
    /// The service that was called.
    pub service: &'static str,
    /// What it answered, when it answered.
    pub status: Option<u16>,
    /// What is known.
    pub text: String,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "{} answered {status}: {}", self.service, self.text),
            None => write!(f, "{} did not answer: {}", self.service, self.text),
        }
    }
}

impl std::error::Error for CallError {}

impl IntoResponse for CallError {
    fn into_response(self) -> Response {
        let status = match self.status {
            Some(401) => StatusCode::UNAUTHORIZED,
            Some(504) | None => StatusCode::GATEWAY_TIMEOUT,
            Some(_) => StatusCode::BAD_GATEWAY,
        };
        (status, Json(Problem { error: self.to_string() })).into_response()
    }
}

/// `POST url` with a JSON body and the headers of the current span.
///
/// # Errors
///
/// When the service cannot be reached within [`PATIENCE`] or answers with anything but a success.
pub async fn post<T: DeserializeOwned>(
    client: &reqwest::Client,
    service: &'static str,
    url: &str,
    body: &impl Serialize,
) -> Result<T, CallError> {
    let unreachable = |error: reqwest::Error| CallError {
        service,
        status: None,
        text: if error.is_timeout() { "it took too long".to_owned() } else { error.to_string() },
    };
    let request = client.post(url).headers(get_tracing_headers()).timeout(PATIENCE).json(body);
    let response = request.send().await.map_err(unreachable)?;
    let status = response.status();
    if status.is_success() {
        return response.json().await.map_err(unreachable);
    }
    let text = response.text().await.map_err(unreachable)?;
    let text = serde_json::from_str(&text).map_or(text, |problem: Problem| problem.error);
    Err(CallError { service, status: Some(status.as_u16()), text })
}
