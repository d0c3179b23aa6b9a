//! Who may ask at all. A console on loopback is still reachable from every web page that its user has open, so the `Host` and
//! `Origin` of each request are checked before anything else is looked at.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::fault::Reason;
use super::{ApiError, login};
use crate::AppState;

/// The cookie that carries the token for a browser.
const COOKIE: &str = "galileo_console_token";

const HEADERS: [(HeaderName, &str); 6] = [
    (HeaderName::from_static("x-galileo-console"), "upsert"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
];

/// Stands before every route.
pub(crate) async fn check(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let route = sender_route(&request);
    let mut response = match admit(&state, &request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    if let Some(route) = route.filter(|_| response.status().is_client_error() || response.status().is_server_error()) {
        let reason = response.extensions().get::<Reason>().map_or("", |reason| reason.0.as_str());
        state.refusals.note(route, response.status().as_u16(), reason);
    }
    for (name, value) in &HEADERS {
        // A page may bring a stricter policy of its own.
        if !response.headers().contains_key(name) {
            response.headers_mut().insert(name.clone(), HeaderValue::from_static(value));
        }
    }
    response
}

/// The kind of route that a sender asks for, without what is its own in the path.
fn sender_route(request: &Request) -> Option<&'static str> {
    let path = request.uri().path();
    let last = path.rsplit('/').next().unwrap_or_default();
    match *request.method() {
        Method::POST if path.starts_with("/otel/") || path == "/v1/traces" => Some("POST /v1/traces"),
        Method::POST | Method::PATCH if path.starts_with("/runs") => Some("/runs"),
        Method::POST if last == "traces" || path.starts_with("/ingest/traces") => Some("POST traces"),
        Method::POST if last == "spans" || path.starts_with("/ingest/spans") => Some("POST spans"),
        Method::PATCH if path.contains("/traces/") => Some("PATCH trace"),
        Method::PATCH if path.contains("/spans/") => Some("PATCH span"),
        Method::POST if path.starts_with("/login") => Some("POST login"),
        _ => None,
    }
}

fn admit(state: &AppState, request: &Request) -> Result<(), ApiError> {
    let refuse = |status: StatusCode, text: &str| Err(ApiError::status(status, text));
    let headers = request.headers();
    let Some(host) = host(request) else { return refuse(StatusCode::MISDIRECTED_REQUEST, "one Host header is needed") };
    if !is_ours(state, host) {
        return refuse(
            StatusCode::MISDIRECTED_REQUEST,
            "this console does not answer for that host\nname it with --allow-host",
        );
    }
    if let Some(origin) = headers.get(header::ORIGIN) {
        let ours = origin
            .to_str()
            .ok()
            .and_then(|origin| origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")))
            .is_some_and(|origin| origin.eq_ignore_ascii_case(host));
        if !ours {
            return refuse(StatusCode::FORBIDDEN, "requests from other pages are refused");
        }
    }
    match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        None | Some(b"same-origin" | b"none") => {}
        // A link on a page of another local server may lead here; nothing else may.
        Some(b"same-site")
            if request.method() == Method::GET
                && headers.get("sec-fetch-mode").is_some_and(|mode| mode == "navigate") => {}
        Some(_) => return refuse(StatusCode::FORBIDDEN, "requests from other pages are refused"),
    }
    match &state.config.token {
        Some(token) if !is_public(request.uri().path()) && !presents(headers, token) => {
            refuse(StatusCode::UNAUTHORIZED, "Not authenticated")
        }
        _ => Ok(()),
    }
}

/// What a client asks for before it has logged in.
fn is_public(path: &str) -> bool {
    matches!(path, "/healthcheck" | "/login" | "/login/api_key" | "/login/social" | "/ingest/healthz")
}

fn host(request: &Request) -> Option<&str> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next(), request.uri().authority()) {
        (Some(host), None, authority) => host
            .to_str()
            .ok()
            .filter(|host| authority.is_none_or(|authority| authority.as_str().eq_ignore_ascii_case(host))),
        // HTTP/2 has the authority instead.
        (None, None, Some(authority)) => Some(authority.as_str()),
        _ => None,
    }
}

fn is_ours(state: &AppState, host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, port.parse::<u16>().ok()),
        _ => (host, Some(80)),
    };
    let named =
        state.config.hosts.iter().any(|known| known.eq_ignore_ascii_case(name) || known.eq_ignore_ascii_case(host));
    let local = ["localhost", "127.0.0.1", "[::1]"].iter().any(|known| known.eq_ignore_ascii_case(name));
    named || (local && port.is_some() && state.port.is_none_or(|own| port == Some(own)))
}

fn presents(headers: &HeaderMap, token: &str) -> bool {
    let key = ["galileo-api-key", "splunk-ao-api-key", "x-api-key"]
        .iter()
        .filter_map(|name| headers.get(*name)?.to_str().ok());
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    let cookies = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'));
    let cookie = cookies.filter_map(|cookie| cookie.trim().strip_prefix(COOKIE)?.strip_prefix('='));
    let issued = login::base64_url(token.as_bytes());
    key.chain(bearer)
        .chain(cookie)
        .any(|given| same(token, given) || given.rsplit_once('.').is_some_and(|(_, secret)| same(&issued, secret)))
}

/// Compares without telling by its duration where the first difference is.
pub(super) fn same(secret: &str, given: &str) -> bool {
    secret.len() == given.len()
        && secret.bytes().zip(given.bytes()).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}
