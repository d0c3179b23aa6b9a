//! Health, login and who is logged in. On loopback every key and password is as good as any other; with a token of its own the
//! console takes that token as the key.

use axum::Json;
use axum::extract::{RawForm, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::ApiError;
use super::body::JsonBytes;
use super::guard;
use crate::AppState;
use crate::ingest::check::Check;
use crate::time::{format_iso, now_ns};

/// The one user of a console.
pub(super) const USER_ID: &str = "6a1e0d2c-0b57-4c4e-9d55-2f1c8a3e9b10";
pub(super) const USER_EMAIL: &str = "console@localhost";

/// How long a login lasts.
const SECONDS: i64 = 24 * 3600;

pub(super) async fn healthcheck() -> Json<Value> {
    Json(json!({"api_version": "2", "message": "galileo-console", "version": env!("CARGO_PKG_VERSION")}))
}

pub(super) async fn api_key(
    State(state): State<AppState>,
    JsonBytes(body): JsonBytes,
) -> Result<Json<Value>, ApiError> {
    let key = field(&body, "api_key")?;
    log_in(&state, &key)
}

pub(super) async fn social(State(state): State<AppState>, JsonBytes(body): JsonBytes) -> Result<Json<Value>, ApiError> {
    field(&body, "provider")?;
    let token = field(&body, "id_token")?;
    log_in(&state, &token)
}

pub(super) async fn password(State(state): State<AppState>, RawForm(form): RawForm) -> Result<Json<Value>, ApiError> {
    let fields: Vec<(String, String)> = form
        .split(|byte| *byte == b'&')
        .filter_map(|pair| {
            Some((
                decode(pair.split(|byte| *byte == b'=').next()?),
                decode(&pair[pair.iter().position(|byte| *byte == b'=')? + 1..]),
            ))
        })
        .collect();
    let find = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let mut check = Check::at("body");
    for name in ["username", "password"] {
        if find(name).is_none() {
            check.missing(name);
        }
    }
    if !check.findings.is_empty() {
        return Err(ApiError::Invalid(check.findings));
    }
    log_in(&state, find("password").unwrap_or_default())
}

/// A new token for whoever is already let in.
pub(super) async fn token(State(state): State<AppState>) -> Json<Value> {
    Json(issue(&state))
}

pub(super) async fn current_user() -> Json<Value> {
    Json(json!({"id": USER_ID, "email": USER_EMAIL, "role": "admin"}))
}

fn log_in(state: &AppState, key: &str) -> Result<Json<Value>, ApiError> {
    let accepted = match &state.config.token {
        Some(token) => guard::same(token, key),
        None => !key.is_empty(),
    };
    if accepted {
        Ok(Json(issue(state)))
    } else {
        Err(ApiError::status(StatusCode::UNAUTHORIZED, "Invalid credentials"))
    }
}

/// A token in the form of a JWT, because clients read its `exp`. Nothing is signed: the third part is the console's secret
/// itself, which is what is compared when it comes back.
fn issue(state: &AppState) -> Value {
    let now = now_ns() / 1_000_000_000;
    let head = base64_url(br#"{"alg":"HS256","typ":"JWT"}"#);
    let claims = base64_url(
        json!({"sub": USER_ID, "email": USER_EMAIL, "iat": now, "exp": now + SECONDS}).to_string().as_bytes(),
    );
    let secret = base64_url(state.config.token.as_deref().unwrap_or("local").as_bytes());
    json!({"access_token": format!("{head}.{claims}.{secret}"), "token_type": "bearer", "expires_at": format_iso((now + SECONDS) * 1_000_000_000)})
}

fn field(body: &[u8], name: &'static str) -> Result<String, ApiError> {
    let mut check = Check::at("body");
    match serde_json::from_slice::<Value>(body) {
        Err(error) => check.report("json_invalid", format!("JSON decode error: {error}")),
        Ok(body) => match body.get(name) {
            Some(Value::String(value)) => return Ok(value.clone()),
            None => check.missing(name),
            Some(_) => check.inside(name, |check| check.report("string_type", "Input should be a valid string")),
        },
    }
    Err(ApiError::Invalid(check.findings))
}

fn decode(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        let hex = |byte: Option<&u8>| byte.and_then(|byte| (*byte as char).to_digit(16));
        match (first, hex(rest.first()), hex(rest.get(1))) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high << 4 | low) as u8);
                rest = &rest[2..];
            }
            (b'+', ..) => bytes.push(b' '),
            _ => bytes.push(first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(super) fn base64_url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().enumerate().fold(0_u32, |word, (index, byte)| word | u32::from(*byte) << (16 - 8 * index));
        for index in 0..=chunk.len() {
            text.push(ALPHABET[(word >> (18 - 6 * index) & 63) as usize] as char);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_follows_the_url_alphabet_without_padding() {
        for (bytes, text) in [(&b""[..], ""), (b"f", "Zg"), (b"fo", "Zm8"), (b"foo", "Zm9v"), (b"\xfb\xff", "-_8")] {
            assert_eq!(base64_url(bytes), text);
        }
    }

    #[test]
    fn form_fields_are_decoded() {
        assert_eq!(decode(b"a%40b.c+d%zz%"), "a@b.c d%zz%");
    }
}
