//! Reads one trace or one span out of the tables.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::{Map, Value};

use super::row::{CACHED, ENTRY, ERROR_ORIGIN, SpanKey};
use super::tree::{self, Loose};
use super::{StoreError, id_at, list, skew, span_table};
use crate::model::{Depth, Detail, Id, Orphan, Sources, SpanNode, SpanType, SpanView, Tokens, TraceView};

/// Orphans of one trace that are looked for in other traces.
const SEARCHED_ORPHANS: usize = 200;

const COLUMNS: &str = "key, high, parent_key, parent_high, wire_key, wire_high, type, name, service, start_ns, duration_ns, ended, status_code, outcome, sources, tokens_input, tokens_output, tokens_total, model, error, flags";

/// All columns and the record of spans.
pub(super) const FULL: &str = "SELECT key, high, parent_key, parent_high, wire_key, wire_high, type, name, service, start_ns, duration_ns, ended, status_code, outcome, sources, tokens_input, tokens_output, tokens_total, model, error, flags, doc FROM spans";

/// Spans with what the search of the Galileo API needs beside them.
pub(super) const SEARCH: &str = "SELECT s.key, s.high, s.parent_key, s.parent_high, s.wire_key, s.wire_high, s.type, s.name, s.service, s.start_ns, s.duration_ns, s.ended, s.status_code, s.outcome, s.sources, s.tokens_input, s.tokens_output, s.tokens_total, s.model, s.error, s.flags, s.doc,
    t.id, t.session_id, p.id, l.id FROM spans s JOIN traces t ON t.no = s.trace_no JOIN projects p ON p.no = s.project_no JOIN streams l ON l.no = s.stream_no";

