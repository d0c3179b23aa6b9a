//! What is wrong, as a page: the findings of one trace, and what many traces have in common.

use askama::Template;
use axum::Json;
use axum::extract::{Path, Query};
use axum::response::Html;

use super::fail::Fail;
use super::sample::{RANGES, Scope};
use super::summary::Summary;
use super::text::one_line;
use super::{Ui, format, list, trace};
use crate::insight::{self, Finding, Group, Kind, Overview, Timing};
use crate::model::{Depth, TraceView};
use crate::time::now_ns;

/// Spans that a finding links to.
const LINKS: usize = 8;
/// Rows of one kind on the page over many traces.
const ROWS: usize = 12;

/// Findings of one kind.
struct Chapter {
    title: &'static str,
    definition: &'static str,
    items: Vec<Item>,
    more: usize,
}

/// One finding.
struct Item {
    subject: String,
    service: String,
    colour: usize,
    text: String,
    time: String,
    /// Per cent of the whole, for the bar; 0 for none.
    share: u64,
    percent: String,
    links: Vec<Link>,
    more: usize,
    bad: bool,
}

struct Link {
    href: String,
    text: String,
}

#[derive(Template)]
#[template(path = "trace_insights.html")]
struct TraceInsights {
    section: &'static str,
    summary: Summary,
    chapters: Vec<Chapter>,
}

/// `GET /traces/{trace}/insights`
pub(crate) async fn of_trace(ui: Ui, Path(id): Path<String>) -> Result<Html<String>, Fail> {
    let view = trace::load(&ui, trace::parse(&id)?, Depth::Full).await?;
    let now = now_ns();
    let page = tokio::task::spawn_blocking(move || {
        let timing = Timing::of(&view, now);
        let mut chapters: Vec<Chapter> = Vec::new();
        for finding in insight::findings(&view, now) {
            let item = item(&ui, &view, &finding);
            push(&mut chapters, finding.kind, item);
        }
        TraceInsights { section: "/", summary: Summary::of(&ui, &view, &timing, "insights"), chapters }.render()
    });
    Ok(Html(page.await.map_err(|_| Fail::Render)??))
}

fn push(chapters: &mut Vec<Chapter>, kind: Kind, item: Item) {
    match chapters.last_mut().filter(|chapter| chapter.title == kind.title()) {
        Some(chapter) if chapter.items.len() >= ROWS => chapter.more += 1,
        Some(chapter) => chapter.items.push(item),
        None => {
            chapters.push(Chapter { title: kind.title(), definition: kind.definition(), items: vec![item], more: 0 })
        }
    }
}

fn item(ui: &Ui, view: &TraceView, finding: &Finding) -> Item {
    let service = finding.service.clone().or_else(|| (finding.kind == Kind::Service).then(|| finding.subject.clone()));
    let links = finding.spans.iter().take(LINKS).map(|id| {
        let name = view.span(*id).map(|span| span.name.as_str()).unwrap_or_default();
        Link { href: format!("/traces/{}?span={id}", view.summary.id), text: list::name(&one_line(name, 40)) }
    });
    Item {
        subject: list::name(&one_line(&finding.subject, 120)),
        colour: ui.palette.colour(service.as_deref().unwrap_or_default()),
        service: if finding.kind == Kind::Service {
            String::new()
        } else {
            service.map(|service| one_line(&service, 60)).unwrap_or_default()
        },
        text: one_line(&finding.text, 300),
        time: if finding.time_ns > 0 { format::duration(finding.time_ns) } else { String::new() },
        share: (finding.share * 100.0).clamp(0.0, 100.0).round() as u64,
        percent: if finding.share > 0.0 { format!("{:.0} %", finding.share * 100.0) } else { String::new() },
        links: links.collect(),
        more: finding.spans.len().saturating_sub(LINKS),
        bad: finding.kind == Kind::Error,
    }
}

