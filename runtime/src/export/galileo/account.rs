//! Who we are to the backend: logging in, keeping the token fresh, and finding the project and the log stream once.
//!
//! All of it runs on the worker. The order of requests is that of the wire contract, section 1.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::config::{GalileoSettings, Login, Named, Secret};
use crate::diag;
use crate::export::transport::{Answer, Request, Transport, TransportError};

/// Sent with every request but the first three, so that the backend can tell SDKs apart.
pub(crate) const SDK_HEADER: &str = "x-galileo-sdk";
pub(crate) const SDK_VALUE: &str = concat!("galileo-rust/", env!("CARGO_PKG_VERSION"));
const KEY_HEADER: &str = "galileo-api-key";

const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// A token is renewed this long before it ends, but never sooner than after half of its life.
const RENEWAL_MARGIN: Duration = Duration::from_secs(300);
/// However short a token lives: a backend that gives out such tokens must not be asked for one before every request.
const RENEWAL_LEAST: Duration = Duration::from_secs(10);

/// The account of one backend.
#[derive(Debug)]
pub(crate) struct Account {
    transport: Transport,
    settings: GalileoSettings,
    token: Option<Token>,
    target: Option<Target>,
}

/// Where spans go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) project_id: String,
    /// One of the two is set.
    pub(crate) log_stream_id: Option<String>,
    pub(crate) experiment_id: Option<String>,
    /// The ingest service answered, and there is a key to use it with.
    pub(crate) ingest: bool,
}

#[derive(Debug)]
struct Token {
    header: HeaderValue,
    renew_at: Option<SystemTime>,
}

/// Why the account cannot be used now.
#[derive(Clone, Debug)]
pub(crate) enum AccountError {
    /// The backend could not be reached, or failed: try again later.
    Unavailable { reason: String, retry_after: Option<Duration> },
    /// The credentials were refused: ask again rarely, and tell the user.
    Refused { reason: String },
    /// Something else that waiting is unlikely to change, such as a project of another type.
    Unusable { reason: String },
}

impl Account {
    pub(crate) fn new(settings: GalileoSettings, transport: Transport) -> Self {
        Self { transport, settings, token: None, target: None }
    }

    /// Where spans go; asks the backend the first time, and goes on where it failed before the next times.
    pub(crate) async fn target(&mut self) -> Result<Target, AccountError> {
        if let Some(target) = &self.target {
            return Ok(target.clone());
        }
        if self.token.is_none() {
            self.call(Method::GET, "healthcheck", None, Auth::None).await?;
            self.log_in().await?;
            self.call(Method::GET, "current_user", None, Auth::Token).await?;
        }
        let project_id = self.project().await?;
        let experiment_id = self.settings.experiment_id.clone();
        let log_stream_id = match experiment_id {
            Some(_) => None,
            None => Some(self.log_stream(&project_id).await?),
        };
        let ingest = self.probe_ingest().await;
        let target = Target { project_id, log_stream_id, experiment_id, ingest };
        self.target = Some(target.clone());
        Ok(target)
    }

    /// Headers for requests to the API, with a token that is good for a while.
    pub(crate) async fn api_headers(&mut self) -> Result<HeaderMap, AccountError> {
        let due = self.token.as_ref().is_none_or(|t| t.renew_at.is_some_and(|at| SystemTime::now() >= at));
        if due {
            self.log_in().await?;
        }
        Ok(self.headers(Auth::Token))
    }

    /// Headers for requests to the ingest service: the key itself instead of a token.
    pub(crate) fn ingest_headers(&self) -> HeaderMap {
        self.headers(Auth::Key)
    }

    /// The backend refused the token: the next request gets a new one.
    pub(crate) fn forget_token(&mut self) {
        if !matches!(self.settings.login, Some(Login::Token(_))) {
            self.token = None;
        }
    }

    async fn log_in(&mut self) -> Result<(), AccountError> {
        let (route, body) = match &self.settings.login {
            Some(Login::Token(token)) => {
                self.token = Some(Token::new(token)?);
                return Ok(());
            }
            Some(Login::ApiKey(key)) => ("login/api_key", Body::Json(json!({ "api_key": key.expose() }))),
            // A console on this machine asks for no key, but speaks the same protocol.
            None => ("login/api_key", Body::Json(json!({ "api_key": "local" }))),
            Some(Login::Password { username, password }) => {
                let form = [("username", username.as_str()), ("password", password.expose()), ("auth_method", "email")];
                ("login", Body::Form(query_encoded(&form)))
            }
            Some(Login::SingleSignOn { id_token, provider }) => {
                ("login/social", Body::Json(json!({ "id_token": id_token.expose(), "provider": provider })))
            }
        };
        let answer = self.call(Method::POST, route, Some(body), Auth::None).await?;
        let text = answer["access_token"].as_str().unwrap_or_default();
        if text.is_empty() {
            return Err(AccountError::Unavailable {
                reason: "the login was answered without a token".to_owned(),
                retry_after: None,
            });
        }
        self.token = Some(Token::new(&Secret::new(text))?);
        Ok(())
    }

