//! Why do my traces not link, and where are my spans? Each check says what it found and, when something is wrong, how to mend it.
//!
//! `environment` reads variables, `backend` speaks to the backend that they name, `hop` follows headers from one service to the next, and
//! `stored` looks at what a console holds.

pub(crate) mod backend;
pub(crate) mod environment;
pub(crate) mod hop;
pub(crate) mod stored;

use serde::{Deserialize, Serialize};

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// Nothing to do.
    Ok,
    /// It works, and may not be what was meant.
    Warning,
    /// It does not work.
    Failed,
    /// It could not be looked at.
    Skipped,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Check {
    /// What was looked at: `environment`, `reachability`, `login`, `project`, `clock`, `propagation`, `links` or `spans`.
    pub(crate) check: String,
    /// What it came to.
    pub(crate) verdict: Verdict,
    /// What was found.
    pub(crate) found: String,
    /// How to mend it; empty when there is nothing to mend.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) fix: String,
    /// Traces that show it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) traces: Vec<String>,
}

impl Check {
    pub(crate) fn ok(check: &str, found: impl Into<String>) -> Check {
        Check::new(check, Verdict::Ok, found, "")
    }

    pub(crate) fn warning(check: &str, found: impl Into<String>, fix: impl Into<String>) -> Check {
        Check::new(check, Verdict::Warning, found, fix)
    }

    pub(crate) fn failed(check: &str, found: impl Into<String>, fix: impl Into<String>) -> Check {
        Check::new(check, Verdict::Failed, found, fix)
    }

    pub(crate) fn skipped(check: &str, found: impl Into<String>) -> Check {
        Check::new(check, Verdict::Skipped, found, "")
    }

    fn new(check: &str, verdict: Verdict, found: impl Into<String>, fix: impl Into<String>) -> Check {
        Check { check: check.to_owned(), verdict, found: found.into(), fix: fix.into(), traces: Vec::new() }
    }

    pub(crate) fn in_traces(mut self, traces: impl IntoIterator<Item = crate::model::Id>) -> Check {
        const MOST: usize = 5;
        self.traces = traces.into_iter().take(MOST).map(|id| id.to_string()).collect();
        self
    }
}
