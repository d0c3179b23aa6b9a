//! The service map: of one trace, and of a time range. Laid out here and drawn as SVG, so it needs no script.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Html;

use super::fail::Fail;
use super::sample::{RANGES, Scope};
use super::summary::Summary;
use super::text::one_line;
use super::{Ui, format, trace};
use crate::insight::{ServiceMap, Timing};
use crate::model::Depth;
use crate::time::now_ns;

const WIDTH: f64 = 176.0;
const HEIGHT: f64 = 64.0;
const COLUMN_GAP: f64 = 110.0;
const ROW_GAP: f64 = 24.0;
const MARGIN: f64 = 16.0;

/// The picture.
struct Drawing {
    width: f64,
    height: f64,
    boxes: Vec<Boxed>,
    lines: Vec<Line>,
}

/// A service as a box.
struct Boxed {
    x: f64,
    y: f64,
    name: String,
    full: String,
    colour: usize,
    href: String,
    calls: String,
    failed: String,
    times: String,
    failing: bool,
}

/// Calls as a line.
struct Line {
    path: String,
    width: String,
    failing: bool,
    x: f64,
    y: f64,
    label: String,
    title: String,
}

#[derive(Template)]
#[template(path = "map.html")]
struct MapPage {
    section: &'static str,
    ranges: &'static [(&'static str, &'static str, i64)],
    range: &'static str,
    note: String,
    drawing: Drawing,
}

#[derive(Template)]
#[template(path = "trace_map.html")]
struct TraceMap {
    section: &'static str,
    summary: Summary,
    drawing: Drawing,
}

/// `GET /services`
pub(crate) async fn page(ui: Ui, Query(scope): Query<Scope>) -> Result<Html<String>, Fail> {
    let now = now_ns();
    let sample = scope.load(&ui, Depth::Outline, now).await?;
    let page = tokio::task::spawn_blocking(move || {
        let map = ServiceMap::of(&sample.views, now);
        let href = |service: &str| format!("/?service={}", super::list::encode(service));
        let drawing = draw(&ui, &map, Some(sample.seconds), href);
        MapPage { section: "/services", ranges: RANGES, range: sample.range, note: sample.note(), drawing }.render()
    });
    Ok(Html(page.await.map_err(|_| Fail::Render)??))
}

/// `GET /traces/{trace}/map`
pub(crate) async fn of_trace(ui: Ui, Path(id): Path<String>) -> Result<Html<String>, Fail> {
    let view = trace::load(&ui, trace::parse(&id)?, Depth::Outline).await?;
    let now = now_ns();
    let map = ServiceMap::of([&view], now);
    let first = |service: &str| {
        let span = view.spans.iter().find(|span| span.service.as_deref() == Some(service));
        format!("/traces/{}?span={}", view.summary.id, span.map(|span| span.id.to_string()).unwrap_or_default())
    };
    let drawing = draw(&ui, &map, None, first);
    let timing = Timing::of(&view, now);
    Ok(Html(TraceMap { section: "/", summary: Summary::of(&ui, &view, &timing, "map"), drawing }.render()?))
}