    async fn project(&self) -> Result<String, AccountError> {
        let name = match &self.settings.project {
            Named::Id(id) => return Ok(id.clone()),
            Named::Name(name) => name,
        };
        let query = query_encoded(&[("project_name", name), ("type", "gen_ai")]);
        let found = self.call(Method::GET, &format!("projects?{query}"), None, Auth::Token).await?;
        if let Some(project) = found.as_array().and_then(|all| all.first()) {
            let kind = project["type"].as_str().unwrap_or("gen_ai");
            if kind != "gen_ai" {
                return Err(AccountError::Unusable {
                    reason: format!("project `{name}` is of type `{kind}`, not `gen_ai`"),
                });
            }
            return id_of(project, "project");
        }
        let body = json!({ "name": name, "created_by": null, "type": "gen_ai", "create_example_templates": false });
        let made = self.call(Method::POST, "projects", Some(Body::Json(body)), Auth::Token).await?;
        id_of(&made, "project")
    }

    async fn log_stream(&self, project_id: &str) -> Result<String, AccountError> {
        let name = match &self.settings.log_stream {
            Named::Id(id) => return Ok(id.clone()),
            Named::Name(name) => name,
        };
        let mut start = 0;
        loop {
            let route = format!(
                "projects/{project_id}/log_streams/paginated?include_counts=false&starting_token={start}&limit=500"
            );
            let page = self.call(Method::GET, &route, None, Auth::Token).await?;
            let streams = page["log_streams"].as_array().map(Vec::as_slice).unwrap_or_default();
            if let Some(stream) = streams.iter().find(|s| s["name"].as_str() == Some(name)) {
                return id_of(stream, "log stream");
            }
            match page["next_starting_token"].as_u64() {
                Some(next) if page["paginated"] == true && next > start => start = next,
                _ => break,
            }
        }
        let route = format!("projects/{project_id}/log_streams");
        let made = self.call(Method::POST, &route, Some(Body::Json(json!({ "name": name }))), Auth::Token).await?;
        id_of(&made, "log stream")
    }

    /// Whether the faster ingest service is there. It takes only keys, and any failure means "no".
    async fn probe_ingest(&self) -> bool {
        if !self.settings.use_ingest || self.settings.login.as_ref().and_then(Login::api_key).is_none() {
            return false;
        }
        let mut headers = HeaderMap::new();
        self.add_extra(&mut headers);
        let request = Request {
            method: Method::GET,
            url: self.settings.ingest.join("ingest/healthz"),
            headers,
            body: Bytes::new(),
            timeout: PROBE_TIMEOUT,
        };
        self.transport.send(request).await.is_ok_and(|answer| answer.status.is_success())
    }

