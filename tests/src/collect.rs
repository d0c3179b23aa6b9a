//! An exporter that keeps what it gets, and trees of it as text.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use galileo::export::{ExportError, Exporter, Outcomes, SpanRecord};
use galileo::model::{Field, ValueKind};
use galileo::{Config, Guard, Mode, TraceId};

/// One span as it was exported.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its trace.
    pub trace: String,
    /// Its id.
    pub span: String,
    /// Its parent, unless it lies directly under the trace.
    pub parent: Option<String>,
    /// Its name.
    pub name: String,
    /// `workflow`, `tool` and so on.
    pub span_type: &'static str,
    /// `ok`, `error`, `panic` or `cancelled`.
    pub outcome: &'static str,
    /// Its status code.
    pub status: u16,
    /// When it started, in nanoseconds since 1970.
    pub started: u64,
    /// How long it took.
    pub duration: Duration,
    /// Captured values as text: what they say, their key, the value.
    pub parts: Vec<(Field, String, String)>,
}

impl Seen {
    /// The text of the first value of a kind.
    pub fn text(&self, field: Field) -> &str {
        self.parts.iter().find(|(kind, ..)| *kind == field).map_or("", |(.., value)| value.as_str())
    }

    /// A metadata entry, or an origin.
    pub fn metadata(&self, name: &str) -> Option<&str> {
        let found =
            self.parts.iter().find(|(kind, key, _)| matches!(kind, Field::Metadata | Field::Origin) && key == name);
        found.map(|(.., value)| value.as_str())
    }
}

#[derive(Default)]
struct Kept {
    spans: Mutex<Vec<Seen>>,
    arrived: Condvar,
}

/// What the process has exported so far.
#[derive(Clone, Default)]
pub struct Collector {
    kept: Arc<Kept>,
}

struct Keeping(Arc<Kept>);

impl Exporter for Keeping {
    fn export(&mut self, batch: &[SpanRecord<'_>], out: &mut Outcomes) -> Result<(), ExportError> {
        let mut spans = self.0.spans.lock().unwrap_or_else(PoisonError::into_inner);
        spans.extend(batch.iter().filter(|record| record.is_ended()).map(seen));
        self.0.arrived.notify_all();
        out.deliver_all();
        Ok(())
    }
}

fn seen(record: &SpanRecord<'_>) -> Seen {
    let text = |part: galileo::model::Part<'_>| match part.kind {
        ValueKind::UInt | ValueKind::Int => part.as_u64().map(|number| number.to_string()).unwrap_or_default(),
        _ => part.text().to_owned(),
    };
    Seen {
        trace: record.trace_id().to_string(),
        span: record.span_id().to_string(),
        parent: record.parent_id().map(|id| id.to_string()),
        name: record.name().to_owned(),
        span_type: record.span_type().as_str(),
        outcome: record.outcome().map_or("", |outcome| outcome.as_str()),
        status: record.status_code().unwrap_or_default(),
        started: record.started_at_nanos(),
        duration: record.duration().unwrap_or_default(),
        parts: record.parts().map(|part| (part.field, part.key.to_owned(), text(part))).collect(),
    }
}

/// The collector of this process, with recording started in distributed mode at the first call and for good.
pub fn collecting() -> &'static Collector {
    static STARTED: OnceLock<(Collector, Mutex<Guard>)> = OnceLock::new();
    let (collector, _guard) = STARTED.get_or_init(|| {
        let collector = Collector::default();
        let guard = Config::builder()
            .mode(Mode::Distributed)
            .without_dotenv()
            .service_name("tests")
            .exporter(Keeping(collector.kept.clone()))
            .init();
        (collector, Mutex::new(guard.unwrap_or_else(|error| panic!("{error}"))))
    });
    collector
}

impl Collector {
    /// The spans of a trace once `enough` says so; what there is after ten seconds otherwise.
    pub fn wait_for(&self, trace: &str, enough: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut spans = self.kept.spans.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let mine: Vec<Seen> = spans.iter().filter(|span| span.trace == trace).cloned().collect();
            let left = deadline.saturating_duration_since(Instant::now());
            if enough(&mine) || left.is_zero() {
                return mine;
            }
            (spans, _) = self.kept.arrived.wait_timeout(spans, left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The tree of a trace once it has `count` spans: a line each, two spaces a level, siblings by time and name.
    ///
    /// ```text
    /// workflow POST /search ok 200
    ///   tool rank ok 200
    /// ```
    pub fn tree(&self, trace: &str, count: usize) -> String {
        tree(&self.wait_for(trace, |spans| spans.len() >= count))
    }
}

/// The tree of these spans; a span whose parent is not among them stands at the left.
pub fn tree(spans: &[Seen]) -> String {
    let mut children: BTreeMap<Option<&str>, Vec<&Seen>> = BTreeMap::new();
    for span in spans {
        let known = span.parent.as_deref().filter(|parent| spans.iter().any(|other| other.span == *parent));
        children.entry(known).or_default().push(span);
    }
    for siblings in children.values_mut() {
        siblings.sort_by_key(|span| (span.started, &span.name));
    }
    let mut text = String::new();
    print(&children, None, 0, &mut text);
    text
}

fn print(children: &BTreeMap<Option<&str>, Vec<&Seen>>, parent: Option<&str>, depth: usize, text: &mut String) {
    for span in children.get(&parent).into_iter().flatten() {
        let line = format!(
            "{:indent$}{} {} {} {}\n",
            "",
            span.span_type,
            span.name,
            span.outcome,
            span.status,
            indent = 2 * depth
        );
        text.push_str(&line);
        print(children, Some(&span.span), depth + 1, text);
    }
}

/// A trace id and a span id, as a caller's headers would name them.
pub fn caller() -> (String, String) {
    (TraceId::random().to_string(), galileo::SpanId::random().to_string())
}
