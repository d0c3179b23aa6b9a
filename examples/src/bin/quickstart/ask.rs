//! The messages between the processes.

use galileo_examples::retrieval::Hit;
use serde::{Deserialize, Serialize};

/// `POST /search` of the retrieval service.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SearchRequest {
    pub(crate) query: String,
    #[serde(default = "default_limit")]
    pub(crate) limit: usize,
}

fn default_limit() -> usize {
    4
}

/// What `POST /search` answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SearchReply {
    pub(crate) hits: Vec<Hit>,
}

/// `POST /ask` of the orchestrator.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AskRequest {
    pub(crate) question: String,
}

/// What `POST /ask` answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AskReply {
    pub(crate) answer: String,
    /// Where the numbers in the answer point: `path > heading`, the first is `[1]`.
    pub(crate) sources: Vec<String>,
    /// The trace of this request; nothing when the orchestrator does not record.
    pub(crate) trace_id: Option<String>,
}

/// The body of an answer that is not a success.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Problem {
    pub(crate) error: String,
}