fn draw(ui: &Ui, map: &ServiceMap, seconds: Option<f64>, href: impl Fn(&str) -> String) -> Drawing {
    let places = places(map);
    let boxes: Vec<Boxed> = map
        .nodes
        .iter()
        .zip(&places)
        .map(|(node, &(x, y))| Boxed {
            x,
            y,
            name: one_line(&node.service, 20),
            full: one_line(&node.service, 200),
            colour: ui.palette.colour(&node.service),
            href: href(&node.service),
            calls: match seconds.and_then(|seconds| rate(node.calls, seconds)) {
                Some(rate) => format!("{}, {rate}", format::plural(node.calls, "call")),
                None => format::plural(node.calls, "call"),
            },
            failed: if node.failed > 0 { format!("{} failed", format::count(node.failed)) } else { String::new() },
            times: match node.calls {
                1 => format::duration(node.p50_ns),
                _ => format!("p50 {}  p95 {}", format::duration(node.p50_ns), format::duration(node.p95_ns)),
            },
            failing: node.failed > 0,
        })
        .collect();
    let lines = map
        .edges
        .iter()
        .map(|edge| {
            let ((fx, fy), (tx, ty)) = (places[edge.from], places[edge.to]);
            let (middle, below) = (HEIGHT / 2.0, HEIGHT + ROW_GAP * 0.7);
            let (path, x, y) = if tx > fx {
                let (x1, y1, x2, y2) = (fx + WIDTH, fy + middle, tx, ty + middle);
                let bend = (x2 - x1) * 0.45;
                (
                    format!("M{x1:.1} {y1:.1}C{:.1} {y1:.1} {:.1} {y2:.1} {x2:.1} {y2:.1}", x1 + bend, x2 - bend),
                    (x1 + x2) / 2.0,
                    (y1 + y2) / 2.0,
                )
            } else {
                // A call back to the left runs below the boxes.
                let (x1, y1, x2, y2) = (fx + WIDTH / 2.0, fy + HEIGHT, tx + WIDTH / 2.0, ty + HEIGHT);
                let low = fy.max(ty) + below;
                (
                    format!("M{x1:.1} {y1:.1}C{x1:.1} {:.1} {x2:.1} {:.1} {x2:.1} {y2:.1}", low + 16.0, low + 16.0),
                    (x1 + x2) / 2.0,
                    low + 6.0,
                )
            };
            let failed =
                if edge.failed > 0 { format!(", {} failed", format::count(edge.failed)) } else { String::new() };
            let (from, to) = (&map.nodes[edge.from].service, &map.nodes[edge.to].service);
            Line {
                path,
                width: format!("{:.1}", 1.2 + (edge.calls as f64).ln().clamp(0.0, 7.0) * 0.45),
                failing: edge.failed > 0,
                x,
                y,
                label: format!("×{}", format::count(edge.calls)),
                title: format!(
                    "{} to {}: {}{failed}, p50 {}",
                    one_line(from, 80),
                    one_line(to, 80),
                    format::plural(edge.calls, "call"),
                    format::duration(edge.p50_ns)
                ),
            }
        })
        .collect();
    let edge = |extent: fn(&(f64, f64)) -> f64| places.iter().map(extent).fold(0.0, f64::max);
    Drawing {
        width: edge(|place| place.0) + WIDTH + MARGIN,
        height: edge(|place| place.1) + HEIGHT + MARGIN + ROW_GAP,
        boxes,
        lines,
    }
}

/// How often, when it is often enough to say.
fn rate(calls: u64, seconds: f64) -> Option<String> {
    let minute = calls as f64 * 60.0 / seconds;
    match minute {
        _ if minute >= 9.95 => Some(format!("{minute:.0}/min")),
        _ if minute >= 0.95 => Some(format!("{minute:.1}/min")),
        _ if minute * 60.0 >= 0.95 => Some(format!("{:.0}/h", minute * 60.0)),
        _ => None,
    }
}

/// Where each box stands. In a column the boxes follow the middle of those that call them, which keeps lines from crossing.
fn places(map: &ServiceMap) -> Vec<(f64, f64)> {
    let columns = map.columns();
    let last = columns.iter().copied().max().unwrap_or(0);
    let mut rows: Vec<Vec<usize>> =
        (0..=last).map(|column| (0..columns.len()).filter(|&node| columns[node] == column).collect()).collect();
    let mut heights = vec![0.0; columns.len()];
    let tallest = rows.iter().map(Vec::len).max().unwrap_or(0) as f64;
    for column in &mut rows {
        let wish = |node: usize, heights: &[f64]| {
            let callers: Vec<f64> = map
                .edges
                .iter()
                .filter(|edge| edge.to == node && columns[edge.from] < columns[node])
                .map(|edge| heights[edge.from])
                .collect();
            if callers.is_empty() { 0.0 } else { callers.iter().sum::<f64>() / callers.len() as f64 }
        };
        column.sort_by(|&a, &b| wish(a, &heights).total_cmp(&wish(b, &heights)).then(a.cmp(&b)));
        let free = (tallest - column.len() as f64) * (HEIGHT + ROW_GAP) / 2.0;
        for (row, &node) in column.iter().enumerate() {
            heights[node] = MARGIN + free + row as f64 * (HEIGHT + ROW_GAP);
        }
    }
    columns.iter().zip(heights).map(|(&column, y)| (MARGIN + column as f64 * (WIDTH + COLUMN_GAP), y)).collect()
}
