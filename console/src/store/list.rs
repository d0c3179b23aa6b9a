//! The list of traces: filters, keyset pages, and the row that stands for a trace everywhere.

use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};
use serde_json::Value;

use super::facet::{self, Kind};
use super::row::cut;
use super::{StoreError, id_at, optional_id_at, text};
use crate::model::{Cursor, Id, Page, Tokens, TraceQuery, TraceSummary};

const LIMIT: usize = 50;
const MOST: usize = 500;
const PREVIEW: usize = 200;

const SELECT: &str = "SELECT t.id, t.name, t.root_name, p.id, p.name, l.id, l.name, t.session_id, t.services, t.start_ns, t.end_ns, t.complete, t.has_record, t.status_code, t.error_count, t.span_count, t.open_count,
    t.tokens_input, t.tokens_output, t.tokens_total, t.version, t.doc";
const JOINS: &str = "CROSS JOIN projects p ON p.no = t.project_no CROSS JOIN streams l ON l.no = t.stream_no";

/// Everything that [`read`] takes, from a table or join that calls the traces `t`.
pub(super) fn select_from(source: &str) -> String {
    format!("{SELECT} FROM {source} {JOINS}")
}

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
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => preview_text(text),
        Some(other) => preview_text(&other.to_string()),
    }
}

fn preview_text(text: &str) -> String {
    cut(text, PREVIEW * 4).split_whitespace().collect::<Vec<_>>().join(" ").chars().take(PREVIEW).collect()
}

pub(super) fn summary(connection: &Connection, id: Id) -> Result<Option<TraceSummary>, StoreError> {
    let sql = select_from("traces t") + " WHERE t.id = ?1";
    let mut found = connection.prepare_cached(&sql)?.query_row([id.0], read).optional()?;
    found.iter_mut().try_for_each(|row| preview_of_spans(connection, row))?;
    Ok(found)
}

/// Where the rows of a page come from.
enum Source {
    /// All traces by start.
    All,
    /// Those with one value.
    Facet,
    /// Some by number.
    Chosen,
}

