//! What is asked of a list, and a page of the answer.

use std::fmt;
use std::str::FromStr;

use super::{Id, NotAnId, SpanType};

/// Which traces to list: newest first, every field narrows.
#[derive(Clone, Debug, Default)]
pub struct TraceQuery {
    /// Of this project.
    pub project_id: Option<Id>,
    /// Of this log stream or experiment.
    pub log_stream_id: Option<Id>,
    /// Of this session.
    pub session_id: Option<Id>,
    /// With a span of this service.
    pub service: Option<String>,
    /// With (`true`) or without (`false`) an error.
    pub failed: Option<bool>,
    /// Still open, or not.
    pub open: Option<bool>,
    /// With a span of this type.
    pub span_type: Option<SpanType>,
    /// With this text in the name, input or output of the trace or of a span.
    pub text: Option<String>,
    /// That began at or after this.
    pub from_ns: Option<i64>,
    /// That began before this.
    pub to_ns: Option<i64>,
    /// That took at least this long.
    pub min_duration_ns: Option<i64>,
    /// That took at most this long.
    pub max_duration_ns: Option<i64>,
    /// With at least so many tokens.
    pub min_tokens: Option<u64>,
    /// With at most so many tokens.
    pub max_tokens: Option<u64>,
    /// Continue after the page that ended with this cursor.
    pub after: Option<Cursor>,
    /// Rows on a page; 0 means 50, at most 500.
    pub limit: usize,
}

/// A place in the list that stays right while new traces arrive: the last row's start and id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Start of the last row.
    pub start_ns: i64,
    /// Id of the last row.
    pub id: Id,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.start_ns, self.id)
    }
}

impl FromStr for Cursor {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Cursor, NotAnId> {
        let (start, id) = text.split_once('_').ok_or(NotAnId)?;
        Ok(Cursor { start_ns: start.parse().map_err(|_| NotAnId)?, id: id.parse()? })
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Where the next page begins, when there is one.
    pub next: Option<Cursor>,
}