pub(super) fn trace(connection: &Connection, id: Id, depth: Depth) -> Result<Option<TraceView>, StoreError> {
    let Some(summary) = list::summary(connection, id)? else { return Ok(None) };
    let (no, doc): (i64, String) = connection
        .prepare_cached("SELECT no, doc FROM traces WHERE id = ?1")?
        .query_row([id.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let detail = detail(&doc);
    let full = depth == Depth::Full;
    let sql = if full {
        format!("{FULL} WHERE trace_no = ?1")
    } else {
        format!("SELECT {COLUMNS} FROM spans WHERE trace_no = ?1")
    };
    let loose: Vec<Loose> =
        connection.prepare_cached(&sql)?.query_map([no], |row| read_span(row, id, full))?.collect::<Result<_, _>>()?;
    let mut spans = tree::build(loose, detail.metadata.get("service.name").map(String::as_str));
    for span in spans.iter_mut().filter(|span| span.orphan == Some(Orphan::MissingParent)).take(SEARCHED_ORPHANS) {
        if let Some(other) =
            span.parent_id.map(|parent| trace_of(connection, SpanKey::of(parent))).transpose()?.flatten()
        {
            span.orphan = Some(Orphan::ParentInTrace(other));
        }
    }
    let skews = skew::estimate(&spans);
    Ok(Some(TraceView { summary, detail, spans, skews }))
}

/// The trace that holds a span with this UUID.
fn trace_of(connection: &Connection, key: SpanKey) -> Result<Option<Id>, StoreError> {
    let held = span_table::holders(connection, key.key, |found| found.iter().any(|(_, high, _)| *high == key.high))?;
    let ids =
        held.iter().filter(|(_, high, _)| *high == key.high).map(|(.., trace_no)| trace_id(connection, *trace_no));
    Ok(ids.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().min())
}

/// The id of the trace with that number.
pub(super) fn trace_id(connection: &Connection, trace_no: i64) -> Result<Option<Id>, StoreError> {
    Ok(connection
        .prepare_cached("SELECT id FROM traces WHERE no = ?1")?
        .query_row([trace_no], |row| id_at(row, 0))
        .optional()?)
}

pub(super) fn span(connection: &Connection, id: Id, trace: Option<Id>) -> Result<Option<SpanView>, StoreError> {
    // A span that came by its W3C id alone is asked for by the UUID that was made up for it.
    let mut candidates = Vec::new();
    for (no, high, trace_no) in span_table::holders(connection, id.low_key(), |_| false)? {
        let trace = trace_id(connection, trace_no)?;
        let is_it = |trace: &Id| SpanKey { key: id.low_key(), high }.id_in(*trace) == id.as_v4();
        candidates.extend(trace.filter(is_it).map(|trace| (trace, no)));
    }
    candidates.sort_unstable();
    let Some((trace_id, no)) = candidates.into_iter().find(|(found, _)| trace.is_none_or(|wanted| wanted == *found))
    else {
        return Ok(None);
    };
    let mut loose = connection
        .prepare_cached(&format!("{FULL} WHERE no = ?1"))?
        .query_row([no], |row| read_span(row, trace_id, true))?;
    if loose.node.service.is_none() {
        loose.node.service = inherited_service(connection, trace_id, loose.parent)?;
    }
    Ok(Some(SpanView { trace_id, span: loose.node }))
}

/// The service of the nearest ancestor that has one, at most so many levels up as a real trace is deep.
fn inherited_service(
    connection: &Connection,
    trace: Id,
    mut parent: Option<SpanKey>,
) -> Result<Option<String>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT service, parent_key, parent_high FROM spans WHERE trace_no = (SELECT no FROM traces WHERE id = ?1) AND key = ?2 AND (high = ?3 OR high = 0 OR ?3 = 0)")?;
    for _ in 0..1000 {
        let Some(key) = parent else { break };
        let found = statement
            .query_row(params![trace.0, key.key, key.high], |row| {
                Ok((row.get::<_, Option<String>>(0)?, key_at(row, 1)?))
            })
            .optional()?;
        match found {
            Some((Some(service), _)) => return Ok(Some(service)),
            Some((None, next)) => parent = next,
            None => break,
        }
    }
    let doc: Option<String> = connection
        .prepare_cached("SELECT doc FROM traces WHERE id = ?1")?
        .query_row([trace.0], |row| row.get(0))
        .optional()?;
    Ok(doc.and_then(|doc| detail(&doc).metadata.remove("service.name")))
}

fn key_at(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<SpanKey>> {
    let key: Option<i64> = row.get(index)?;
    Ok(key.zip(row.get(index + 1)?).map(|(key, high)| SpanKey { key, high }))
}

pub(super) fn read_span(row: &Row<'_>, trace: Id, full: bool) -> rusqlite::Result<Loose> {
    let key = SpanKey { key: row.get(0)?, high: row.get(1)? };
    let parent = key_at(row, 2)?;
    let flags: i64 = row.get(20)?;
    let count = |index: usize| row.get::<_, i64>(index).map(|count| count as u64);
    let ended: bool = row.get(11)?;
    let node = SpanNode {
        id: key.id_in(trace),
        parent_id: parent.map(|parent| parent.id_in(trace)),
        orphan: None,
        span_type: SpanType::parse(row.get_ref(6)?.as_str()?).unwrap_or_default(),
        name: row.get(7)?,
        service: row.get(8)?,
        entry: flags & ENTRY != 0,
        start_ns: row.get(9)?,
        duration_ns: row.get(10)?,
        open: !ended,
        status_code: row.get(12)?,
        outcome: span_table::outcome(row.get(13)?),
        error: row.get(19)?,
        error_origin: flags & ERROR_ORIGIN != 0,
        cached: flags & CACHED != 0,
        model: row.get(18)?,
        tokens: Tokens { input: count(15)?, output: count(16)?, total: count(17)? },
        sources: Sources(row.get(14)?),
        depth: 0,
        parent_index: None,
        children: Vec::new(),
        detail: if full { Some(Box::new(detail(row.get_ref(21)?.as_str()?))) } else { None },
    };
    Ok(Loose { key, parent, wire: key_at(row, 4)?, node })
}

/// Sorts the fields of a stored record into what everybody reads and the rest.
pub(crate) fn detail(doc: &str) -> Detail {
    let mut fields: Map<String, Value> = serde_json::from_str(doc).unwrap_or_default();
    for known in ["type", "name", "status_code", "parent_id"] {
        fields.remove(known);
    }
    let mut detail = Detail {
        input: fields.remove("input"),
        output: fields.remove("output"),
        redacted_input: fields.remove("redacted_input"),
        redacted_output: fields.remove("redacted_output"),
        created_at: fields.remove("created_at").and_then(|moment| moment.as_str().map(str::to_owned)),
        ..Detail::default()
    };
    if let Some(Value::Array(tags)) = fields.remove("tags") {
        detail.tags = tags.into_iter().filter_map(|tag| tag.as_str().map(str::to_owned)).collect();
    }
    if let Some(Value::Object(metadata)) = fields.remove("user_metadata") {
        detail.metadata = metadata.into_iter().map(|(key, value)| (key, plain(value))).collect();
    }
    if let Some(Value::Object(metrics)) = fields.remove("metrics") {
        detail.metrics = metrics.into_iter().collect();
    }
    // Metadata that came after the span was announced travels as `key=value` tags.
    for tag in &detail.tags {
        if let Some((key, value)) = tag.split_once('=')
            && !matches!(key, "error" | "outcome" | "error.origin")
            && !key.is_empty()
            && key.chars().all(|character| character.is_alphanumeric() || "._-/".contains(character))
        {
            detail.metadata.entry(key.to_owned()).or_insert_with(|| value.to_owned());
        }
    }
    detail.more = fields.into_iter().collect::<BTreeMap<_, _>>();
    detail
}

fn plain(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}
