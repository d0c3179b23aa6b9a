//! `GET /metrics`: what ended since this console started, as Prometheus reads it.
//!
//! Nothing is counted while spans are stored; a scrape reads the spans that are new since the last one. A span counts once, when it has
//! ended, under the service that it belongs to at that moment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, params};

use crate::forward::ForwardStatus;
use crate::store::{Store, StoreError, service};

/// Upper bounds of the durations, in seconds.
const BOUNDS: [f64; 12] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];

/// Combinations of service, type and name that get series of their own; the rest share the name `other`.
const SERIES: usize = 1000;

/// Spans that one read takes, so that a scrape after a burst does not hold a connection for long.
const STEP: usize = 20_000;

/// Open spans that are looked at again; older ones are given up.
const OPEN: usize = 20_000;

/// The counters of one console.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// The last span that was looked at.
    last: i64,
    open: BTreeSet<i64>,
    series: BTreeMap<Labels, Series>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Labels {
    service: String,
    span_type: String,
    name: String,
}

#[derive(Clone, Debug, Default)]
struct Series {
    ok: u64,
    failed: u64,
    cancelled: u64,
    input_tokens: u64,
    output_tokens: u64,
    seconds: f64,
    timed: u64,
    buckets: [u64; BOUNDS.len()],
}

struct Ended {
    labels: Labels,
    outcome: i64,
    duration_ns: Option<i64>,
    input_tokens: u64,
    output_tokens: u64,
}

struct Read {
    ended: Vec<Ended>,
    open: BTreeSet<i64>,
    last: i64,
    more: bool,
}

impl Metrics {
    /// Counters that begin after the span with this number.
    pub(crate) fn after(last: i64) -> Metrics {
        Metrics { state: Arc::new(Mutex::new(State { last, ..State::default() })) }
    }

