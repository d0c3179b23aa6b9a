//! One trace: the page, the rows that its script draws, the summary and the panel as fragments.

use std::collections::HashMap;

use askama::Template;
use axum::Json;
use axum::extract::{Path, Query};
use axum::response::Html;
use serde::{Deserialize, Serialize};

use super::block::{Block, Part};
use super::fail::Fail;
use super::json::Token;
use super::panel::{Panel, TRACE};
use super::summary::Summary;
use super::text::{one_line, visible};
use super::{Ui, list};
use crate::insight::{self, Timing};
use crate::model::{Depth, Id, Orphan, Outcome, TraceView};
use crate::time::now_ns;

/// Rows in one answer. A longer trace comes in pieces as its reader scrolls.
const ROWS: usize = 12_000;
const MOST_ROWS: usize = 120_000;

#[derive(Template)]
#[template(path = "trace.html")]
struct TracePage {
    section: &'static str,
    summary: Summary,
    panel: Panel,
}

#[derive(Template)]
#[template(path = "summary.html")]
struct SummaryFragment {
    summary: Summary,
}

#[derive(Template)]
#[template(path = "panel_fragment.html")]
struct PanelFragment {
    panel: Panel,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Chosen {
    span: Option<String>,
}

/// `GET /traces/{trace}`, with `?span=` for the chosen one.
pub(crate) async fn page(
    ui: Ui,
    Path(trace): Path<String>,
    Query(chosen): Query<Chosen>,
) -> Result<Html<String>, Fail> {
    let id = parse(&trace)?;
    let now = now_ns();
    let view = load(&ui, id, Depth::Outline).await?;
    let timing = Timing::of(&view, now);
    let panel = match chosen.span.as_deref() {
        Some(span) if span != TRACE => panel(&ui, id, span).await.unwrap_or_else(|_| Panel::trace(&view, &timing)),
        _ => Panel::trace(&view, &timing),
    };
    Ok(Html(TracePage { section: "/", summary: Summary::of(&ui, &view, &timing, "tree"), panel }.render()?))
}

/// `GET /traces/{trace}/summary`
pub(crate) async fn summary(ui: Ui, Path(trace): Path<String>) -> Result<Html<String>, Fail> {
    let view = load(&ui, parse(&trace)?, Depth::Outline).await?;
    let timing = Timing::of(&view, now_ns());
    Ok(Html(SummaryFragment { summary: Summary::of(&ui, &view, &timing, "tree") }.render()?))
}

/// `GET /traces/{trace}/spans/{span}`: the panel; `trace` in place of a span's id means the trace itself.
pub(crate) async fn span(ui: Ui, Path((trace, span)): Path<(String, String)>) -> Result<Html<String>, Fail> {
    let id = parse(&trace)?;
    let panel = if span == TRACE {
        let view = load(&ui, id, Depth::Outline).await?;
        let timing = Timing::of(&view, now_ns());
        Panel::trace(&view, &timing)
    } else {
        panel(&ui, id, &span).await?
    };
    Ok(Html(PanelFragment { panel }.render()?))
}

async fn panel(ui: &Ui, trace: Id, span: &str) -> Result<Panel, Fail> {
    let span = span.parse::<Id>().map_err(|_| Fail::Address("A span's id is a UUID."))?;
    let view = ui.store.span(span, Some(trace)).await?.ok_or(Fail::Missing("No span of this trace has that id."))?;
    Ok(Panel::span(&view, |service| ui.palette.colour(service)))
}

pub(super) fn parse(trace: &str) -> Result<Id, Fail> {
    trace.parse::<Id>().map(Id::as_v4).map_err(|_| Fail::Address("A trace's id is a UUID or 32 hexadecimal digits."))
}

pub(super) async fn load(ui: &Ui, id: Id, depth: Depth) -> Result<TraceView, Fail> {
    ui.store.trace(id, depth).await?.ok_or(Fail::NoTrace(id))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Piece {
    /// The first span of the piece.
    from: usize,
    /// At least so many: a page that shows several pieces asks for all of them again when the trace changed.
    count: usize,
}

/// Everything that the script needs to draw; field names are short because ten thousand rows repeat them.
#[derive(Debug, Serialize)]
pub(crate) struct Rows {
    version: u64,
    open: bool,
    /// Spans of the whole trace, and the trace itself.
    total: usize,
    /// Microseconds since the first start: the last end, and the present.
    end: i64,
    now: i64,
    services: Vec<Service>,
    rows: Vec<Row>,
    /// Where the next piece begins.
    next: Option<usize>,
}

#[derive(Debug, Serialize)]
struct Service {
    name: String,
    colour: usize,
}

#[derive(Debug, Serialize)]
struct Row {
    /// Id.
    i: String,
    /// The parent's id.
    p: Option<String>,
    /// Name.
    n: String,
    /// Index of the service, or -1.
    v: i64,
    /// Type.
    t: &'static str,
    /// Start and duration in microseconds since the first start; no duration while it is open.
    s: i64,
    d: Option<i64>,
    /// Own time.
    f: i64,
    /// 1: failed, 2: the failure began here.
    #[serde(skip_serializing_if = "is_zero")]
    e: u8,
    /// It lies on the way from the root to where a failure began.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    w: bool,
    /// What went wrong.
    #[serde(skip_serializing_if = "String::is_empty")]
    x: String,
    /// Tokens.
    k: u64,
    /// Answered from a cache.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    h: bool,
    /// Why it stands at the root although it names a parent.
    #[serde(skip_serializing_if = "Option::is_none")]
    b: Option<&'static str>,
    /// Stretches of the critical path.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    c: Vec<(i64, i64)>,
}

fn is_zero(value: &u8) -> bool {
    *value == 0
}

/// `GET /traces/{trace}/rows`, with `?from=` for a later piece.
pub(crate) async fn rows(ui: Ui, Path(trace): Path<String>, Query(piece): Query<Piece>) -> Result<Json<Rows>, Fail> {
    let view = load(&ui, parse(&trace)?, Depth::Outline).await?;
    let now = now_ns();
    let timing = Timing::of(&view, now);
    Ok(Json(Rows::of(&ui, &view, &timing, now, &piece)))
}

impl Rows {
    fn of(ui: &Ui, view: &TraceView, timing: &Timing, now: i64, piece: &Piece) -> Rows {
        let from = piece.from;
        let micros = |ns: i64| ns.saturating_add(500).div_euclid(1000);
        let since = |ns: i64| micros(ns - timing.start);
        let mut names: HashMap<&str, usize> = HashMap::new();
        let mut services = Vec::new();
        for name in view.spans.iter().filter_map(|span| span.service.as_deref()) {
            names.entry(name).or_insert_with(|| {
                services.push(Service { name: visible(name).into_owned(), colour: ui.palette.colour(name) });
                services.len() - 1
            });
        }
        let mut way = vec![false; view.spans.len()];
        let origins = insight::origins(view);
        for &origin in &origins {
            let mut at = Some(origin);
            while let Some(index) = at.filter(|&index| !way[index]) {
                way[index] = true;
                at = view.spans[index].parent_index;
            }
        }
        let open = view.summary.open_count > 0;
        let mut rows = Vec::new();
        if from == 0 {
            let stop = if open { None } else { Some(micros(timing.stop - timing.start)) };
            rows.push(Row {
                i: TRACE.to_owned(),
                p: None,
                n: list::name(&one_line(&view.summary.name, 300)),
                v: -1,
                t: "trace",
                s: 0,
                d: stop,
                f: 0,
                e: u8::from(view.summary.status_code.is_some_and(|code| code >= 400)),
                w: way.contains(&true),
                x: String::new(),
                k: view.summary.tokens.total,
                h: false,
                b: None,
                c: Vec::new(),
            });
        }
        let last = from.saturating_add(piece.count.clamp(ROWS, MOST_ROWS)).min(view.spans.len());
        for (index, span) in view.spans.iter().enumerate().take(last).skip(from) {
            rows.push(Row {
                i: span.id.to_string(),
                p: Some(span.parent_index.map_or_else(|| TRACE.to_owned(), |parent| view.spans[parent].id.to_string())),
                n: list::name(&one_line(&span.name, 300)),
                v: span.service.as_deref().and_then(|name| names.get(name)).map_or(-1, |&index| index as i64),
                t: span.span_type.as_str(),
                s: since(span.start_ns),
                d: if span.open { None } else { Some(micros(span.duration_ns.unwrap_or(0).max(0))) },
                f: micros(timing.own[index]),
                e: if origins.binary_search(&index).is_ok() {
                    2
                } else {
                    u8::from(!matches!(span.outcome, Outcome::Ok | Outcome::Running))
                },
                w: way[index],
                x: span.error.as_deref().map(|error| one_line(error, 120)).unwrap_or_else(|| match span.outcome {
                    Outcome::Panic => "panicked".to_owned(),
                    Outcome::Cancelled => "cancelled".to_owned(),
                    _ => String::new(),
                }),
                k: span.tokens.total,
                h: span.cached,
                b: span.orphan.map(|orphan| match orphan {
                    Orphan::MissingParent => "parent missing",
                    Orphan::ParentInTrace(_) => "parent in another trace",
                    Orphan::Circle => "circle of parents",
                }),
                c: timing.critical[index].iter().map(|&(from, to)| (since(from), since(to))).collect(),
            });
        }
        Rows {
            version: view.summary.version,
            open,
            total: view.spans.len() + 1,
            end: micros(timing.stop - timing.start),
            now: since(now),
            services,
            rows,
            next: Some(last).filter(|&last| last < view.spans.len()),
        }
    }
}
