//! The list of traces: filters, keyset pages, and the row that stands for a trace everywhere.

use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, OptionalExtension as _, Row, params_from_iter};
use serde_json::Value;

use super::row::cut;
use super::{StoreError, id_at, optional_id_at};
use crate::model::{Cursor, Id, Page, Tokens, TraceQuery, TraceSummary};

const LIMIT: usize = 50;
const MOST: usize = 500;
const PREVIEW: usize = 200;

pub(super) const COLUMNS: &str = "SELECT t.id, t.name, t.root_name, p.id, p.name, l.id, l.name, t.session_id, t.services, t.start_ns, t.end_ns, t.complete, t.has_record, t.status_code, t.error_count, t.span_count, t.open_count,
    t.tokens_input, t.tokens_output, t.tokens_total, t.version, t.doc FROM traces t JOIN projects p ON p.no = t.project_no JOIN streams l ON l.no = t.stream_no";

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<TraceSummary> {
    let own_name: String = row.get(1)?;
    let has_record: bool = row.get(12)?;
    let open_count: i64 = row.get(16)?;
    let start_ns: i64 = row.get(9)?;
    let count = |index: usize| row.get::<_, i64>(index).map(|count| count as u64);
    let doc: Value = serde_json::from_str(row.get_ref(21)?.as_str()?).unwrap_or_default();
    Ok(TraceSummary {
        id: id_at(row, 0)?,
        name: if own_name.is_empty() { row.get(2)? } else { own_name },
        project_id: id_at(row, 3)?,
        project_name: row.get(4)?,
        log_stream_id: id_at(row, 5)?,
        log_stream_name: row.get(6)?,
        session_id: optional_id_at(row, 7)?,
        services: serde_json::from_str(row.get_ref(8)?.as_str()?).unwrap_or_default(),
        start_ns,
        duration_ns: row.get::<_, Option<i64>>(10)?.map(|end| end.saturating_sub(start_ns)),
        open: if has_record { !row.get::<_, bool>(11)? } else { open_count > 0 },
        has_record,
        status_code: row.get(13)?,
        error_count: count(14)?,
        span_count: count(15)?,
        open_count: open_count as u64,
        tokens: Tokens { input: count(17)?, output: count(18)?, total: count(19)? },
        input_preview: preview(doc.get("input")),
        output_preview: preview(doc.get("output")),
        version: count(20)?,
    })
}

fn preview(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => return String::new(),
        Some(Value::String(text)) => cut(text, PREVIEW * 4),
        Some(other) => cut(&other.to_string(), PREVIEW * 4),
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(PREVIEW).collect()
}

pub(super) fn summary(connection: &Connection, id: Id) -> Result<Option<TraceSummary>, StoreError> {
    Ok(connection.prepare_cached(&format!("{COLUMNS} WHERE t.id = ?1"))?.query_row([id.0], read).optional()?)
}

/// Every condition is fixed text with a bound value, so no input becomes SQL.
pub(super) fn traces(connection: &Connection, query: &TraceQuery) -> Result<Page<TraceSummary>, StoreError> {
    let limit = if query.limit == 0 { LIMIT } else { query.limit.min(MOST) };
    let mut conditions: Vec<&str> = Vec::new();
    let mut values: Vec<SqlValue> = Vec::new();
    let mut add = |condition: &'static str, bound: Vec<SqlValue>| {
        conditions.push(condition);
        values.extend(bound);
    };
    let id = |id: Id| SqlValue::Blob(id.0.to_vec());
    if let Some(project) = query.project_id {
        add(
            "(p.id = ? OR EXISTS (SELECT 1 FROM places e JOIN projects ep ON ep.no = e.project_no WHERE e.trace_no = t.no AND ep.id = ?))",
            vec![id(project), id(project)],
        );
    }
    if let Some(stream) = query.log_stream_id {
        add(
            "(l.id = ? OR EXISTS (SELECT 1 FROM places e JOIN streams el ON el.no = e.stream_no WHERE e.trace_no = t.no AND el.id = ?))",
            vec![id(stream), id(stream)],
        );
    }
    if let Some(session) = query.session_id {
        add("t.session_id = ?", vec![id(session)]);
    }
    if let Some(service) = &query.service {
        add("EXISTS (SELECT 1 FROM json_each(t.services) e WHERE e.value = ?)", vec![service.clone().into()]);
    }
    if let Some(failed) = query.failed {
        add("(t.error_count > 0 OR COALESCE(t.status_code, 0) >= 400) = ?", vec![failed.into()]);
    }
    if let Some(open) = query.open {
        add("(CASE WHEN t.has_record THEN NOT t.complete ELSE t.open_count > 0 END) = ?", vec![open.into()]);
    }
    if let Some(span_type) = query.span_type {
        add(
            "EXISTS (SELECT 1 FROM spans e WHERE e.trace_no = t.no AND e.type = ?)",
            vec![span_type.as_str().to_owned().into()],
        );
    }
    if let Some(text) = query.text.as_ref().filter(|text| !text.is_empty()) {
        let pattern = SqlValue::Text(format!("%{}%", escape_like(text)));
        add(
            r"(t.name LIKE ? ESCAPE '\' OR json_extract(t.doc, '$.input') LIKE ? ESCAPE '\' OR json_extract(t.doc, '$.output') LIKE ? ESCAPE '\'
               OR EXISTS (SELECT 1 FROM spans e WHERE e.trace_no = t.no AND (e.name LIKE ? ESCAPE '\' OR json_extract(e.doc, '$.input') LIKE ? ESCAPE '\' OR json_extract(e.doc, '$.output') LIKE ? ESCAPE '\')))",
            vec![pattern; 6],
        );
    }
    for (bound, condition) in [
        (query.from_ns, "t.start_ns >= ?"),
        (query.to_ns, "t.start_ns < ?"),
        (query.min_duration_ns, "t.end_ns - t.start_ns >= ?"),
        (query.max_duration_ns, "t.end_ns - t.start_ns <= ?"),
    ] {
        if let Some(bound) = bound {
            add(condition, vec![bound.into()]);
        }
    }
    for (bound, condition) in [(query.min_tokens, "t.tokens_total >= ?"), (query.max_tokens, "t.tokens_total <= ?")] {
        if let Some(bound) = bound {
            add(condition, vec![i64::try_from(bound).unwrap_or(i64::MAX).into()]);
        }
    }
    if let Some(after) = query.after {
        add("(t.start_ns, t.id) < (?, ?)", vec![after.start_ns.into(), id(after.id)]);
    }
    let filter = if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
    let sql = format!("{COLUMNS}{filter} ORDER BY t.start_ns DESC, t.id DESC LIMIT {}", limit + 1);
    let mut rows: Vec<TraceSummary> =
        connection.prepare_cached(&sql)?.query_map(params_from_iter(values), read)?.collect::<Result<_, _>>()?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|last| Cursor { start_ns: last.start_ns, id: last.id });
    Ok(Page { rows, next })
}

/// Makes a text match itself in `LIKE ... ESCAPE '\'`.
pub(super) fn escape_like(text: &str) -> String {
    text.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_")
}

pub(super) fn services(connection: &Connection) -> Result<Vec<String>, StoreError> {
    // The newest traces name the services that are of interest; reading all of a large database would not be quick.
    let sql = "SELECT DISTINCT e.value FROM (SELECT services FROM traces ORDER BY start_ns DESC LIMIT 2000) t, json_each(t.services) e ORDER BY 1";
    Ok(connection.prepare_cached(sql)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}
