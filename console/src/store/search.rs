//! Searches of the Galileo API: filters on columns, one sort column, pages by offset.
//!
//! Columns come from an enum and values are bound, so no text of a request becomes SQL.

use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, OptionalExtension as _, Row, params_from_iter};

use super::catalog::{SESSION, read_session};
use super::row::SpanKey;
use super::{StoreError, facet, id_at, list, view};
use crate::model::{Id, Session, SpanNode, TraceSummary};

/// What is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Traces,
    Spans,
    Sessions,
}

/// A column that may be filtered and sorted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Id,
    TraceId,
    ParentId,
    SessionId,
    ProjectId,
    LogStreamId,
    Name,
    Type,
    Model,
    CreatedAt,
    StatusCode,
    IsComplete,
    SpanCount,
    Tags,
    ExternalId,
    PreviousSessionId,
    /// A field of the record.
    Field(&'static str),
    Metadata(String),
    DatasetMetadata(String),
    Metric(String),
}

impl Column {
    /// The column of that name; `None` when there is none of this kind.
    pub(crate) fn parse(kind: Kind, name: &str) -> Option<Column> {
        let keyed = |prefix: &str| {
            name.strip_prefix(prefix)
                .and_then(|rest| rest.strip_prefix(['.', '/']))
                .filter(|key| !key.is_empty())
                .map(str::to_owned)
        };
        let column = match name {
            "id" => Column::Id,
            "session_id" => Column::SessionId,
            "project_id" => Column::ProjectId,
            "log_stream_id" | "run_id" | "experiment_id" => Column::LogStreamId,
            "name" => Column::Name,
            "created_at" => Column::CreatedAt,
            "external_id" => Column::ExternalId,
            "previous_session_id" => Column::PreviousSessionId,
            "type" => Column::Type,
            "trace_id" => Column::TraceId,
            "parent_id" => Column::ParentId,
            "model" => Column::Model,
            "status_code" => Column::StatusCode,
            "is_complete" => Column::IsComplete,
            "num_spans" | "num_traces" => Column::SpanCount,
            "tags" => Column::Tags,
            "input" => Column::Field("input"),
            "output" => Column::Field("output"),
            "redacted_input" => Column::Field("redacted_input"),
            "redacted_output" => Column::Field("redacted_output"),
            "dataset_input" => Column::Field("dataset_input"),
            "dataset_output" => Column::Field("dataset_output"),
            "finish_reason" => Column::Field("finish_reason"),
            "step_number" => Column::Field("step_number"),
            "temperature" => Column::Field("temperature"),
            "tool_call_id" => Column::Field("tool_call_id"),
            "agent_type" => Column::Field("agent_type"),
            "duration_ns"
            | "num_input_tokens"
            | "num_output_tokens"
            | "num_total_tokens"
            | "time_to_first_token_ns" => Column::Metric(name.to_owned()),
            _ => {
                if let Some(key) = keyed("user_metadata").or_else(|| keyed("metadata")) {
                    Column::Metadata(key)
                } else if let Some(key) = keyed("dataset_metadata") {
                    Column::DatasetMetadata(key)
                } else {
                    Column::Metric(keyed("metrics")?)
                }
            }
        };
        column.sql(kind).is_some().then_some(column)
    }

