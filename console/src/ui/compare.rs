//! Two traces side by side: which spans only one of them has, which took longer, which failed.

use std::collections::HashMap;

use askama::Template;
use axum::extract::Query;
use axum::response::Html;
use serde::Deserialize;

use super::diff::{self, Piece};
use super::fail::Fail;
use super::text::one_line;
use super::{Ui, block, format, list, trace};
use crate::insight::failed;
use crate::model::{Depth, SpanNode, SpanType, TraceQuery, TraceSummary, TraceView};
use crate::time::{format_iso, now_ns};

/// Rows of a comparison that one page shows.
const ROWS: usize = 3_000;
/// Traces that are offered for comparison.
const OFFERED: usize = 30;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Pair {
    a: String,
    b: String,
}

/// A place in both trees: the span of one, of the other, or of both.
#[derive(Debug, PartialEq)]
struct Match {
    depth: usize,
    a: Option<usize>,
    b: Option<usize>,
}

struct Side {
    id: String,
    name: String,
    started: String,
    started_ms: i64,
    duration: String,
    spans: String,
    tokens: String,
    state: &'static str,
    errors: u64,
}

struct Row {
    depth: usize,
    icon: &'static str,
    name: String,
    service: String,
    colour: usize,
    a: Cell,
    b: Cell,
    change: String,
    /// `slower`, `faster`, `same`, `only-a` or `only-b`.
    class: &'static str,
}

#[derive(Default)]
struct Cell {
    href: String,
    time: String,
    failed: bool,
    /// Per cent of the longer trace, for the bar.
    from: String,
    width: String,
}

#[derive(Template)]
#[template(path = "compare.html")]
struct ComparePage {
    section: &'static str,
    a: Side,
    b: Side,
    rows: Vec<Row>,
    cut: bool,
    output: Vec<Piece>,
    same_output: bool,
}

#[derive(Template)]
#[template(path = "compare_pick.html")]
struct PickPage {
    section: &'static str,
    a: Side,
    others: Vec<Side>,
}

/// `GET /compare?a=&b=`; without `b`, the traces to choose it from.
pub(crate) async fn page(ui: Ui, Query(pair): Query<Pair>) -> Result<Html<String>, Fail> {
    let a = trace::load(&ui, trace::parse(&pair.a)?, Depth::Outline).await?;
    let now = now_ns();
    if pair.b.is_empty() {
        let query = TraceQuery {
            project_id: Some(a.summary.project_id),
            text: Some(a.summary.name.clone()).filter(|name| !name.is_empty()),
            limit: 200,
            ..TraceQuery::default()
        };
        let others = ui.store.traces(query).await?.rows;
        let alike = others.iter().filter(|other| other.id != a.summary.id && other.name == a.summary.name);
        let others = alike.take(OFFERED).map(|other| side(other, now)).collect();
        return Ok(Html(PickPage { section: "/", a: side(&a.summary, now), others }.render()?));
    }
    let b = trace::load(&ui, trace::parse(&pair.b)?, Depth::Outline).await?;
    let matches = align(&a, &b);
    let longest = [&a, &b].map(|view| list::took(&view.summary, now)).into_iter().max().unwrap_or(0).max(1);
    let rows = matches.iter().take(ROWS).map(|found| row(&ui, &a, &b, found, longest)).collect();
    let text = |view: &TraceView| view.detail.output.as_ref().map(block::raw).unwrap_or_default();
    let (before, after) = (text(&a), text(&b));
    let view = ComparePage {
        section: "/",
        a: side(&a.summary, now),
        b: side(&b.summary, now),
        rows,
        cut: matches.len() > ROWS,
        same_output: before == after,
        output: if before == after { Vec::new() } else { diff::words(&before, &after) },
    };
    Ok(Html(view.render()?))
}

fn side(row: &TraceSummary, now: i64) -> Side {
    Side {
        id: row.id.to_string(),
        name: list::name(&one_line(&row.name, 120)),
        started: format_iso(row.start_ns),
        started_ms: format::millis(row.start_ns),
        duration: format::duration(list::took(row, now)),
        spans: format::plural(row.span_count, "span"),
        tokens: if row.tokens.total > 0 {
            format!("{} tokens", format::count(row.tokens.total))
        } else {
            String::new()
        },
        state: list::state(row, now),
        errors: row.error_count,
    }
}