/// Every condition is fixed text with a bound value, so no input becomes SQL.
pub(super) fn traces(connection: &Connection, query: &TraceQuery) -> Result<Page<TraceSummary>, StoreError> {
    let limit = if query.limit == 0 { LIMIT } else { query.limit.min(MOST) };
    let nothing = Page { rows: Vec::new(), next: None };
    let Some(mut facets) = wanted(connection, query)? else { return Ok(nothing) };
    let mut conditions: Vec<&str> = Vec::new();
    let mut values: Vec<SqlValue> = Vec::new();
    let mut source = Source::All;
    let text = query.text.as_ref().filter(|text| !text.trim().is_empty());
    if let Some(words) = text.and_then(|text| text::Query::parse(text)) {
        let before = query.after.map(|after| number(connection, after.id)).transpose()?.flatten();
        let chosen = text::candidates(connection, &words, before, !facets.is_empty())?;
        values.push(serde_json::to_string(&chosen).unwrap_or_default().into());
        source = Source::Chosen;
    } else if query.session_id.is_none() && !facets.is_empty() {
        let mut rarest = (i64::MAX, 0);
        for (index, &facet) in facets.iter().enumerate() {
            rarest = rarest.min((facet::frequency(connection, facet)?, index));
        }
        values.push(facets.swap_remove(rarest.1).into());
        conditions.push("f.value_no = ?");
        source = Source::Facet;
    }
    let mut add = |condition: &'static str, bound: Vec<SqlValue>| {
        conditions.push(condition);
        values.extend(bound);
    };
    let id = |id: Id| SqlValue::Blob(id.0.to_vec());
    for facet in facets {
        add(
            "EXISTS (SELECT 1 FROM facets e WHERE e.value_no = ? AND e.start_ns = t.start_ns AND e.trace_no = t.no)",
            vec![facet.into()],
        );
    }
    if let Some(session) = query.session_id {
        add("t.session_id = ?", vec![id(session)]);
    }
    if query.failed == Some(false) {
        add("t.error_count = 0 AND COALESCE(t.status_code, 0) < 400", vec![]);
    }
    if query.open == Some(false) {
        add("(CASE WHEN t.has_record THEN t.complete ELSE t.open_count = 0 END)", vec![]);
    }
    // Signs alone are no words; the text is then looked for as it stands.
    if let Some(text) = text.filter(|_| !matches!(source, Source::Chosen)) {
        let pattern = SqlValue::Text(format!("%{}%", escape_like(text)));
        add(
            r"(t.name LIKE ? ESCAPE '\' OR json_extract(t.doc, '$.input') LIKE ? ESCAPE '\' OR json_extract(t.doc, '$.output') LIKE ? ESCAPE '\'
               OR EXISTS (SELECT 1 FROM spans e WHERE e.trace_no = t.no AND (e.name LIKE ? ESCAPE '\' OR json_extract(e.doc, '$.input') LIKE ? ESCAPE '\' OR json_extract(e.doc, '$.output') LIKE ? ESCAPE '\')))",
            vec![pattern; 6],
        );
    }
    let (from, to) = match source {
        Source::Facet => ("f.start_ns >= ?", "f.start_ns < ?"),
        _ => ("t.start_ns >= ?", "t.start_ns < ?"),
    };
    for (bound, condition) in [
        (query.from_ns, from),
        (query.to_ns, to),
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
        match source {
            Source::Facet => add(
                "(f.start_ns, f.trace_no) < (?, ?)",
                vec![after.start_ns.into(), number(connection, after.id)?.unwrap_or(i64::MAX).into()],
            ),
            _ => add("(t.start_ns, t.id) < (?, ?)", vec![after.start_ns.into(), id(after.id)]),
        }
    }
    let filter = if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
    let (from, order) = match source {
        Source::All => ("traces t", "t.start_ns DESC, t.id DESC"),
        Source::Facet => ("facets f CROSS JOIN traces t ON t.no = f.trace_no", "f.start_ns DESC, f.trace_no DESC"),
        Source::Chosen => ("json_each(?) j CROSS JOIN traces t ON t.no = j.value", "t.start_ns DESC, t.id DESC"),
    };
    let sql = format!("{SELECT} FROM {from} {JOINS}{filter} ORDER BY {order} LIMIT {}", limit + 1);
    let mut rows: Vec<TraceSummary> =
        connection.prepare_cached(&sql)?.query_map(params_from_iter(values), read)?.collect::<Result<_, _>>()?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    rows.iter_mut().try_for_each(|row| preview_of_spans(connection, row))?;
    let next = rows.last().filter(|_| more).map(|last| Cursor { start_ns: last.start_ns, id: last.id });
    Ok(Page { rows, next })
}

/// The facets that a query asks for; `None` when one of them no trace has.
fn wanted(connection: &Connection, query: &TraceQuery) -> Result<Option<Vec<i64>>, StoreError> {
    let by_id = |sql: &str, id: Id| -> Result<String, StoreError> {
        let no: Option<i64> = connection.prepare_cached(sql)?.query_row([id.0], |row| row.get(0)).optional()?;
        Ok(no.map(|no| no.to_string()).unwrap_or_default())
    };
    let mut named: Vec<(Kind, String)> = Vec::new();
    if let Some(project) = query.project_id {
        named.push((Kind::Project, by_id("SELECT no FROM projects WHERE id = ?1", project)?));
    }
    if let Some(stream) = query.log_stream_id {
        named.push((Kind::Stream, by_id("SELECT no FROM streams WHERE id = ?1", stream)?));
    }
    named.extend(query.service.clone().map(|service| (Kind::Service, service)));
    named.extend(query.span_type.map(|span_type| (Kind::Type, span_type.as_str().to_owned())));
    named.extend(query.failed.filter(|failed| *failed).map(|_| (Kind::Failed, String::new())));
    named.extend(query.open.filter(|open| *open).map(|_| (Kind::Open, String::new())));
    named.into_iter().map(|(kind, value)| facet::number(connection, kind, &value)).collect()
}

/// The number of a trace.
fn number(connection: &Connection, id: Id) -> Result<Option<i64>, StoreError> {
    Ok(connection
        .prepare_cached("SELECT no FROM traces WHERE id = ?1")?
        .query_row([id.0], |row| row.get(0))
        .optional()?)
}

/// Traces that nobody sent (OTLP and LangSmith know only spans) show what went into and came out of their spans.
fn preview_of_spans(connection: &Connection, row: &mut TraceSummary) -> Result<(), StoreError> {
    /// A trace with more spans shows those of its root or nothing.
    const SPANS: u64 = 200;
    if row.span_count == 0 || !(row.input_preview.is_empty() || row.output_preview.is_empty()) {
        return Ok(());
    }
    let sql = "SELECT json_extract(s.doc, '$.input'), json_extract(s.doc, '$.output') FROM traces t JOIN spans s ON s.trace_no = t.no
        WHERE t.id = ?1 AND (?2 OR s.key = t.root_key) ORDER BY s.key <> t.root_key, s.parent_key IS NOT NULL, s.start_ns, s.no";
    let mut statement = connection.prepare_cached(sql)?;
    let mut spans = statement.query(params![row.id.0, row.span_count <= SPANS])?;
    while let Some(span) = spans.next()? {
        let text = |index: usize| -> rusqlite::Result<String> {
            Ok(span.get_ref(index)?.as_str_or_null().ok().flatten().map(preview_text).unwrap_or_default())
        };
        if row.input_preview.is_empty() {
            row.input_preview = text(0)?;
        }
        if row.output_preview.is_empty() {
            row.output_preview = text(1)?;
        }
        if !row.input_preview.is_empty() && !row.output_preview.is_empty() {
            break;
        }
    }
    Ok(())
}

/// Makes a text match itself in `LIKE ... ESCAPE '\'`.
pub(super) fn escape_like(text: &str) -> String {
    text.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_")
}