    /// The expression, and the path that has to be bound for it.
    fn sql(&self, kind: Kind) -> Option<(&'static str, Option<String>)> {
        let path = |map: &str, key: &str| Some(format!("$.{map}.\"{}\"", key.replace('"', "")));
        let plain = |sql: &'static str| Some((sql, None));
        match (kind, self) {
            (Kind::Sessions, column) => match column {
                Column::Id | Column::SessionId => plain("s.id"),
                Column::ProjectId => plain("p.id"),
                Column::LogStreamId => plain("l.id"),
                Column::Name => plain("s.name"),
                Column::CreatedAt => plain("s.created_ns"),
                Column::ExternalId => plain("s.external_id"),
                Column::PreviousSessionId => plain("s.previous_id"),
                Column::SpanCount => plain("(SELECT COUNT(*) FROM traces t WHERE t.session_id = s.id)"),
                Column::Metadata(key) => {
                    Some(("json_extract(s.metadata, ?)", Some(format!("$.\"{}\"", key.replace('"', "")))))
                }
                _ => None,
            },
            (_, Column::PreviousSessionId) => None,
            (_, Column::ProjectId) => plain("p.id"),
            (_, Column::LogStreamId) => plain("l.id"),
            (_, Column::SessionId) => plain("COALESCE(t.session_id, t.id)"),
            (_, Column::TraceId) => plain("t.id"),
            (Kind::Traces, column) => match column {
                Column::Id => plain("t.id"),
                Column::Name => plain("t.name"),
                Column::Type => plain("'trace'"),
                Column::CreatedAt => plain("t.start_ns"),
                Column::StatusCode => plain("t.status_code"),
                Column::IsComplete => plain("t.complete"),
                Column::SpanCount => plain("t.span_count"),
                Column::Tags => Some(("json_extract(t.doc, ?)", Some("$.tags".into()))),
                Column::ExternalId => Some(("json_extract(t.doc, ?)", Some("$.external_id".into()))),
                Column::Field(name) => Some(("json_extract(t.doc, ?)", Some(format!("$.{name}")))),
                Column::Metadata(key) => Some(("json_extract(t.doc, ?)", path("user_metadata", key))),
                Column::DatasetMetadata(key) => Some(("json_extract(t.doc, ?)", path("dataset_metadata", key))),
                Column::Metric(key) if key == "duration_ns" => plain("(t.end_ns - t.start_ns)"),
                Column::Metric(key) => Some(("json_extract(t.doc, ?)", path("metrics", key))),
                _ => None,
            },
            (Kind::Spans, column) => match column {
                // The first eight bytes are compared too, see `Test::Ids`.
                Column::Id => plain("s.key"),
                Column::ParentId => plain("s.parent_key"),
                Column::Name => plain("s.name"),
                Column::Type => plain("s.type"),
                Column::Model => plain("s.model"),
                Column::CreatedAt => plain("s.start_ns"),
                Column::StatusCode => plain("s.status_code"),
                Column::IsComplete => plain("s.ended"),
                Column::Tags => Some(("json_extract(s.doc, ?)", Some("$.tags".into()))),
                Column::ExternalId => Some(("json_extract(s.doc, ?)", Some("$.external_id".into()))),
                Column::Field(name) => Some(("json_extract(s.doc, ?)", Some(format!("$.{name}")))),
                Column::Metadata(key) => Some(("json_extract(s.doc, ?)", path("user_metadata", key))),
                Column::DatasetMetadata(key) => Some(("json_extract(s.doc, ?)", path("dataset_metadata", key))),
                Column::Metric(key) if key == "duration_ns" => plain("s.duration_ns"),
                Column::Metric(key) => Some(("json_extract(s.doc, ?)", path("metrics", key))),
                _ => None,
            },
        }
    }
}

/// How a number, moment or flag is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Eq,
    Ne,
    Gt,
    Gte,
    Lt,
    Lte,
}

impl Operator {
    fn sql(self) -> &'static str {
        match self {
            Operator::Eq => "=",
            Operator::Ne => "<>",
            Operator::Gt => ">",
            Operator::Gte => ">=",
            Operator::Lt => "<",
            Operator::Lte => "<=",
        }
    }
}

/// What a column must be like.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Test {
    Number(Operator, f64),
    Between(f64, f64),
    Whole(Operator, i64),
    Ids {
        any_of: Vec<Id>,
        negated: bool,
    },
    /// Equal to one of these.
    Texts {
        any_of: Vec<String>,
        negated: bool,
        case_sensitive: bool,
    },
    Contains {
        text: String,
        case_sensitive: bool,
    },
    /// A list that holds one of these.
    Holds {
        any_of: Vec<String>,
        negated: bool,
        case_sensitive: bool,
    },
}

/// A condition on a record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    Column(Column, Test),
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
}

/// A whole search.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    pub(crate) kind: Kind,
    pub(crate) project_id: Id,
    pub(crate) log_stream_id: Option<Id>,
    pub(crate) condition: Condition,
    pub(crate) sort: Column,
    pub(crate) ascending: bool,
    pub(crate) offset: usize,
    pub(crate) limit: usize,
}

/// One record that was found.
#[derive(Clone, Debug)]
pub(crate) enum Hit {
    Trace(Box<TraceSummary>, String),
    Span { span: Box<SpanNode>, trace_id: Id, session_id: Option<Id>, project_id: Id, log_stream_id: Id },
    Session(Session),
}

/// A page of records.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) hits: Vec<Hit>,
    pub(crate) more: bool,
}