/// Puts the trees on top of each other: children of matched spans match when type, name and service are equal, the first with
/// the first, the second with the second.
fn align(a: &TraceView, b: &TraceView) -> Vec<Match> {
    enum Work {
        Pair(usize, Vec<usize>, Vec<usize>),
        Emit(Match),
    }
    let roots =
        |view: &TraceView| (0..view.spans.len()).filter(|&index| view.spans[index].depth == 0).collect::<Vec<_>>();
    let mut out = Vec::new();
    let mut work = vec![Work::Pair(0, roots(a), roots(b))];
    while let Some(step) = work.pop() {
        let (depth, left, right) = match step {
            Work::Emit(found) => {
                let children = |view: &TraceView, index: Option<usize>| {
                    index.map(|index| view.spans[index].children.clone()).unwrap_or_default()
                };
                let (left, right) = (children(a, found.a), children(b, found.b));
                work.push(Work::Pair(found.depth + 1, left, right));
                out.push(found);
                continue;
            }
            Work::Pair(depth, left, right) => (depth, left, right),
        };
        let mut waiting: HashMap<(SpanType, &str, Option<&str>), Vec<usize>> = HashMap::new();
        for &index in right.iter().rev() {
            waiting.entry(key(&b.spans[index])).or_default().push(index);
        }
        let mut found: Vec<Match> = Vec::new();
        let mut used = std::collections::HashSet::new();
        for &index in &left {
            let partner = waiting.get_mut(&key(&a.spans[index])).and_then(Vec::pop);
            used.extend(partner);
            found.push(Match { depth, a: Some(index), b: partner });
        }
        // What only the right tree has goes behind the partner of the sibling before it.
        let mut place = 0;
        for &index in &right {
            if used.contains(&index) {
                place = found.iter().position(|found| found.b == Some(index)).map_or(place, |at| at + 1);
            } else {
                found.insert(place.min(found.len()), Match { depth, a: None, b: Some(index) });
                place += 1;
            }
        }
        work.extend(found.into_iter().rev().map(Work::Emit));
    }
    out
}

fn key(span: &SpanNode) -> (SpanType, &str, Option<&str>) {
    (span.span_type, &span.name, span.service.as_deref())
}

fn row(ui: &Ui, a: &TraceView, b: &TraceView, found: &Match, longest: i64) -> Row {
    let (left, right) = (found.a.map(|index| &a.spans[index]), found.b.map(|index| &b.spans[index]));
    let times = (left.and_then(|span| span.duration_ns), right.and_then(|span| span.duration_ns));
    let (change, class) = match (left.is_some(), right.is_some(), times) {
        (true, false, _) => ("only left".to_owned(), "only-a"),
        (false, true, _) => ("only right".to_owned(), "only-b"),
        (_, _, (Some(before), Some(after))) => difference(before, after, longest),
        _ => (String::new(), "same"),
    };
    let shown = left.or(right);
    let service = shown.and_then(|span| span.service.as_deref()).unwrap_or_default();
    Row {
        depth: found.depth.min(24),
        icon: shown.map_or("span", |span| span.span_type.as_str()),
        name: shown.map(|span| list::name(&one_line(&span.name, 160))).unwrap_or_default(),
        service: one_line(service, 60),
        colour: ui.palette.colour(service),
        a: left.map(|span| cell(a, span, longest)).unwrap_or_default(),
        b: right.map(|span| cell(b, span, longest)).unwrap_or_default(),
        change,
        class,
    }
}

fn cell(view: &TraceView, span: &SpanNode, longest: i64) -> Cell {
    let part = |ns: i64| format!("{:.2}", (ns.max(0) as f64 * 100.0 / longest as f64).min(100.0));
    Cell {
        href: format!("/traces/{}?span={}", view.summary.id, span.id),
        time: span.duration_ns.map_or_else(|| "running".to_owned(), format::duration),
        failed: failed(span),
        from: part(span.start_ns - view.summary.start_ns),
        width: part(span.duration_ns.unwrap_or(0).max(longest / 300)),
    }
}

/// A change counts when it is more than a tenth of the span and more than a two hundredth of the trace.
fn difference(before: i64, after: i64, longest: i64) -> (String, &'static str) {
    let change = after - before;
    if change.abs() * 10 <= before.max(after) || change.abs() * 200 <= longest {
        return (String::new(), "same");
    }
    if change > 0 {
        (format!("+{}", format::duration(change)), "slower")
    } else {
        (format!("−{}", format::duration(-change)), "faster")
    }
}