    /// The text of a scrape.
    pub(crate) async fn scrape(&self, store: &Store, forwards: &[ForwardStatus]) -> Result<String, StoreError> {
        loop {
            let (last, open) = {
                let state = self.lock();
                (state.last, state.open.clone())
            };
            let read = store.read(move |connection| read(connection, last, open)).await?;
            let mut state = self.lock();
            // Of two scrapes at the same time the second to come finds its work done.
            if state.last != last {
                continue;
            }
            state.take(&read);
            if !read.more {
                return Ok(state.text() + &forwarded(forwards));
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, read: &Read) {
        self.last = read.last;
        self.open.clone_from(&read.open);
        while self.open.len() > OPEN {
            self.open.pop_first();
        }
        for span in &read.ended {
            let mut labels = span.labels.clone();
            if self.series.len() >= SERIES && !self.series.contains_key(&labels) {
                labels.name = "other".to_owned();
            }
            let series = self.series.entry(labels).or_default();
            match span.outcome {
                2 | 3 => series.failed += 1,
                4 => series.cancelled += 1,
                _ => series.ok += 1,
            }
            series.input_tokens += span.input_tokens;
            series.output_tokens += span.output_tokens;
            if let Some(duration) = span.duration_ns {
                let seconds = duration.max(0) as f64 / 1e9;
                series.seconds += seconds;
                series.timed += 1;
                for (bound, count) in BOUNDS.iter().zip(&mut series.buckets) {
                    *count += u64::from(seconds <= *bound);
                }
            }
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let mut family = |name: &str, kind: &str, help: &str, lines: &mut dyn FnMut(&mut String, &str, &Series)| {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (labels, series) in &self.series {
                let labels = format!(
                    "service=\"{}\",type=\"{}\",name=\"{}\"",
                    escape(&labels.service),
                    escape(&labels.span_type),
                    escape(&labels.name)
                );
                lines(&mut text, &labels, series);
            }
        };
        family("galileo_spans_total", "counter", "Spans that ended, by outcome.", &mut |text, labels, series| {
            for (outcome, count) in [("ok", series.ok), ("error", series.failed), ("cancelled", series.cancelled)] {
                let _ = writeln!(text, "galileo_spans_total{{{labels},outcome=\"{outcome}\"}} {count}");
            }
        });
        family("galileo_tokens_total", "counter", "Tokens of llm spans.", &mut |text, labels, series| {
            if series.input_tokens + series.output_tokens > 0 {
                let _ = writeln!(text, "galileo_tokens_total{{{labels},direction=\"input\"}} {}", series.input_tokens);
                let _ =
                    writeln!(text, "galileo_tokens_total{{{labels},direction=\"output\"}} {}", series.output_tokens);
            }
        });
        family(
            "galileo_span_duration_seconds",
            "histogram",
            "Durations of spans that ended.",
            &mut |text, labels, series| {
                for (bound, count) in BOUNDS.iter().zip(series.buckets) {
                    let _ = writeln!(text, "galileo_span_duration_seconds_bucket{{{labels},le=\"{bound}\"}} {count}");
                }
                let _ = writeln!(text, "galileo_span_duration_seconds_bucket{{{labels},le=\"+Inf\"}} {}", series.timed);
                let _ = writeln!(text, "galileo_span_duration_seconds_sum{{{labels}}} {}", series.seconds);
                let _ = writeln!(text, "galileo_span_duration_seconds_count{{{labels}}} {}", series.timed);
            },
        );
        let _ = writeln!(
            text,
            "# HELP galileo_open_spans Spans that have started and not ended.\n# TYPE galileo_open_spans gauge\ngalileo_open_spans {}",
            self.open.len()
        );
        text
    }
}

/// What became of forwarded spans, by target.
fn forwarded(forwards: &[ForwardStatus]) -> String {
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, help: &str, lines: &mut dyn FnMut(&mut String, &str, &ForwardStatus)| {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for forward in forwards {
            lines(&mut text, &format!("target=\"{}\"", escape(&forward.target)), forward);
        }
    };
    if forwards.is_empty() {
        return String::new();
    }
    family(
        "galileo_forward_accepted_total",
        "counter",
        "Spans put into the queue of a target.",
        &mut |text, target, forward| {
            let _ = writeln!(text, "galileo_forward_accepted_total{{{target}}} {}", forward.account.accepted);
        },
    );
    family(
        "galileo_forward_spans_total",
        "counter",
        "Spans that left the queue of a target, by what became of them.",
        &mut |text, target, forward| {
            let account = &forward.account;
            for (fate, count) in [
                ("delivered", account.delivered),
                ("rejected", account.rejected),
                ("loop", account.looped),
                ("forgotten", account.forgotten),
            ] {
                let _ = writeln!(text, "galileo_forward_spans_total{{{target},fate=\"{fate}\"}} {count}");
            }
        },
    );
    family("galileo_forward_queue", "gauge", "Spans that wait for a target.", &mut |text, target, forward| {
        let _ = writeln!(text, "galileo_forward_queue{{{target}}} {}", forward.account.queued);
    });
    family(
        "galileo_forward_failures_total",
        "counter",
        "Requests to a target that failed.",
        &mut |text, target, forward| {
            let _ = writeln!(text, "galileo_forward_failures_total{{{target}}} {}", forward.failures);
        },
    );
    text
}

fn escape(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

const COLUMNS: &str = "SELECT no, trace_no, key, parent_key, type, name, service, duration_ns, ended, outcome, tokens_input, tokens_output FROM spans";

fn read(connection: &Connection, last: i64, open: BTreeSet<i64>) -> Result<Read, StoreError> {
    let mut found = Read { ended: Vec::new(), open: BTreeSet::new(), last, more: false };
    let mut services = service::Known::new();
    let mut look = |row: &rusqlite::Row<'_>, found: &mut Read| -> Result<i64, StoreError> {
        let no: i64 = row.get(0)?;
        if !row.get::<_, bool>(8)? {
            found.open.insert(no);
            return Ok(no);
        }
        let service = match row.get::<_, Option<String>>(6)? {
            Some(own) => Some(own),
            None => service::inherited(connection, row.get(1)?, row.get(3)?, &mut services)?,
        };
        let span_type: String = row.get(4)?;
        // Only llm spans: others may carry a copy of what their models used.
        let tokens =
            |index: usize| if span_type == "llm" { row.get::<_, i64>(index).map(|count| count as u64) } else { Ok(0) };
        let (input_tokens, output_tokens) = (tokens(10)?, tokens(11)?);
        let labels = Labels { service: service.unwrap_or_default(), span_type, name: row.get(5)? };
        found.ended.push(Ended { labels, outcome: row.get(9)?, duration_ns: row.get(7)?, input_tokens, output_tokens });
        Ok(no)
    };
    for no in open {
        let mut statement = connection.prepare_cached(&format!("{COLUMNS} WHERE no = ?1"))?;
        if let Some(row) = statement.query([no])?.next()? {
            look(row, &mut found)?;
        }
    }
    // Numbers begin anew after all spans were deleted.
    let newest: i64 = connection.query_row("SELECT COALESCE(MAX(no), 0) FROM spans", [], |row| row.get(0))?;
    let last = if newest < last { 0 } else { last };
    found.last = last;
    let mut statement = connection.prepare_cached(&format!("{COLUMNS} WHERE no > ?1 ORDER BY no LIMIT ?2"))?;
    let mut rows = statement.query(params![last, STEP as i64])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        found.last = look(row, &mut found)?;
        count += 1;
    }
    found.more = count == STEP;
    Ok(found)
}