pub(super) fn run(connection: &Connection, search: &Search) -> Result<Found, StoreError> {
    let mut values: Vec<SqlValue> = Vec::new();
    let by_facet = match search.kind {
        Kind::Traces => trace_source(connection, search)?,
        _ => None,
    };
    if search.kind == Kind::Traces && by_facet.is_none() {
        return Ok(Found { hits: Vec::new(), more: false });
    }
    let mut sql = match search.kind {
        Kind::Traces => list::select_from("facets f CROSS JOIN traces t ON t.no = f.trace_no"),
        Kind::Spans => view::SEARCH.to_owned(),
        Kind::Sessions => SESSION.to_owned(),
    };
    // A trace that was sent to several places belongs to each of them; spans and sessions to one.
    match by_facet {
        Some(facets) => {
            sql.push_str(" WHERE f.value_no = ?");
            values.push(facets[0].into());
            for facet in &facets[1..] {
                sql.push_str(" AND EXISTS (SELECT 1 FROM facets e WHERE e.value_no = ? AND e.start_ns = t.start_ns AND e.trace_no = t.no)");
                values.push((*facet).into());
            }
        }
        None => {
            // Where the trace is named its spans are few; else the order of the index is what makes a page quick.
            sql.push_str(match (search.kind, names_trace(&search.condition)) {
                (Kind::Spans, true) => " WHERE +s.project_no = (SELECT no FROM projects WHERE id = ?)",
                (Kind::Spans, false) => " WHERE s.project_no = (SELECT no FROM projects WHERE id = ?)",
                _ => " WHERE (p.id = ?)",
            });
            values.push(SqlValue::Blob(search.project_id.0.to_vec()));
            if let Some(stream) = search.log_stream_id {
                sql.push_str(" AND (l.id = ?)");
                values.push(SqlValue::Blob(stream.0.to_vec()));
            }
        }
    }
    for id in named_traces(&search.condition) {
        sql.push_str(" AND t.id = ?");
        values.push(SqlValue::Blob(id.0.to_vec()));
    }
    sql.push_str(" AND ");
    push_condition(search.kind, &search.condition, &mut sql, &mut values);
    if let Some((expression, path)) = search.sort.sql(search.kind) {
        let expression = match (search.kind, &search.sort) {
            (Kind::Traces, Column::CreatedAt) => "f.start_ns",
            _ => expression,
        };
        sql.push_str(" ORDER BY ");
        sql.push_str(expression);
        values.extend(path.map(SqlValue::Text));
        sql.push_str(if search.ascending { " ASC, " } else { " DESC, " });
        sql.push_str(match (search.kind, search.ascending) {
            (Kind::Traces, true) => "f.trace_no ASC",
            (Kind::Traces, false) => "f.trace_no DESC",
            (_, true) => "s.no ASC",
            (_, false) => "s.no DESC",
        });
    }
    sql.push_str(" LIMIT ? OFFSET ?");
    values.push((search.limit as i64 + 1).into());
    values.push((i64::try_from(search.offset).unwrap_or(i64::MAX)).into());
    let mut statement = connection.prepare_cached(&sql)?;
    let mut hits: Vec<Hit> =
        statement.query_map(params_from_iter(values), |row| read(search.kind, row))?.collect::<Result<_, _>>()?;
    let more = hits.len() > search.limit;
    hits.truncate(search.limit);
    Ok(Found { hits, more })
}

/// The facets of the project and log stream, the rarer first; `None` when no trace has one of them.
fn trace_source(connection: &Connection, search: &Search) -> Result<Option<Vec<i64>>, StoreError> {
    let find = |kind: facet::Kind, sql: &str, id: Id| -> Result<Option<i64>, StoreError> {
        let no: Option<i64> = connection.prepare_cached(sql)?.query_row([id.0], |row| row.get(0)).optional()?;
        no.map_or(Ok(None), |no| facet::number(connection, kind, &no.to_string()))
    };
    let mut facets = Vec::new();
    if let Some(stream) = search.log_stream_id {
        facets.push(find(facet::Kind::Stream, "SELECT no FROM streams WHERE id = ?1", stream)?);
    }
    facets.push(find(facet::Kind::Project, "SELECT no FROM projects WHERE id = ?1", search.project_id)?);
    Ok(facets.into_iter().collect())
}

/// Traces of which every record that is found has to be one.
fn named_traces(condition: &Condition) -> Vec<Id> {
    match condition {
        Condition::And(inner) => inner.iter().flat_map(named_traces).collect(),
        Condition::Column(Column::TraceId, Test::Ids { any_of, negated: false }) if any_of.len() == 1 => any_of.clone(),
        _ => Vec::new(),
    }
}

fn names_trace(condition: &Condition) -> bool {
    !named_traces(condition).is_empty()
}

fn read(kind: Kind, row: &Row<'_>) -> rusqlite::Result<Hit> {
    Ok(match kind {
        Kind::Traces => Hit::Trace(Box::new(list::read(row)?), row.get(21)?),
        Kind::Sessions => Hit::Session(read_session(row)?),
        Kind::Spans => {
            let trace_id = id_at(row, 22)?;
            Hit::Span {
                span: Box::new(view::read_span(row, trace_id, true)?.node),
                trace_id,
                session_id: super::optional_id_at(row, 23)?,
                project_id: id_at(row, 24)?,
                log_stream_id: id_at(row, 25)?,
            }
        }
    })
}

