//! The statements of the table of spans.

use rusqlite::{Connection, Statement, params};

use super::StoreError;
use super::merge::Record;
use super::part::Place;
use super::row::{SpanColumns, SpanKey};
use crate::model::{Outcome, Sources, SpanType, Tokens};

/// Adds a span; its row's number.
pub(super) fn insert(
    connection: &Connection,
    trace_no: i64,
    key: SpanKey,
    place: Place,
    columns: &SpanColumns,
    record: &Record,
) -> Result<i64, StoreError> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO spans (trace_no, key, project_no, stream_no, high, parent_key, parent_high, wire_key, wire_high, type, name, service, start_ns,
         duration_ns, ended, status_code, outcome, sources, tokens_input, tokens_output, tokens_total, model, error, flags, ranks, doc)
         VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,?24,?25,?26)",
    )?;
    statement.raw_bind_parameter(1, trace_no)?;
    statement.raw_bind_parameter(2, key.key)?;
    statement.raw_bind_parameter(3, place.project_no)?;
    statement.raw_bind_parameter(4, place.stream_no)?;
    bind(&mut statement, 5, key.high, columns, record)?;
    statement.raw_execute()?;
    Ok(connection.last_insert_rowid())
}

/// Writes a span anew, under its row's number.
pub(super) fn update(
    connection: &Connection,
    no: i64,
    high: i64,
    columns: &SpanColumns,
    record: &Record,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "UPDATE spans SET high=?2, parent_key=?3, parent_high=?4, wire_key=?5, wire_high=?6, type=?7, name=?8, service=?9, start_ns=?10,
         duration_ns=?11, ended=?12, status_code=?13, outcome=?14, sources=?15, tokens_input=?16, tokens_output=?17, tokens_total=?18, model=?19,
         error=?20, flags=?21, ranks=?22, doc=?23 WHERE no=?1",
    )?;
    statement.raw_bind_parameter(1, no)?;
    bind(&mut statement, 2, high, columns, record)?;
    statement.raw_execute()?;
    Ok(())
}

/// Binds what a later delivery may change, from the parameter `first` on: `high` to `doc`, in the order of both statements.
fn bind(
    statement: &mut Statement<'_>,
    first: usize,
    high: i64,
    columns: &SpanColumns,
    record: &Record,
) -> Result<(), StoreError> {
    let values = params![
        high,
        columns.parent.map(|parent| parent.key),
        columns.parent.map(|parent| parent.high),
        columns.wire.map(|parent| parent.key),
        columns.wire.map(|parent| parent.high),
        columns.span_type.as_str(),
        columns.name,
        columns.service,
        columns.start_ns,
        columns.duration_ns,
        columns.ended,
        columns.status_code,
        columns.outcome as i64,
        i64::from(columns.sources.0),
        columns.tokens.input as i64,
        columns.tokens.output as i64,
        columns.tokens.total as i64,
        columns.model,
        columns.error,
        columns.flags,
        record.to_ranks(),
        record.to_doc(),
    ];
    for (index, value) in values.iter().enumerate() {
        statement.raw_bind_parameter(first + index, value)?;
    }
    Ok(())
}

/// The stored span that a delivery with this key means: the one with the same id, else one of which only the W3C half is
/// known on either side.
pub(super) fn find(connection: &Connection, trace_no: i64, key: SpanKey) -> Result<Option<Existing>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT no, high, parent_key, parent_high, type, name, service, start_ns, duration_ns, ended, status_code, outcome, sources, tokens_input, tokens_output, tokens_total, flags, ranks, doc
         FROM spans WHERE trace_no = ?1 AND key = ?2 ORDER BY high",
    )?;
    let mut rows: Vec<Existing> =
        statement.query_map(params![trace_no, key.key], Existing::read)?.collect::<Result<_, _>>()?;
    let index = rows
        .iter()
        .position(|row| row.high == key.high)
        .or_else(|| rows.iter().position(|row| row.high == 0))
        .or((key.high == 0 && !rows.is_empty()).then_some(0));
    Ok(index.map(|index| rows.swap_remove(index)))
}

/// Spans of the same group of the index share the upper bits of their numbers; see the schema.
const GROUP: i64 = 16;

/// The spans with this key in any trace, as `(number, high, number of the trace)`, the newest first. `enough` ends the search.
pub(super) fn holders(
    connection: &Connection,
    key: i64,
    enough: impl Fn(&[(i64, i64, i64)]) -> bool,
) -> Result<Vec<(i64, i64, i64)>, StoreError> {
    let newest: Option<i64> =
        connection.prepare_cached("SELECT MAX(no) FROM spans")?.query_row([], |row| row.get(0))?;
    let mut found = Vec::new();
    let mut statement = connection
        .prepare_cached("SELECT no, high, trace_no FROM spans WHERE no >> 16 = ?1 AND key = ?2 ORDER BY no DESC")?;
    for group in (0..=newest.unwrap_or(-1) >> GROUP).rev() {
        for row in statement.query_map([group, key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))? {
            found.push(row?);
        }
        if enough(&found) {
            break;
        }
    }
    Ok(found)
}

/// A span as it lies in the table.
pub(super) struct Existing {
    pub(super) no: i64,
    pub(super) high: i64,
    pub(super) columns: SpanColumns,
    pub(super) ranks: String,
    pub(super) doc: String,
}

impl Existing {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Existing> {
        let parent: Option<i64> = row.get(2)?;
        Ok(Existing {
            no: row.get(0)?,
            high: row.get(1)?,
            columns: SpanColumns {
                parent: parent.zip(row.get(3)?).map(|(key, high)| SpanKey { key, high }),
                wire: None,
                span_type: SpanType::parse(row.get_ref(4)?.as_str()?).unwrap_or_default(),
                name: row.get(5)?,
                service: row.get(6)?,
                start_ns: row.get(7)?,
                duration_ns: row.get(8)?,
                ended: row.get(9)?,
                status_code: row.get(10)?,
                outcome: outcome(row.get(11)?),
                sources: Sources(row.get(12)?),
                tokens: Tokens {
                    input: row.get::<_, i64>(13)? as u64,
                    output: row.get::<_, i64>(14)? as u64,
                    total: row.get::<_, i64>(15)? as u64,
                },
                model: None,
                error: None,
                flags: row.get(16)?,
            },
            ranks: row.get(17)?,
            doc: row.get(18)?,
        })
    }
}

/// The stored form of an outcome is its position in the enum.
pub(super) fn outcome(value: i64) -> Outcome {
    match value {
        0 => Outcome::Running,
        2 => Outcome::Error,
        3 => Outcome::Panic,
        4 => Outcome::Cancelled,
        _ => Outcome::Ok,
    }
}
