//! The list of traces: newest first, narrowed by the address, in keyset pages.

use askama::Template;
use axum::extract::Query;
use axum::http::HeaderMap;
use axum::response::Html;
use serde::{Deserialize, Serialize};

use super::fail::Fail;
use super::text::{one_line, visible};
use super::{Ui, format};
use crate::model::{Failure, SpanType, TraceQuery, TraceSummary};
use crate::time::{format_iso, now_ns, parse_iso};

const ROWS: usize = 100;
const SERVICES_SHOWN: usize = 4;

/// The filters as they stand in the address; what is empty or not understood does not narrow.
#[derive(Debug, Default, Clone, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Filter {
    pub(crate) q: String,
    project: String,
    stream: String,
    service: String,
    status: String,
    #[serde(rename = "type")]
    span_type: String,
    pub(crate) session: String,
    pub(crate) min_ms: String,
    pub(crate) max_ms: String,
    pub(crate) min_tokens: String,
    pub(crate) from: String,
    pub(crate) to: String,
    after: String,
}

impl Filter {
    fn narrowing(&self) -> [&str; 12] {
        [
            &self.q,
            &self.project,
            &self.stream,
            &self.service,
            &self.status,
            &self.span_type,
            &self.session,
            &self.min_ms,
            &self.max_ms,
            &self.min_tokens,
            &self.from,
            &self.to,
        ]
    }

    pub(crate) fn is_set(&self) -> bool {
        self.narrowing().iter().any(|value| !value.is_empty())
    }

    pub(crate) fn has_more(&self) -> bool {
        self.narrowing()[6..].iter().any(|value| !value.is_empty())
    }

    fn query(&self) -> TraceQuery {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let ms = |text: &str| text.trim().parse::<f64>().ok().filter(|ms| ms.is_finite()).map(|ms| (ms * 1e6) as i64);
        TraceQuery {
            project_id: self.project.parse().ok(),
            log_stream_id: self.stream.parse().ok(),
            session_id: self.session.trim().parse().ok(),
            service: some(&self.service),
            failed: match self.status.as_str() {
                "error" => Some(true),
                "ok" => Some(false),
                _ => None,
            },
            open: match self.status.as_str() {
                "running" => Some(true),
                _ => None,
            },
            span_type: SpanType::parse(&self.span_type),
            text: some(self.q.trim()),
            from_ns: parse_iso(&self.from),
            to_ns: parse_iso(&self.to),
            min_duration_ns: ms(&self.min_ms),
            max_duration_ns: ms(&self.max_ms),
            min_tokens: self.min_tokens.trim().parse().ok(),
            max_tokens: None,
            after: self.after.parse().ok(),
            limit: ROWS,
        }
    }

    /// The address of this list continued elsewhere.
    fn href(&self, after: &str) -> String {
        let filter = Filter { after: after.to_owned(), ..self.clone() };
        let pairs = serde_json::to_value(filter).ok();
        let pairs = pairs.as_ref().and_then(|value| value.as_object()).into_iter().flatten();
        let query: Vec<String> = pairs
            .filter_map(|(key, value)| Some((key, value.as_str().filter(|text| !text.is_empty())?)))
            .map(|(key, text)| format!("{key}={}", encode(text)))
            .collect();
        if query.is_empty() { "/".to_owned() } else { format!("/?{}", query.join("&")) }
    }
}

/// Percent-encodes a query value.
pub(crate) fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
                (byte as char).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

/// A filter with a closed set of values.
pub(crate) struct Choice {
    label: &'static str,
    name: &'static str,
    value: String,
    options: Vec<Answer>,
}

struct Answer {
    value: String,
    label: String,
}

impl Choice {
    fn is_set(&self) -> bool {
        !self.value.is_empty()
    }

    fn new(
        label: &'static str,
        name: &'static str,
        value: &str,
        options: impl IntoIterator<Item = (String, String)>,
    ) -> Choice {
        let mut options: Vec<Answer> =
            options.into_iter().map(|(value, label)| Answer { value, label: visible(&label).into_owned() }).collect();
        if !value.is_empty() && !options.iter().any(|option| option.value == value) {
            options.push(Answer { value: value.to_owned(), label: visible(value).into_owned() });
        }
        Choice { label, name, value: value.to_owned(), options }
    }
}

struct Service {
    name: String,
    colour: usize,
}

/// One line of the list.
pub(crate) struct Line {
    id: String,
    state: &'static str,
    name: String,
    error: String,
    gist: String,
    services: Vec<Service>,
    more_services: usize,
    spans: String,
    tokens: String,
    duration: String,
    share: u64,
    started: String,
    started_ms: i64,
    started_text: String,
}

#[derive(Template)]
#[template(path = "list.html")]
struct ListPage {
    section: &'static str,
    filter: Filter,
    choices: Vec<Choice>,
    rows: Vec<Line>,
    is_first: bool,
    newest_href: String,
    older_href: String,
    shown: String,
    origin: String,
}

