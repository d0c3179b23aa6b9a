//! The messages between the services.

use serde::{Deserialize, Serialize};

use crate::retrieval::Hit;

/// `POST /chat` of the gateway.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Chat {
    /// What the user asks.
    pub question: String,
}

/// What the gateway and the orchestrator answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The text.
    pub answer: String,
    /// It came from the cache.
    pub cached: bool,
    /// The trace of the request, when it is recorded.
    pub trace_id: Option<String>,
}

/// `POST /check` of the auth service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Check {
    /// What the client sent as its bearer token.
    pub token: String,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Name.
    pub name: String,
    /// What the user pays for: `gold` or `free`.
    pub tier: String,
}

/// `POST /process` of the orchestrator.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Process {
    /// What the user asks.
    pub question: String,
    /// Who it is.
    pub user: User,
}

/// `POST /search` of the search service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Search {
    /// What to look for.
    pub query: String,
    /// How many passages to return at most.
    pub limit: usize,
}

/// What the search service answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Found {
    /// Best first.
    pub hits: Vec<Hit>,
}

/// `POST /generate` of the RAG pipeline.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Generate {
    /// What the user asks.
    pub question: String,
    /// The passages to answer from.
    pub hits: Vec<Hit>,
}

/// What the RAG pipeline answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Generated {
    /// The text.
    pub answer: String,
}

/// `POST /lookup` of the cache.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lookup {
    /// The question in its plain form.
    pub key: String,
}

/// What the cache answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The kept answer, when there is one.
    pub value: Option<String>,
}

/// `POST /store` of the cache.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Store {
    /// The question in its plain form.
    pub key: String,
    /// The answer to keep.
    pub value: String,
}

/// `POST /faults` of the LLM server: how the next requests go wrong.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Faults {
    /// How many requests are concerned.
    pub requests: u32,
    /// The status they are answered with; none answers properly.
    pub status: Option<u16>,
    /// How long each takes, in milliseconds.
    pub delay_ms: u64,
}

/// The body of an answer that is not a success.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Problem {
    /// What went wrong.
    pub error: String,
}
