//! Where the errors of listed traces began, so that the list can say what went wrong before a trace is opened.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::row::ERROR_ORIGIN;
use super::{Store, StoreError};
use crate::model::{Failure, Id, Outcome};

/// Spans of one trace that are looked at; the list must not wait for a very large one.
const MOST_SPANS: i64 = 5_000;

impl Store {
    /// For each of those traces in which a span failed: where that began, and whether the trace as a whole failed.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn failures(&self, traces: Vec<Id>) -> Result<HashMap<Id, Failure>, StoreError> {
        self.read(move |connection| find(connection, &traces)).await
    }
}

/// The span that says of itself that the error began there, else the failed span that began last: what it called had not failed yet.
fn find(connection: &Connection, traces: &[Id]) -> Result<HashMap<Id, Failure>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT s.name, s.service, s.error, t.status_code >= 400 OR EXISTS (SELECT 1 FROM spans r WHERE r.trace_no = t.no AND r.parent_key IS NULL AND r.outcome IN (?2, ?3))
         FROM traces t JOIN spans s ON s.trace_no = t.no
         WHERE t.id = ?1 AND t.span_count <= ?4 AND s.outcome IN (?2, ?3) ORDER BY s.flags & ?5 DESC, s.start_ns DESC LIMIT 1",
    )?;
    let mut found = HashMap::new();
    for &id in traces {
        let bound = params![id.0, Outcome::Error as i64, Outcome::Panic as i64, MOST_SPANS, ERROR_ORIGIN];
        let failure = statement.query_row(bound, |row| {
            Ok(Failure {
                name: row.get(0)?,
                service: row.get(1)?,
                error: row.get(2)?,
                whole: row.get::<_, Option<bool>>(3)?.unwrap_or(false),
            })
        });
        found.extend(failure.optional()?.map(|failure| (id, failure)));
    }
    Ok(found)
}
