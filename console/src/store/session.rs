//! Sessions as a list: the newest first, each with what its traces add up to.

use rusqlite::{Connection, params};

use super::catalog::{SESSION, read_session};
use super::{Store, StoreError};
use crate::model::{Id, SessionSummary};

const LIMIT: usize = 50;

impl Store {
    /// One page of sessions, the one that began last first. `after` continues a page: the [`SessionSummary::number`] of its last row.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn sessions(
        &self,
        project: Option<Id>,
        after: Option<i64>,
    ) -> Result<(Vec<SessionSummary>, Option<i64>), StoreError> {
        self.read(move |connection| page(connection, project, after)).await
    }
}

fn page(
    connection: &Connection,
    project: Option<Id>,
    after: Option<i64>,
) -> Result<(Vec<SessionSummary>, Option<i64>), StoreError> {
    let sql = format!("{SESSION} WHERE s.no < ?1 AND (?2 IS NULL OR p.id = ?2) ORDER BY s.no DESC LIMIT ?3");
    let mut sessions = connection.prepare_cached(&sql)?;
    let mut number = connection.prepare_cached("SELECT no FROM sessions WHERE id = ?1")?;
    let mut traces = connection.prepare_cached(
        "SELECT MIN(start_ns), MAX(start_ns), COALESCE(SUM(tokens_total), 0), COALESCE(SUM(error_count > 0), 0), COALESCE(SUM(open_count > 0), 0) FROM traces WHERE session_id = ?1",
    )?;
    let found = sessions
        .query_map(params![after.unwrap_or(i64::MAX), project.map(|id| id.0), LIMIT as i64 + 1], read_session)?;
    let mut rows = Vec::new();
    for session in found {
        let session = session?;
        let number = number.query_row([session.id.0], |row| row.get(0))?;
        let row = traces.query_row([session.id.0], |row| {
            let count = |index: usize| row.get::<_, i64>(index).map(|count| count as u64);
            Ok(SessionSummary {
                first_ns: row.get::<_, Option<i64>>(0)?.unwrap_or(session.created_ns),
                last_ns: row.get::<_, Option<i64>>(1)?.unwrap_or(session.created_ns),
                tokens: count(2)?,
                failed: count(3)?,
                open: count(4)?,
                session: session.clone(),
                number,
            })
        })?;
        rows.push(row);
    }
    let more = rows.len() > LIMIT;
    rows.truncate(LIMIT);
    let next = rows.last().filter(|_| more).map(|last| last.number);
    Ok((rows, next))
}
