//! Forgetting: traces that have not changed for long, and the oldest when there are too many bytes.
//!
//! What to delete is looked up on a reading connection and deleted in small steps, so that senders never wait for long.

use rusqlite::{Connection, params};

use super::{Store, StoreError, outbox, text};
use crate::time::now_ns;

/// Traces that one transaction deletes.
const STEP: usize = 200;

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Pruned {
    /// Traces.
    pub traces: u64,
    /// Their spans.
    pub spans: u64,
}

impl Store {
    /// Bytes in use, how many traces there are, and how many of them the text index does not hold yet.
    pub(crate) async fn size(&self) -> Result<(i64, i64, i64), StoreError> {
        self.read(|connection| {
            let count = |sql: &str| connection.query_row(sql, [], |row| row.get(0));
            let unindexed = count("SELECT COUNT(*) FROM unindexed")?;
            Ok((used_bytes(connection)?, count("SELECT COUNT(*) FROM traces")?, unindexed))
        })
        .await
    }

    /// Deletes traces that have not changed for `age`, and then the oldest until at most `bytes` are in use. `None` is no limit.
    /// The file shrinks by what was deleted.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn prune(&self, age: Option<std::time::Duration>, bytes: Option<u64>) -> Result<Pruned, StoreError> {
        let before = age.map(|age| now_ns().saturating_sub(i64::try_from(age.as_nanos()).unwrap_or(i64::MAX)));
        let mut pruned = Pruned::default();
        loop {
            let victims = self.read(move |connection| victims(connection, before, bytes)).await?;
            if victims.is_empty() {
                return Ok(pruned);
            }
            pruned.traces += victims.len() as u64;
            pruned.spans += self.write(move |writer| delete(&writer.connection, &victims)).await?;
        }
    }
}

/// Bytes in use.
fn used_bytes(connection: &Connection) -> Result<i64, StoreError> {
    let pragma = |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    Ok((pragma("page_count")? - pragma("freelist_count")?) * pragma("page_size")?)
}

/// The numbers of the next traces to delete.
fn victims(connection: &Connection, before: Option<i64>, bytes: Option<u64>) -> Result<Vec<i64>, StoreError> {
    if let Some(before) = before {
        let sql = "SELECT no FROM traces WHERE updated_ns < ?1 ORDER BY updated_ns, no LIMIT ?2";
        let old: Vec<i64> = connection
            .prepare_cached(sql)?
            .query_map(params![before, STEP as i64], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        if !old.is_empty() {
            return Ok(old);
        }
    }
    let Some(limit) = bytes else { return Ok(Vec::new()) };
    let used = used_bytes(connection)?;
    let excess = used as f64 - limit as f64;
    let (traces, first): (i64, Option<i64>) =
        connection
            .query_row("SELECT COUNT(*), MIN(updated_ns) FROM traces", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if excess <= 0.0 || first.is_none() {
        return Ok(Vec::new());
    }
    // As many as hold the excess if all were of one size, at least one.
    let share = (excess / used as f64 * traces as f64).ceil().clamp(1.0, STEP as f64) as i64;
    let sql = "SELECT no FROM traces ORDER BY updated_ns, no LIMIT ?1";
    Ok(connection.prepare_cached(sql)?.query_map([share], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Deletes traces with all that belongs to them and gives their pages back to the system; how many spans went.
fn delete(connection: &Connection, traces: &[i64]) -> Result<u64, StoreError> {
    let mut spans = 0;
    for no in traces {
        outbox::forget(connection, *no)?;
        text::forget(connection, *no)?;
        forget_facets(connection, *no)?;
        spans += connection.prepare_cached("DELETE FROM spans WHERE trace_no = ?1")?.execute([no])? as u64;
        connection.prepare_cached("DELETE FROM places WHERE trace_no = ?1")?.execute([no])?;
        connection.prepare_cached("DELETE FROM traces WHERE no = ?1")?.execute([no])?;
    }
    connection.prepare_cached("DELETE FROM sessions WHERE created_ns < ?1 AND NOT EXISTS (SELECT 1 FROM traces t WHERE t.session_id = sessions.id)")?.execute([now_ns() - 86_400_000_000_000])?;
    let mut vacuum = connection.prepare_cached("PRAGMA incremental_vacuum")?;
    let mut rows = vacuum.query([])?;
    while rows.next()?.is_some() {}
    Ok(spans)
}

/// Takes a trace from every filter.
fn forget_facets(connection: &Connection, trace_no: i64) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "DELETE FROM facets WHERE trace_no = ?1 AND start_ns = (SELECT start_ns FROM traces WHERE no = ?1) AND value_no IN (
                 SELECT v.no FROM traces t, json_each(t.services) e JOIN facet_values v ON v.kind = 1 AND v.value = e.value WHERE t.no = ?1
                 UNION ALL SELECT no FROM facet_values WHERE kind IN (2, 5, 6)
                 UNION ALL SELECT v.no FROM traces t JOIN facet_values v ON (v.kind = 3 AND v.value = CAST(t.project_no AS TEXT)) OR (v.kind = 4 AND v.value = CAST(t.stream_no AS TEXT)) WHERE t.no = ?1
                 UNION ALL SELECT v.no FROM places t JOIN facet_values v ON (v.kind = 3 AND v.value = CAST(t.project_no AS TEXT)) OR (v.kind = 4 AND v.value = CAST(t.stream_no AS TEXT)) WHERE t.trace_no = ?1)",
        )?
        .execute([trace_no])?;
    Ok(())
}
