//! A database that is damaged is moved aside, and what can still be read of it goes into a new one.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, OpenFlags, params_from_iter};

use super::{StoreError, schema};
use crate::time::{format_iso, now_ns};

/// Tables in the order in which they are copied.
const TABLES: [&str; 7] = ["projects", "streams", "sessions", "targets", "traces", "places", "spans"];
/// Tables that matter less and have no row numbers.
const REST: [&str; 2] = ["pending", "outbox"];

/// Rows between two damaged places that are asked for one by one.
const PROBED: i64 = 200_000;

/// A file of this size is checked whole before it is used; a larger one would keep everybody waiting.
const CHECKED_BYTES: u64 = 8 << 20;

/// What came of a recovery.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Recovered {
    /// Where the damaged file is now.
    #[serde(skip)]
    pub moved_to: PathBuf,
    /// Traces that could be read.
    pub traces: u64,
    /// Spans that could be read.
    pub spans: u64,
    /// When.
    pub at_ns: i64,
}

/// The file beside the database that says that it was found to be damaged while it was in use.
pub(super) fn marker(path: &Path) -> PathBuf {
    beside(path, ".damaged")
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Opens the database for writing; one that is damaged is replaced by what can be read of it.
pub(super) fn open(path: &Path) -> Result<(Connection, Option<Recovered>), StoreError> {
    let marked = marker(path).exists();
    if !marked {
        match schema::open_writer(Some(path)).and_then(|connection| check(path, connection)) {
            Err(error) if error.is_damage() => {}
            other => return other.map(|connection| (connection, None)),
        }
    }
    let recovered = recover(path)?;
    let _ = fs::remove_file(marker(path));
    Ok((recovered.0, Some(recovered.1)))
}

/// Looks at all pages of a small file.
fn check(path: &Path, connection: Connection) -> Result<Connection, StoreError> {
    if fs::metadata(path).is_ok_and(|file| file.len() <= CHECKED_BYTES) {
        let first: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if first != "ok" {
            return Err(StoreError::Damaged);
        }
    }
    Ok(connection)
}

fn recover(path: &Path) -> Result<(Connection, Recovered), StoreError> {
    let now = now_ns();
    let stamp: String = format_iso(now).chars().filter(char::is_ascii_digit).take(14).collect();
    let moved_to = beside(path, &format!(".damaged-{stamp}"));
    for end in ["", "-wal", "-shm"] {
        let from = beside(path, end);
        if from.exists() {
            fs::rename(&from, beside(&moved_to, end)).map_err(|source| StoreError::folder(&from, source))?;
        }
    }
    let mut connection = schema::open_writer(Some(path))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    // A file whose first page is gone gives nothing, and the console goes on with an empty database.
    if let Ok(old) = Connection::open_with_flags(&moved_to, flags) {
        let _ = old.execute_batch("PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF; PRAGMA query_only = ON;");
        let new = connection.transaction()?;
        for table in TABLES.into_iter().chain(REST) {
            copy(&old, &new, table)?;
        }
        new.execute_batch(schema::AFTER_RECOVERY)?;
        new.execute_batch(schema::REBUILD)?;
        new.commit()?;
    }
    let count =
        |table: &str| connection.query_row(&format!("SELECT COUNT(*) FROM {table}"), [], |row| row.get::<_, i64>(0));
    let (traces, spans) = (count("traces")? as u64, count("spans")? as u64);
    Ok((connection, Recovered { moved_to, traces, spans, at_ns: now }))
}

/// Names of the columns that a table has.
fn columns(connection: &Connection, table: &str) -> Vec<String> {
    let read = || -> rusqlite::Result<Vec<String>> {
        connection.prepare("SELECT name FROM pragma_table_info(?1)")?.query_map([table], |row| row.get(0))?.collect()
    };
    read().unwrap_or_default()
}

/// Copies what can be read of a table. Errors of the new database end the recovery, those of the old one only cost rows.
fn copy(old: &Connection, new: &Connection, table: &str) -> Result<(), StoreError> {
    let known: BTreeSet<String> = columns(new, table).into_iter().collect();
    let names: Vec<String> = columns(old, table).into_iter().filter(|name| known.contains(name)).collect();
    if names.is_empty() {
        return Ok(());
    }
    let list = names.join(", ");
    let marks = vec!["?"; names.len()].join(", ");
    let mut insert = new.prepare(&format!("INSERT OR IGNORE INTO {table} ({list}) VALUES ({marks})"))?;
    let numbered = names.iter().any(|name| name == "no");
    if !numbered {
        run(old, &format!("SELECT {list} FROM {table}"), &[], names.len(), &mut insert)?;
        return Ok(());
    }
    let forward = run(old, &format!("SELECT {list} FROM {table} ORDER BY no"), &[], names.len(), &mut insert)?;
    if forward.whole {
        return Ok(());
    }
    let from = forward.last.map_or(0, |last| last + 1);
    let sql = format!("SELECT {list} FROM {table} WHERE no >= ?1 ORDER BY no DESC");
    let backward = run(old, &sql, &[from], names.len(), &mut insert)?;
    let to = backward.last.unwrap_or(from + PROBED).min(from + PROBED);
    let sql = format!("SELECT {list} FROM {table} WHERE no = ?1");
    for no in from..to {
        run(old, &sql, &[no], names.len(), &mut insert)?;
    }
    Ok(())
}

struct Run {
    whole: bool,
    /// The number of the last row that could be read.
    last: Option<i64>,
}

fn run(
    old: &Connection,
    sql: &str,
    bound: &[i64],
    width: usize,
    insert: &mut rusqlite::Statement<'_>,
) -> Result<Run, StoreError> {
    let mut done = Run { whole: false, last: None };
    let Ok(mut statement) = old.prepare_cached(sql) else { return Ok(done) };
    let Ok(mut rows) = statement.query(params_from_iter(bound)) else { return Ok(done) };
    loop {
        match rows.next() {
            Ok(Some(row)) => {
                let values: rusqlite::Result<Vec<SqlValue>> = (0..width).map(|index| row.get(index)).collect();
                let Ok(values) = values else { continue };
                if let Some(SqlValue::Integer(no)) = values.first() {
                    done.last = Some(*no);
                }
                match insert.execute(params_from_iter(values)) {
                    // A row whose own values were damaged may break a rule of the table.
                    Err(error) if error.sqlite_error_code() != Some(rusqlite::ErrorCode::ConstraintViolation) => {
                        return Err(error.into());
                    }
                    _ => {}
                }
            }
            Ok(None) => {
                done.whole = true;
                return Ok(done);
            }
            Err(_) => return Ok(done),
        }
    }
}