fn push_condition(kind: Kind, condition: &Condition, sql: &mut String, values: &mut Vec<SqlValue>) {
    let mut join = |conditions: &[Condition], word: &str, empty: &str| {
        sql.push('(');
        for (index, condition) in conditions.iter().enumerate() {
            if index > 0 {
                sql.push_str(word);
            }
            push_condition(kind, condition, sql, values);
        }
        if conditions.is_empty() {
            sql.push_str(empty);
        }
        sql.push(')');
    };
    match condition {
        Condition::And(conditions) => join(conditions, " AND ", "TRUE"),
        Condition::Or(conditions) => join(conditions, " OR ", "FALSE"),
        Condition::Not(condition) => {
            sql.push_str("NOT ");
            push_condition(kind, condition, sql, values);
        }
        Condition::Column(column, test) => push_test(kind, column, test, sql, values),
    }
}

/// A column that is null passes no test but a negated one, and `NOT` turns every test around.
fn push_test(kind: Kind, column: &Column, test: &Test, sql: &mut String, values: &mut Vec<SqlValue>) {
    let Some((expression, path)) = column.sql(kind) else { return sql.push_str("FALSE") };
    sql.push_str("COALESCE(");
    let mut default = false;
    let operand = |sql: &mut String, values: &mut Vec<SqlValue>| {
        sql.push_str(expression);
        values.extend(path.clone().map(SqlValue::Text));
    };
    match test {
        Test::Number(operator, number) => {
            operand(sql, values);
            sql.push_str(&format!(" {} ?", operator.sql()));
            values.push((*number).into());
            default = *operator == Operator::Ne;
        }
        Test::Whole(operator, number) => {
            operand(sql, values);
            sql.push_str(&format!(" {} ?", operator.sql()));
            values.push((*number).into());
            default = *operator == Operator::Ne;
        }
        Test::Between(from, to) => {
            operand(sql, values);
            sql.push_str(" BETWEEN ? AND ?");
            values.extend([(*from).into(), (*to).into()]);
        }
        Test::Ids { any_of, negated } => {
            default = *negated;
            sql.push_str(if *negated { "NOT (FALSE" } else { "(FALSE" });
            for id in any_of {
                sql.push_str(" OR ");
                match (kind, column) {
                    (Kind::Spans, Column::Id | Column::ParentId) => {
                        let key = SpanKey::of(*id);
                        sql.push_str(if *column == Column::Id {
                            "(s.key = ? AND s.high IN (?, 0))"
                        } else {
                            "(s.parent_key = ? AND s.parent_high IN (?, 0))"
                        });
                        values.extend([key.key.into(), key.high.into()]);
                    }
                    _ => {
                        operand(sql, values);
                        sql.push_str(" = ?");
                        values.push(SqlValue::Blob(id.0.to_vec()));
                    }
                }
            }
            sql.push(')');
        }
        Test::Texts { any_of, negated, case_sensitive } => {
            default = *negated;
            sql.push_str(if *negated { "NOT (FALSE" } else { "(FALSE" });
            for text in any_of {
                sql.push_str(" OR ");
                operand(sql, values);
                sql.push_str(if *case_sensitive { " = ?" } else { " = ? COLLATE NOCASE" });
                values.push(text.clone().into());
            }
            sql.push(')');
        }
        Test::Contains { text, case_sensitive: true } => {
            sql.push_str("instr(");
            operand(sql, values);
            sql.push_str(", ?) > 0");
            values.push(text.clone().into());
        }
        Test::Contains { text, case_sensitive: false } => {
            operand(sql, values);
            sql.push_str(r" LIKE ? ESCAPE '\'");
            values.push(format!("%{}%", list::escape_like(text)).into());
        }
        Test::Holds { any_of, negated, case_sensitive } => {
            default = *negated;
            sql.push_str(if *negated {
                "NOT EXISTS (SELECT 1 FROM json_each("
            } else {
                "EXISTS (SELECT 1 FROM json_each("
            });
            operand(sql, values);
            sql.push_str(") e WHERE FALSE");
            for text in any_of {
                sql.push_str(if *case_sensitive { " OR e.value = ?" } else { " OR e.value = ? COLLATE NOCASE" });
                values.push(text.clone().into());
            }
            sql.push(')');
        }
    }
    sql.push_str(if default { ", TRUE)" } else { ", FALSE)" });
}
