//! What traces belong to: projects, log streams, sessions.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Id;

/// A project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Project {
    /// Id.
    pub id: Id,
    /// Name, unique.
    pub name: String,
    /// When it was first heard of.
    pub created_ns: i64,
}

/// A log stream of a project, or an experiment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogStream {
    /// Id.
    pub id: Id,
    /// Its project.
    pub project_id: Id,
    /// Name, unique in the project.
    pub name: String,
    /// It is an experiment.
    pub experiment: bool,
    /// When it was first heard of.
    pub created_ns: i64,
}

/// A session: traces that belong to one conversation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Session {
    /// Id.
    pub id: Id,
    /// Its project.
    pub project_id: Id,
    /// Its log stream or experiment.
    pub log_stream_id: Id,
    /// Name.
    pub name: String,
    /// The user's own id.
    pub external_id: Option<String>,
    /// The session before it.
    pub previous_session_id: Option<Id>,
    /// Key and value pairs of the user.
    pub metadata: BTreeMap<String, String>,
    /// When it began.
    pub created_ns: i64,
    /// How many traces it has.
    pub trace_count: u64,
}

/// A session and what its traces add up to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SessionSummary {
    /// The session.
    pub session: Session,
    /// Its place in the order of creation.
    pub number: i64,
    /// When its first trace began.
    pub first_ns: i64,
    /// When its last trace began.
    pub last_ns: i64,
    /// Tokens of its traces.
    pub tokens: u64,
    /// Traces in which something failed.
    pub failed: u64,
    /// Traces with open spans.
    pub open: u64,
}