    async fn call(&self, method: Method, route: &str, body: Option<Body>, auth: Auth) -> Result<Value, AccountError> {
        let mut headers = self.headers(auth);
        let body = match body {
            None => Bytes::new(),
            Some(Body::Json(value)) => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                value.to_string().into()
            }
            Some(Body::Form(text)) => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
                text.into()
            }
        };
        let timeout = self.settings.request_timeout;
        let url = self.settings.api.join(route);
        // Messages name the whole address: most often it is the address that is wrong.
        let path = url.split('?').next().unwrap_or_default().to_owned();
        let path = path.as_str();
        diag::debug(format_args!("{method} {path} ({} bytes)", body.len()));
        let request = Request { method, url, headers, body, timeout };
        let answer = self.transport.send(request).await.map_err(|error| unreachable_backend(path, &error))?;
        if answer.status.is_success() {
            return parse(&answer).ok_or_else(|| AccountError::Unavailable {
                reason: format!("`{path}` was answered with something that is not JSON"),
                retry_after: None,
            });
        }
        Err(refusal(path, &answer))
    }

    fn headers(&self, auth: Auth) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(SDK_HEADER, HeaderValue::from_static(SDK_VALUE));
        match auth {
            Auth::None => {}
            Auth::Token => {
                if let Some(token) = &self.token {
                    headers.insert(AUTHORIZATION, token.header.clone());
                }
            }
            Auth::Key => {
                let key = self.settings.login.as_ref().and_then(Login::api_key);
                if let Some(value) = key.and_then(|key| key.header("")) {
                    headers.insert(KEY_HEADER, value);
                }
            }
        }
        self.add_extra(&mut headers);
        headers
    }

    /// The user's own headers never replace ours.
    fn add_extra(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.settings.extra_headers {
            if !headers.contains_key(name) && name != AUTHORIZATION && name != KEY_HEADER {
                headers.insert(name.clone(), value.clone());
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Auth {
    None,
    Token,
    Key,
}

enum Body {
    Json(Value),
    Form(String),
}

impl Token {
    fn new(secret: &Secret) -> Result<Self, AccountError> {
        let header = secret.header("Bearer ").ok_or_else(|| AccountError::Unusable {
            reason: "the token holds characters that a header cannot carry".to_owned(),
        })?;
        Ok(Self { header, renew_at: renewal_time(secret.expose(), SystemTime::now()) })
    }
}

/// When a token that is got now should be replaced, by its `exp` claim; `None` when it says nothing.
///
/// The signature is the backend's business. A token that lives shorter than the margin is renewed at half of its life, so that it does
/// not cause a login for each request.
fn renewal_time(token: &str, now: SystemTime) -> Option<SystemTime> {
    let claims: Value = serde_json::from_slice(&base64url(token.split('.').nth(1)?)?).ok()?;
    let expires = UNIX_EPOCH + Duration::from_secs(claims["exp"].as_f64().filter(|s| *s >= 0.0)? as u64);
    let life = expires.duration_since(now).unwrap_or_default();
    Some(now + life.saturating_sub(RENEWAL_MARGIN).max(life / 2).max(RENEWAL_LEAST))
}

fn base64url(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut held) = (0u32, 0u8);
    for c in text.bytes().filter(|c| *c != b'=') {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'-' | b'+' => 62,
            b'_' | b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    Some(out)
}

fn parse<T: DeserializeOwned>(answer: &Answer) -> Option<T> {
    serde_json::from_slice(&answer.body).ok()
}

fn id_of(value: &Value, what: &str) -> Result<String, AccountError> {
    match value["id"].as_str() {
        Some(id) => Ok(id.to_owned()),
        None => Err(AccountError::Unavailable { reason: format!("the {what} came without an id"), retry_after: None }),
    }
}

fn unreachable_backend(path: &str, error: &TransportError) -> AccountError {
    match error {
        TransportError::Unsendable(reason) => AccountError::Unusable { reason: format!("`{path}`: {reason}") },
        error => AccountError::Unavailable { reason: format!("`{path}`: {error}"), retry_after: None },
    }
}

fn refusal(path: &str, answer: &Answer) -> AccountError {
    let reason = format!("`{path}` was answered with {}: {}", answer.status.as_u16(), answer.excerpt());
    match answer.status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => AccountError::Refused { reason },
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS | StatusCode::NOT_FOUND => {
            AccountError::Unavailable { reason, retry_after: answer.retry_after(SystemTime::now()) }
        }
        status if status.is_server_error() => {
            AccountError::Unavailable { reason, retry_after: answer.retry_after(SystemTime::now()) }
        }
        _ => AccountError::Unusable { reason },
    }
}

fn query_encoded(pairs: &[(&str, &str)]) -> String {
    let encode = |text: &str, out: &mut String| {
        for byte in text.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte as char),
                _ => out.push_str(&format!("%{byte:02X}")),
            }
        }
    };
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        encode(name, &mut out);
        out.push('=');
        encode(value, &mut out);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(exp: u64) -> String {
        // {"exp":N} in base64url, without padding.
        let claims = format!("{{\"exp\":{exp}}}");
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut text = String::new();
        for chunk in claims.as_bytes().chunks(3) {
            let n = chunk.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
            (0..=chunk.len()).for_each(|i| text.push(alphabet[(n >> (18 - 6 * i) & 63) as usize] as char));
        }
        format!("e30.{text}.sig")
    }

    #[test]
    fn a_token_is_renewed_before_it_ends_and_not_for_every_request() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let renewal = |life: u64| {
            let at = renewal_time(&token(1_000_000 + life), now)?;
            Some(at.duration_since(now).unwrap_or_default().as_secs())
        };
        assert_eq!(renewal(3600), Some(3300), "an hour: the margin before its end");
        assert_eq!(renewal(200), Some(100), "shorter than the margin: half of its life, not at once");
        assert_eq!(renewal(0), Some(10), "already over: used all the same, and asked for again soon");
        assert_eq!(renewal_time("no.claims", now), None);
        assert_eq!(renewal_time("a.b c.d", now), None);
    }

    #[test]
    fn queries_and_forms_are_percent_encoded() {
        assert_eq!(
            query_encoded(&[("project_name", "a b&c=ä"), ("type", "gen_ai")]),
            "project_name=a%20b%26c%3D%C3%A4&type=gen_ai"
        );
    }
}