/// `GET /`
pub(crate) async fn page(ui: Ui, Query(filter): Query<Filter>, headers: HeaderMap) -> Result<Html<String>, Fail> {
    let page = ui.store.traces(filter.query()).await?;
    let now = now_ns();
    let longest = page.rows.iter().map(|row| took(row, now)).max().unwrap_or(0).max(1);
    let with_errors = page.rows.iter().filter(|row| row.error_count > 0).map(|row| row.id).collect();
    let failures = ui.store.failures(with_errors).await?;
    let rows: Vec<Line> = page.rows.iter().map(|row| line(&ui, row, failures.get(&row.id), longest, now)).collect();
    let choices = choices(&ui, &filter).await?;
    let host = headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1:8088");
    let view = ListPage {
        section: "/",
        choices,
        is_first: filter.after.is_empty(),
        newest_href: filter.href(""),
        older_href: page.next.map(|cursor| filter.href(&cursor.to_string())).unwrap_or_default(),
        shown: format::plural(rows.len() as u64, "trace"),
        origin: format!("http://{host}"),
        filter,
        rows,
    };
    Ok(Html(view.render()?))
}

async fn choices(ui: &Ui, filter: &Filter) -> Result<Vec<Choice>, Fail> {
    let projects = ui.store.projects().await?;
    let project = projects
        .iter()
        .find(|project| project.id.to_string() == filter.project)
        .or_else(|| projects.first().filter(|_| projects.len() == 1));
    let streams = match project {
        Some(project) => ui.store.log_streams(project.id).await?,
        None => Vec::new(),
    };
    let same =
        |values: &[&str]| values.iter().map(|value| ((*value).to_owned(), (*value).to_owned())).collect::<Vec<_>>();
    let services = ui.store.services().await?.into_iter().map(|name| (name.clone(), name));
    let mut choices = Vec::new();
    if projects.len() > 1 || !filter.project.is_empty() {
        choices.push(Choice::new(
            "Project",
            "project",
            &filter.project,
            projects.iter().map(|project| (project.id.to_string(), project.name.clone())),
        ));
    }
    if streams.len() > 1 || !filter.stream.is_empty() {
        choices.push(Choice::new(
            "Stream",
            "stream",
            &filter.stream,
            streams.iter().map(|stream| (stream.id.to_string(), stream.name.clone())),
        ));
    }
    choices.push(Choice::new("Service", "service", &filter.service, services));
    choices.push(Choice::new("Status", "status", &filter.status, same(&["ok", "error", "running"])));
    choices.push(Choice::new(
        "With",
        "type",
        &filter.span_type,
        same(&["agent", "llm", "retriever", "tool", "workflow", "control"]),
    ));
    Ok(choices)
}

/// A trace that nobody completed and in which nothing is open is taken for ended after this time: some senders never complete theirs.
const SETTLED_NS: i64 = 30_000_000_000;

/// How the trace stands, as a class name. `mended`, which the list and the summary know besides, means that an error was made good.
pub(crate) fn state(row: &TraceSummary, now: i64) -> &'static str {
    let last = row.start_ns.saturating_add(row.duration_ns.unwrap_or(0));
    if row.open && (row.open_count > 0 || now.saturating_sub(last) < SETTLED_NS) {
        "running"
    } else if row.error_count > 0 || row.status_code.is_some_and(|code| code >= 400) {
        "error"
    } else {
        "ok"
    }
}

/// How long it took, or has been going on.
pub(crate) fn took(row: &TraceSummary, now: i64) -> i64 {
    let known = row.duration_ns.unwrap_or(0);
    if row.open_count > 0 { known.max(now.saturating_sub(row.start_ns)) } else { known }
}

/// A name that is never empty.
pub(crate) fn name(name: &str) -> String {
    if name.trim().is_empty() { "unnamed".to_owned() } else { visible(name).into_owned() }
}

fn line(ui: &Ui, row: &TraceSummary, failure: Option<&Failure>, longest: i64, now: i64) -> Line {
    let took = took(row, now);
    let started = format_iso(row.start_ns);
    Line {
        id: row.id.to_string(),
        state: match (state(row, now), failure) {
            ("error", Some(failure)) if !failure.whole => "mended",
            (state, _) => state,
        },
        name: name(&one_line(&row.name, 120)),
        error: error(row, failure),
        gist: one_line(&row.input_preview, 160),
        services: row
            .services
            .iter()
            .take(SERVICES_SHOWN)
            .map(|name| Service { name: visible(name).into_owned(), colour: ui.palette.colour(name) })
            .collect(),
        more_services: row.services.len().saturating_sub(SERVICES_SHOWN),
        spans: format::count(row.span_count),
        tokens: if row.tokens.total > 0 { format::count(row.tokens.total) } else { String::new() },
        duration: format::duration(took),
        share: (took.max(0) as f64 * 100.0 / longest as f64).clamp(1.0, 100.0) as u64,
        started_text: started.get(11..19).unwrap_or_default().to_owned(),
        started_ms: format::millis(row.start_ns),
        started,
    }
}

/// Where the error began and what it said; the number of errors where that is not known.
fn error(row: &TraceSummary, failure: Option<&Failure>) -> String {
    match failure {
        Some(failure) => {
            let text = failure.error.as_deref().unwrap_or("failed");
            one_line(&format!("{}: {text}", failure.name), 160)
        }
        None if row.error_count > 0 => format::plural(row.error_count, "error"),
        None => String::new(),
    }
}
