//! Sessions that the program names by ids of its own: looked up, or created, once.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::Value;

use super::account::{AccountError, Target};
use super::answer::{Verdict, judge};
use super::client::{Client, SendError};
use super::wire;
use crate::config::GalileoSettings;
use crate::export::json::{self, Object};
use crate::export::recent::Recent;
use crate::export::transport::{Answer, Request};
use crate::model::{Field, Part, TraceId};

/// What a program said about a session, as plain data that outlives the record it stood in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Wish {
    facts: Vec<(String, String)>,
}

/// Where the id of a session is known from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Session {
    /// The traces belong to none.
    None,
    /// The backend's id.
    Id(String),
    /// It has to be asked for.
    Unknown(Wish),
}

/// Sessions that are remembered; an older one is asked for again when a trace of it comes.
const REMEMBERED: usize = 10_000;

/// The sessions of this process, each asked for once. A server has one for each conversation.
#[derive(Debug)]
pub(super) struct Sessions {
    /// `None` for one that the backend refuses: its traces go without a session.
    known: Recent<Wish, Option<String>>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { known: Recent::new(REMEMBERED) }
    }
}

impl Sessions {
    /// The session that the parts of a trace's first span ask for.
    pub(super) fn find<'a>(&self, parts: impl Iterator<Item = Part<'a>>) -> Session {
        let mut wish = Wish::default();
        for part in parts {
            match part.field {
                // The backend takes only version 4; another id would lose the trace.
                Field::SessionId => {
                    return TraceId::parse(part.text()).map_or(Session::None, |id| Session::Id(id.to_string()));
                }
                _ => wish.facts.push((part.key.to_owned(), part.text().to_owned())),
            }
        }
        if wish.facts.is_empty() {
            return Session::None;
        }
        match self.known.get(&wish) {
            Some(Some(id)) => Session::Id(id.clone()),
            Some(None) => Session::None,
            None => Session::Unknown(wish),
        }
    }

    pub(super) fn learn(&mut self, wish: Wish, id: Option<String>) {
        self.known.put(wish, id);
    }
}

impl Wish {
    fn fact(&self, key: &str) -> Option<&str> {
        self.facts.iter().find(|(known, text)| known == key && !text.is_empty()).map(|(_, text)| text.as_str())
    }

    /// The search that comes before a session with an id of the program's is created.
    fn search(&self, target: &Target) -> Option<Vec<u8>> {
        let id = self.fact("external_id")?;
        let mut body = Vec::new();
        wire::session_search(&mut body, target, id);
        Some(body)
    }

    fn create(&self, target: &Target) -> Vec<u8> {
        let mut out = Vec::new();
        let mut body = Object::open(&mut out);
        wire::scope_fields(&mut body, target);
        for key in ["name", "external_id"] {
            if let Some(text) = self.fact(key) {
                body.string(key, text);
            }
        }
        if let Some(id) = self.fact("previous_session_id").and_then(TraceId::parse) {
            body.plain("previous_session_id", &id.to_text());
        }
        let mut metadata =
            self.facts.iter().filter_map(|(key, text)| Some((key.strip_prefix("metadata.")?, text))).peekable();
        if metadata.peek().is_some() {
            let mut fields = Object::open(body.key("user_metadata"));
            for (key, text) in metadata {
                json::string(fields.dynamic_key(key), text);
            }
            fields.close();
        }
        body.close();
        out
    }
}

/// The id in the answer to a search.
fn found(answer: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(answer).ok()?;
    value["records"][0]["id"].as_str().map(str::to_owned)
}

/// The id in the answer to a creation.
fn created(answer: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(answer).ok()?;
    value["id"].as_str().map(str::to_owned)
}

/// Asks the backend for a session: looks it up when the program gave it an id, else creates it. `None` when the backend refuses it for good.
pub(super) async fn ask(
    client: Client,
    settings: GalileoSettings,
    target: Target,
    wish: &Wish,
    timeout: Duration,
) -> Result<Option<String>, SendError> {
    let host = if target.ingest { &settings.ingest } else { &settings.api };
    let create = host.join(&format!("v2/projects/{}/sessions", target.project_id));
    let post = |url: String, body: Vec<u8>| {
        let (method, headers, body) = (Method::POST, HeaderMap::new(), Bytes::from(body));
        client.send(target.ingest, Request { method, url, headers, body, timeout })
    };
    if let Some(body) = wish.search(&target) {
        let answer = post(format!("{create}/search"), body).await?;
        if !answer.status.is_success() {
            return refused(answer);
        }
        if let Some(id) = found(&answer.body) {
            return Ok(Some(id));
        }
    }
    let answer = post(create, wish.create(&target)).await?;
    if answer.status.is_success() { Ok(created(&answer.body)) } else { refused(answer) }
}

/// A refusal for now is an error, one for good means "no session".
fn refused(answer: Answer) -> Result<Option<String>, SendError> {
    match judge(&Ok(answer), SystemTime::now()) {
        Verdict::Later { wish, reason } => {
            Err(SendError::Account(AccountError::Unavailable { reason, retry_after: wish }))
        }
        Verdict::Unauthorized(reason) | Verdict::Stuck(reason) => {
            Err(SendError::Account(AccountError::Refused { reason }))
        }
        _ => Ok(None),
    }
}
