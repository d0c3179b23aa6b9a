//! Facets: for each value that traces can be filtered by (a service, a type, a project, "failed"), its traces, newest first. A filter
//! that matches few of millions of traces is then as quick as one that matches all.

use std::collections::{BTreeSet, HashMap};

use rusqlite::{Connection, OptionalExtension as _, params};

use super::StoreError;

/// What a facet is a value of. The numbers are part of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Service = 1,
    Type = 2,
    /// By number.
    Project = 3,
    /// A log stream or experiment, by number.
    Stream = 4,
    Failed = 5,
    Open = 6,
}

/// One value.
pub(super) type Facet = (Kind, String);

/// Values whose numbers are kept at hand.
const KNOWN: usize = 10_000;

/// Traces of a value that are counted to find out which of several is the rarest.
const COUNTED: i64 = 10_000;

/// The numbers of values, as the writer knows them.
#[derive(Debug, Default)]
pub(super) struct Values(HashMap<Facet, i64>);

impl Values {
    /// Forgets numbers that a transaction may have made that failed.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    fn number(&mut self, connection: &Connection, facet: &Facet) -> Result<i64, StoreError> {
        if let Some(number) = self.0.get(facet) {
            return Ok(*number);
        }
        let number = match number(connection, facet.0, &facet.1)? {
            Some(number) => number,
            None => {
                connection
                    .prepare_cached("INSERT INTO facet_values (kind, value) VALUES (?1, ?2)")?
                    .execute(params![facet.0 as i64, facet.1])?;
                connection.last_insert_rowid()
            }
        };
        if self.0.len() < KNOWN {
            self.0.insert(facet.clone(), number);
        }
        Ok(number)
    }

    /// Brings the facets of a trace from what they were to what they are. Each set comes with the trace's start.
    pub(super) fn change(
        &mut self,
        connection: &Connection,
        trace_no: i64,
        before: (&BTreeSet<Facet>, i64),
        after: (&BTreeSet<Facet>, i64),
    ) -> Result<(), StoreError> {
        let moved = before.1 != after.1;
        for facet in before.0.iter().filter(|facet| moved || !after.0.contains(*facet)) {
            let number = self.number(connection, facet)?;
            connection
                .prepare_cached("DELETE FROM facets WHERE value_no = ?1 AND start_ns = ?2 AND trace_no = ?3")?
                .execute([number, before.1, trace_no])?;
        }
        for facet in after.0.iter().filter(|facet| moved || !before.0.contains(*facet)) {
            let number = self.number(connection, facet)?;
            connection
                .prepare_cached("INSERT OR IGNORE INTO facets (value_no, start_ns, trace_no) VALUES (?1, ?2, ?3)")?
                .execute([number, after.1, trace_no])?;
        }
        Ok(())
    }
}

/// The number of a value; `None` when no trace ever had it.
pub(super) fn number(connection: &Connection, kind: Kind, value: &str) -> Result<Option<i64>, StoreError> {
    Ok(connection
        .prepare_cached("SELECT no FROM facet_values WHERE kind = ?1 AND value = ?2")?
        .query_row(params![kind as i64, value], |row| row.get(0))
        .optional()?)
}

/// How many traces have a value, counted as far as [`COUNTED`].
pub(super) fn frequency(connection: &Connection, number: i64) -> Result<i64, StoreError> {
    Ok(connection
        .prepare_cached("SELECT COUNT(*) FROM (SELECT 1 FROM facets WHERE value_no = ?1 LIMIT ?2)")?
        .query_row([number, COUNTED], |row| row.get(0))?)
}

/// The values of a kind that a trace has, by name.
pub(super) fn names(connection: &Connection, kind: Kind) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT value FROM facet_values v WHERE kind = ?1 AND EXISTS (SELECT 1 FROM facets f WHERE f.value_no = v.no) ORDER BY value";
    Ok(connection.prepare_cached(sql)?.query_map([kind as i64], |row| row.get(0))?.collect::<Result<_, _>>()?)
}
