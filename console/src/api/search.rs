//! `POST .../traces/search`, `.../spans/search`, `.../sessions/search` in the published form: typed filters, a filter tree, one
//! sort column, pages by `starting_token`.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::body::JsonBytes;
use super::fault::path_id;
use super::{ApiError, record};
use crate::AppState;
use crate::ingest::check::Check;
use crate::ingest::raw::too_deep;
use crate::model::Id;
use crate::store::{Column, Condition, Hit, Kind, Operator, Search, Test};
use crate::time::parse_iso;

/// Records on a page at most.
const LIMIT: usize = 1000;

/// Conditions in one search; SQLite bounds the depth of an expression.
const CONDITIONS: usize = 200;

pub(super) async fn traces(
    state: State<AppState>,
    path: Path<String>,
    body: JsonBytes,
) -> Result<Json<Value>, ApiError> {
    run(Kind::Traces, state, path, body).await
}

pub(super) async fn spans(
    state: State<AppState>,
    path: Path<String>,
    body: JsonBytes,
) -> Result<Json<Value>, ApiError> {
    run(Kind::Spans, state, path, body).await
}

pub(super) async fn sessions(
    state: State<AppState>,
    path: Path<String>,
    body: JsonBytes,
) -> Result<Json<Value>, ApiError> {
    run(Kind::Sessions, state, path, body).await
}

async fn run(
    kind: Kind,
    State(state): State<AppState>,
    Path(project_id): Path<String>,
    JsonBytes(body): JsonBytes,
) -> Result<Json<Value>, ApiError> {
    let search = read(kind, path_id("project_id", &project_id)?, &body)?;
    let (start, limit) = (search.offset, search.limit);
    let found = state.store.search(search).await?;
    let next = found.more.then_some(start + limit);
    let records: Vec<Value> = found.hits.into_iter().map(|hit| Value::Object(hit_record(hit))).collect();
    let last = records.last().and_then(|record| record.get("id")).cloned();
    Ok(Json(
        json!({"starting_token": start, "limit": limit, "paginated": next.is_some(), "next_starting_token": next, "last_row_id": last, "records": records}),
    ))
}

fn hit_record(hit: Hit) -> serde_json::Map<String, Value> {
    match hit {
        Hit::Trace(summary, doc) => record::trace(&summary, crate::store::detail(&doc)),
        Hit::Session(session) => record::session(&session),
        Hit::Span { span, trace_id, session_id, project_id, log_stream_id } => {
            let place = record::Place {
                trace_id,
                session_id: session_id.unwrap_or(trace_id),
                project_id,
                run_id: log_stream_id,
            };
            let parent = span.parent_id.unwrap_or(trace_id);
            record::span(*span, parent, &place, false)
        }
    }
}

fn read(kind: Kind, project_id: Id, body: &[u8]) -> Result<Search, ApiError> {
    let mut check = Check::at("body");
    let request: Value = match serde_json::from_slice(body) {
        Ok(request) if !too_deep(body) => request,
        Ok(_) => {
            check.report("json_invalid", "arrays and objects nest too deep");
            return Err(ApiError::Invalid(check.findings));
        }
        Err(error) => {
            check.report("json_invalid", format!("JSON decode error: {error}"));
            return Err(ApiError::Invalid(check.findings));
        }
    };
    let mut conditions = Vec::new();
    match request.get("filters") {
        None | Some(Value::Null) => {}
        Some(Value::Array(filters)) => check.inside("filters", |check| {
            for (index, filter) in filters.iter().enumerate() {
                conditions.extend(check.inside_index(index, |check| leaf(kind, filter, check)));
            }
        }),
        Some(_) => check.inside("filters", |check| check.report("list_type", "Input should be a valid list")),
    }
    if let Some(tree) = request.get("filter_tree").filter(|tree| !tree.is_null()) {
        conditions.extend(check.inside("filter_tree", |check| node(kind, tree, check)));
    }
    let id = |name: &'static str, check: &mut Check| {
        check.id(name, request.get(name).filter(|value| !value.is_null()).map(Value::to_string).as_deref())
    };
    let log_stream_id = id("log_stream_id", &mut check).or_else(|| id("experiment_id", &mut check));
    let whole = |name: &'static str, default: usize, check: &mut Check| match request.get(name) {
        None | Some(Value::Null) => default,
        Some(value) => value.as_u64().map(|value| value as usize).unwrap_or_else(|| {
            check.inside(name, |check| check.report("int_type", "Input should be a valid integer"));
            default
        }),
    };
    let offset = whole("starting_token", 0, &mut check);
    let limit = whole("limit", 100, &mut check).clamp(1, LIMIT);
    let (sort, ascending) = match request.get("sort").filter(|sort| !sort.is_null()) {
        None => (Column::CreatedAt, false),
        Some(sort) => check.inside("sort", |check| {
            (
                column(kind, sort, check).unwrap_or(Column::CreatedAt),
                sort.get("ascending").and_then(Value::as_bool).unwrap_or(true),
            )
        }),
    };
    let condition = Condition::And(conditions);
    if size(&condition) > CONDITIONS {
        check.report("too_long", format!("a search may have at most {CONDITIONS} conditions"));
    }
    if !check.findings.is_empty() {
        return Err(ApiError::Invalid(check.findings));
    }
    Ok(Search { kind, project_id, log_stream_id, condition, sort, ascending, offset, limit })
}

fn size(condition: &Condition) -> usize {
    match condition {
        Condition::Column(..) => 1,
        Condition::And(inner) | Condition::Or(inner) => 1 + inner.iter().map(size).sum::<usize>(),
        Condition::Not(inner) => 1 + size(inner),
    }
}