#[derive(Template)]
#[template(path = "insights.html")]
struct InsightsPage {
    section: &'static str,
    ranges: &'static [(&'static str, &'static str, i64)],
    range: &'static str,
    note: String,
    figures: Vec<(String, String)>,
    services: Vec<ServiceRow>,
    chapters: Vec<Chapter>,
    is_empty: bool,
}

struct ServiceRow {
    name: String,
    colour: usize,
    calls: String,
    failed: String,
    p50: String,
    p95: String,
    path: String,
    share: u64,
}

/// `GET /insights`
pub(crate) async fn page(ui: Ui, Query(scope): Query<Scope>) -> Result<Html<String>, Fail> {
    let now = now_ns();
    let sample = scope.load(&ui, Depth::Full, now).await?;
    let page = tokio::task::spawn_blocking(move || {
        let overview = insight::overview(&sample.views);
        let path: i64 = overview.services.iter().map(|service| service.path_ns).sum();
        let services = overview.services.iter().map(|times| ServiceRow {
            name: one_line(&times.service, 80),
            colour: ui.palette.colour(&times.service),
            calls: format::count(times.calls),
            failed: if times.failed > 0 { format::count(times.failed) } else { String::new() },
            p50: format::duration(times.p50_ns),
            p95: format::duration(times.p95_ns),
            path: format::duration(times.path_ns),
            share: if path > 0 { (times.path_ns as f64 * 100.0 / path as f64) as u64 } else { 0 },
        });
        let services = services.collect();
        let mut chapters = Vec::new();
        for group in &overview.groups {
            push(&mut chapters, group.kind, group_item(&ui, group, overview.time_ns));
        }
        let mean = overview.time_ns / overview.traces.max(1) as i64;
        let figures = vec![
            (format::count(overview.traces), "traces".to_owned()),
            (format::count(overview.failed), "with an error".to_owned()),
            (format::duration(mean), "on average".to_owned()),
            (format::count(overview.spans), "spans".to_owned()),
        ];
        let is_empty = overview.traces == 0;
        InsightsPage {
            section: "/insights",
            ranges: RANGES,
            range: sample.range,
            note: sample.note(),
            figures,
            services,
            chapters,
            is_empty,
        }
        .render()
    });
    Ok(Html(page.await.map_err(|_| Fail::Render)??))
}

/// `GET /api/console/insights`: the same as JSON, for the command line and for scripts.
pub(crate) async fn as_json(ui: Ui, Query(scope): Query<Scope>) -> Result<Json<Overview>, Fail> {
    let sample = scope.load(&ui, Depth::Full, now_ns()).await?;
    let overview = tokio::task::spawn_blocking(move || insight::overview(&sample.views)).await;
    overview.map(Json).map_err(|_| Fail::Render)
}

fn group_item(ui: &Ui, group: &Group, whole: i64) -> Item {
    let share = if whole > 0 { group.time_ns as f64 / whole as f64 } else { 0.0 };
    let times = format!("{} in {}", format::plural(group.count, "time"), format::plural(group.traces, "trace"));
    Item {
        subject: list::name(&one_line(&group.subject, 120)),
        colour: ui.palette.colour(group.service.as_deref().unwrap_or_default()),
        service: group.service.as_deref().map(|service| one_line(service, 60)).unwrap_or_default(),
        text: if group.note.is_empty() { times } else { format!("{}, {times}", one_line(&group.note, 240)) },
        time: if group.time_ns > 0 { format::duration(group.time_ns) } else { String::new() },
        share: (share * 100.0).clamp(0.0, 100.0).round() as u64,
        percent: if share > 0.0 { format!("{:.0} %", share * 100.0) } else { String::new() },
        links: group
            .example
            .map(|(trace, span)| Link { href: format!("/traces/{trace}?span={span}"), text: "an example".to_owned() })
            .into_iter()
            .collect(),
        more: 0,
        bad: group.kind == Kind::Error,
    }
}
