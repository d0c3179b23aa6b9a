//! Sessions: the list, and one session as the conversation that it was.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Html;
use serde::Deserialize;

use super::block::{self, Block, Part};
use super::fail::Fail;
use super::json::Token;
use super::text::{one_line, visible};
use super::{Ui, format, list};
use crate::model::{Depth, Id, SessionSummary, TraceQuery, TraceSummary};
use crate::time::{format_iso, now_ns};

/// Turns of one conversation on a page.
const TURNS: usize = 100;

#[derive(Template)]
#[template(path = "sessions.html")]
struct SessionsPage {
    section: &'static str,
    rows: Vec<Row>,
    older: Option<i64>,
    is_first: bool,
}

struct Row {
    id: String,
    name: String,
    external: String,
    traces: String,
    tokens: String,
    state: &'static str,
    failed: u64,
    last: String,
    last_ms: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct After {
    after: Option<i64>,
    trace: Option<String>,
}

/// `GET /sessions`
pub(crate) async fn page(ui: Ui, Query(query): Query<After>) -> Result<Html<String>, Fail> {
    let (sessions, older) = ui.store.sessions(None, query.after).await?;
    let view = SessionsPage {
        section: "/sessions",
        rows: sessions.iter().map(row).collect(),
        older,
        is_first: query.after.is_none(),
    };
    Ok(Html(view.render()?))
}

fn row(summary: &SessionSummary) -> Row {
    let session = &summary.session;
    Row {
        id: session.id.to_string(),
        name: name(&session.name, session.external_id.as_deref()),
        external: session
            .external_id
            .as_deref()
            .filter(|_| !session.name.is_empty())
            .map(|id| one_line(id, 80))
            .unwrap_or_default(),
        traces: format::plural(session.trace_count, "turn"),
        tokens: if summary.tokens > 0 { format::count(summary.tokens) } else { String::new() },
        state: if summary.open > 0 {
            "running"
        } else if summary.failed > 0 {
            "error"
        } else {
            "ok"
        },
        failed: summary.failed,
        last: format_iso(summary.last_ns),
        last_ms: format::millis(summary.last_ns),
    }
}

fn name(name: &str, external: Option<&str>) -> String {
    match (name.trim(), external) {
        ("", Some(external)) => one_line(external, 80),
        ("", None) => "unnamed session".to_owned(),
        (name, _) => one_line(name, 120),
    }
}

#[derive(Template)]
#[template(path = "session.html")]
struct SessionPage {
    section: &'static str,
    id: String,
    name: String,
    facts: Vec<String>,
    previous: String,
    metadata: Vec<(String, String)>,
    turns: Vec<Turn>,
    older: String,
}

struct Turn {
    trace: String,
    name: String,
    state: &'static str,
    errors: String,
    duration: String,
    tokens: String,
    started: String,
    started_ms: i64,
    asked: Vec<Block>,
    answered: Vec<Block>,
}

/// `GET /sessions/{session}`: oldest turn first, as it was said; the page begins with the latest hundred.
pub(crate) async fn one(ui: Ui, Path(session): Path<String>, Query(query): Query<After>) -> Result<Html<String>, Fail> {
    let id: Id = session.parse().map_err(|_| Fail::Address("A session's id is a UUID."))?;
    let session = ui.store.session(id).await?.ok_or(Fail::Missing("No session has that id."))?;
    let after = query.trace.and_then(|cursor| cursor.parse().ok());
    let page =
        ui.store.traces(TraceQuery { session_id: Some(id), after, limit: TURNS, ..TraceQuery::default() }).await?;
    let now = now_ns();
    let mut turns = Vec::new();
    for row in page.rows.iter().rev() {
        turns.extend(turn(&ui, row, now).await?);
    }
    let tokens: u64 = page.rows.iter().map(|row| row.tokens.total).sum();
    let mut facts = vec![format::plural(session.trace_count, "turn")];
    if tokens > 0 {
        facts.push(format!("{} tokens", format::count(tokens)));
    }
    facts.extend(session.external_id.as_deref().map(|id| one_line(id, 80)));
    let view = SessionPage {
        section: "/sessions",
        id: id.to_string(),
        name: name(&session.name, session.external_id.as_deref()),
        facts,
        previous: session.previous_session_id.map(|id| id.to_string()).unwrap_or_default(),
        metadata: session
            .metadata
            .iter()
            .map(|(key, value)| (visible(key).into_owned(), visible(value).into_owned()))
            .collect(),
        turns,
        older: page.next.map(|cursor| cursor.to_string()).unwrap_or_default(),
    };
    Ok(Html(view.render()?))
}

async fn turn(ui: &Ui, row: &TraceSummary, now: i64) -> Result<Option<Turn>, Fail> {
    let Some(view) = ui.store.trace(row.id, Depth::Outline).await? else { return Ok(None) };
    let shown = |value: &Option<serde_json::Value>| value.as_ref().map(block::blocks).unwrap_or_default();
    Ok(Some(Turn {
        trace: row.id.to_string(),
        name: list::name(&one_line(&row.name, 120)),
        state: list::state(row, now),
        errors: if row.error_count > 0 { format::plural(row.error_count, "error") } else { String::new() },
        duration: format::duration(list::took(row, now)),
        tokens: if row.tokens.total > 0 {
            format!("{} tokens", format::count(row.tokens.total))
        } else {
            String::new()
        },
        started: format_iso(row.start_ns),
        started_ms: format::millis(row.start_ns),
        asked: shown(&view.detail.input),
        answered: shown(&view.detail.output),
    }))
}