/// Recursion is bounded by the depth limit on the body.
fn node(kind: Kind, tree: &Value, check: &mut Check) -> Option<Condition> {
    let list = |name: &'static str, list: &Value, check: &mut Check| {
        check.inside(name, |check| {
            let Some(list) = list.as_array() else {
                check.report("list_type", "Input should be a valid list");
                return Vec::new();
            };
            list.iter()
                .enumerate()
                .filter_map(|(index, tree)| check.inside_index(index, |check| node(kind, tree, check)))
                .collect()
        })
    };
    if let Some(filter) = tree.get("filter") {
        check.inside("filter", |check| leaf(kind, filter, check))
    } else if let Some(all) = tree.get("and") {
        Some(Condition::And(list("and", all, check)))
    } else if let Some(any) = tree.get("or") {
        Some(Condition::Or(list("or", any, check)))
    } else if let Some(inner) = tree.get("not") {
        check.inside("not", |check| node(kind, inner, check)).map(|inner| Condition::Not(Box::new(inner)))
    } else {
        check.report("union_tag_not_found", "one of `filter`, `and`, `or`, `not` is needed");
        None
    }
}

fn column(kind: Kind, filter: &Value, check: &mut Check) -> Option<Column> {
    // The reference SDK writes `name` where the schema says `column_id`.
    let Some(name) = filter.get("column_id").or_else(|| filter.get("name")).and_then(Value::as_str) else {
        check.missing("column_id");
        return None;
    };
    let column = Column::parse(kind, name);
    if column.is_none() {
        check.inside("column_id", |check| check.report("value_error", format!("there is no column `{name}`")));
    }
    column
}

fn leaf(kind: Kind, filter: &Value, check: &mut Check) -> Option<Condition> {
    if filter.get("type").and_then(Value::as_str) == Some("fully_annotated") {
        // Nothing is annotated in a console, and so nothing is fully annotated.
        return Some(Condition::Or(Vec::new()));
    }
    let column = column(kind, filter, check)?;
    let inferred = match column {
        Column::CreatedAt => "date",
        Column::StatusCode | Column::SpanCount | Column::Metric(_) => "number",
        Column::IsComplete => "boolean",
        Column::Tags => "collection",
        Column::Id
        | Column::TraceId
        | Column::ParentId
        | Column::SessionId
        | Column::ProjectId
        | Column::LogStreamId
        | Column::PreviousSessionId => "id",
        _ => "text",
    };
    let given = filter.get("type").and_then(Value::as_str).unwrap_or(inferred);
    let operator = filter.get("operator").and_then(Value::as_str).unwrap_or("eq");
    let Some(value) = filter.get("value") else {
        check.missing("value");
        return None;
    };
    let case_sensitive = filter.get("case_sensitive").and_then(Value::as_bool).unwrap_or(true);
    let test = match (given, inferred) {
        // An id compared as text is still an id: ids have one written form.
        ("id", _) | ("text", "id") => id_test(operator, value, inferred == "id"),
        ("date", _) => {
            order(operator).zip(value.as_str().and_then(parse_iso)).map(|(operator, ns)| Test::Whole(operator, ns))
        }
        ("number", _) => number_test(operator, value),
        ("boolean", _) => order(operator)
            .filter(|operator| matches!(operator, Operator::Eq | Operator::Ne))
            .zip(value.as_bool())
            .map(|(operator, flag)| Test::Whole(operator, i64::from(flag))),
        ("collection", _) | ("text", "collection") => strings(value).and_then(|any_of| match operator {
            "eq" | "contains" | "one_of" => Some(Test::Holds { any_of, negated: false, case_sensitive }),
            "ne" | "not_in" => Some(Test::Holds { any_of, negated: true, case_sensitive }),
            _ => None,
        }),
        ("text", _) => strings(value).and_then(|any_of| match operator {
            "eq" | "one_of" => Some(Test::Texts { any_of, negated: false, case_sensitive }),
            "ne" | "not_in" => Some(Test::Texts { any_of, negated: true, case_sensitive }),
            "contains" => any_of.into_iter().next().map(|text| Test::Contains { text, case_sensitive }),
            _ => None,
        }),
        _ => {
            check.report(
                "union_tag_invalid",
                "`type` should be one of 'id', 'date', 'number', 'boolean', 'collection', 'text', 'fully_annotated'",
            );
            return None;
        }
    };
    if test.is_none() {
        check.report(
            "value_error",
            format!("operator `{operator}` and this value do not fit a filter of type `{given}`"),
        );
    }
    test.map(|test| Condition::Column(column, test))
}

fn order(operator: &str) -> Option<Operator> {
    Some(match operator {
        "eq" => Operator::Eq,
        "ne" => Operator::Ne,
        "gt" => Operator::Gt,
        "gte" => Operator::Gte,
        "lt" => Operator::Lt,
        "lte" => Operator::Lte,
        _ => return None,
    })
}

fn number_test(operator: &str, value: &Value) -> Option<Test> {
    if operator == "between" {
        let [from, to] = value.as_array()?.as_slice() else { return None };
        return Some(Test::Between(from.as_f64()?, to.as_f64()?));
    }
    Some(Test::Number(order(operator)?, value.as_f64()?))
}

fn strings(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(list) => list.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

fn id_test(operator: &str, value: &Value, is_id: bool) -> Option<Test> {
    let any_of = strings(value)?;
    let negated = match operator {
        "eq" | "one_of" | "contains" => false,
        "ne" | "not_in" => true,
        _ => return None,
    };
    if !is_id {
        // `external_id` is an id by name only.
        return Some(Test::Texts { any_of, negated, case_sensitive: true });
    }
    Some(Test::Ids { any_of: any_of.iter().map(|text| text.parse().ok()).collect::<Option<_>>()?, negated })
}
