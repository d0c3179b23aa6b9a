//! What an exporter is: the public trait, the view of a span that it gets, and its answer for each span.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::record::StartFlags;
use super::store::Span;
use crate::config::ServiceSettings;
use crate::model::{Field, Outcome, Part, SpanId, SpanType, TraceId};

/// A destination for spans.
///
/// It is called on the SDK's own worker thread, never on a thread of the program, and may take its time: meanwhile spans wait
/// within the memory budget. A panic inside is caught and counts as a failure of the batch.
///
/// ```
/// use galileo::export::{ExportError, Exporter, Outcomes, SpanRecord};
///
/// /// Counts spans and throws them away.
/// struct Counting(u64);
///
/// impl Exporter for Counting {
///     fn export(&mut self, batch: &[SpanRecord<'_>], out: &mut Outcomes) -> Result<(), ExportError> {
///         self.0 += batch.len() as u64;
///         out.deliver_all();
///         Ok(())
///     }
/// }
/// # fn check(_: impl Exporter) {}
/// # check(Counting(0));
/// ```
pub trait Exporter: Send {
    /// Exports a batch and marks the outcome of each record. Records that are not marked count as delivered when this returns `Ok`,
    /// and as to be retried when it returns an error.
    ///
    /// # Errors
    /// When the batch as a whole could not be exported; the error says what to do next.
    fn export(&mut self, batch: &[SpanRecord<'_>], out: &mut Outcomes) -> Result<(), ExportError>;

    /// Whether the exporter also wants records of spans that have only started, in distributed mode. A span that was handed over
    /// at its start is handed over again, whole, at its end; it counts once.
    fn wants_starts(&self) -> bool {
        false
    }

    /// The name in reports and messages.
    fn name(&self) -> &'static str {
        "custom"
    }

    /// Called once, when no further batch will come.
    fn shutdown(&mut self) {}
}

/// One span, borrowed from the worker's memory for the time of an export.
#[derive(Clone, Copy)]
pub struct SpanRecord<'a> {
    pub(crate) span: &'a Span,
    pub(crate) service: &'a ServiceSettings,
}

impl<'a> SpanRecord<'a> {
    /// The trace.
    pub fn trace_id(&self) -> TraceId {
        self.span.trace_id
    }

    /// The span.
    pub fn span_id(&self) -> SpanId {
        self.span.id
    }

    /// The parent that the program meant; `None` directly under the trace.
    pub fn parent_id(&self) -> Option<SpanId> {
        (!self.span.parent.is_none()).then_some(self.span.parent)
    }

    /// What kind of work it stands for.
    pub fn span_type(&self) -> SpanType {
        self.span.span_type
    }

    /// Its name.
    pub fn name(&self) -> &'a str {
        self.span.name()
    }

    /// Whether the record is whole; otherwise the span has only started.
    pub fn is_ended(&self) -> bool {
        self.span.is_ended()
    }

    /// How it ended; `None` while it is open.
    pub fn outcome(&self) -> Option<Outcome> {
        self.span.outcome
    }

    /// The status code: what the program said, else 200, 500 or 499 by outcome; `None` while it is open.
    pub fn status_code(&self) -> Option<u16> {
        let outcome = self.span.outcome?;
        let said = self.parts().filter(|part| part.field == Field::StatusCode).filter_map(|part| part.as_u64()).last();
        Some(said.and_then(|code| u16::try_from(code).ok()).unwrap_or(outcome.default_status()))
    }

    /// When it started, in nanoseconds since the Unix epoch.
    pub fn started_at_nanos(&self) -> u64 {
        self.span.started_at
    }

    /// When it started.
    pub fn started_at(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.span.started_at)
    }

    /// How long it took, by the monotonic clock; `None` while it is open.
    pub fn duration(&self) -> Option<Duration> {
        self.is_ended().then(|| Duration::from_nanos(self.span.duration()))
    }

    /// Whether it is the first span of this process in its trace: the one that names the service.
    pub fn is_entry(&self) -> bool {
        self.span.flags.has(StartFlags::ENTRY)
    }

    /// Whether it began the trace.
    pub fn is_root(&self) -> bool {
        self.span.flags.has(StartFlags::ROOT)
    }

    /// Whether the record stands for the trace itself, which was begun without a span (`Logger::start_trace`).
    pub fn is_trace(&self) -> bool {
        self.span.id.to_bytes() == self.span.trace_id.to_bytes()
    }

    /// When it started by the clock of this process, in nanoseconds: what headers were made from.
    #[cfg(feature = "langsmith")]
    pub(crate) fn clock_started_at(&self) -> u64 {
        self.span.clock_started_at()
    }

    /// Where it stood in the words of its destination, when it went to the disk.
    #[cfg(feature = "langsmith")]
    pub(crate) fn place(&self) -> Option<&'a str> {
        self.span.place()
    }

    /// Where in the program it stands.
    #[cfg(feature = "otlp")]
    pub(crate) fn callsite(&self) -> Option<&'static crate::model::Callsite> {
        self.span.callsite()
    }

    /// The captured values, in the order in which they were recorded.
    pub fn parts(&self) -> impl Iterator<Item = Part<'a>> + Clone + use<'a> {
        self.span.parts()
    }

    /// The name of this process.
    pub fn service_name(&self) -> &'a str {
        &self.service.name
    }
}

impl fmt::Debug for SpanRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Captured values are left out: they may be large, and they are the user's.
        f.debug_struct("SpanRecord")
            .field("trace_id", &self.trace_id())
            .field("span_id", &self.span_id())
            .field("span_type", &self.span_type())
            .field("name", &self.name())
            .field("outcome", &self.outcome())
            .finish_non_exhaustive()
    }
}

/// An exporter's answer for one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordOutcome {
    Unmarked,
    Delivered,
    Retry,
    Rejected,
}

/// An exporter's answers for a batch, by the position of each record in it.
#[derive(Debug, Default)]
pub struct Outcomes {
    marks: Vec<RecordOutcome>,
    reason: Option<String>,
}

impl Outcomes {
    pub(crate) fn reset(&mut self, records: usize) {
        self.marks.clear();
        self.marks.resize(records, RecordOutcome::Unmarked);
        self.reason = None;
    }

    /// Every record has arrived.
    pub fn deliver_all(&mut self) {
        self.marks.fill(RecordOutcome::Delivered);
    }

    /// The record at `index` has arrived.
    pub fn deliver(&mut self, index: usize) {
        self.mark(index, RecordOutcome::Delivered);
    }

    /// The record at `index` is to be exported again later.
    pub fn retry(&mut self, index: usize) {
        self.mark(index, RecordOutcome::Retry);
    }

    /// The record at `index` will never be accepted; it is counted as dropped. The last `reason` of a batch is shown in a warning.
    pub fn reject(&mut self, index: usize, reason: impl Into<String>) {
        self.mark(index, RecordOutcome::Rejected);
        self.reason = Some(reason.into());
    }

    fn mark(&mut self, index: usize, outcome: RecordOutcome) {
        if let Some(mark) = self.marks.get_mut(index) {
            *mark = outcome;
        }
    }

    pub(crate) fn marks(&self) -> &[RecordOutcome] {
        &self.marks
    }

    pub(crate) fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }
}

/// Why a batch as a whole was not exported, by what the worker should do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExportError {
    /// Try the batch again, later and later.
    Retry {
        /// What went wrong, for a message.
        reason: String,
    },
    /// Try the batch again, not before this has passed.
    Wait {
        /// How long the destination asked to be left alone.
        delay: Duration,
        /// What went wrong, for a message.
        reason: String,
    },
    /// The batch is too large: try each half.
    Split,
    /// The batch will never be accepted.
    GiveUp {
        /// What went wrong, for a message.
        reason: String,
    },
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retry { reason } | Self::GiveUp { reason } => f.write_str(reason),
            Self::Wait { delay, reason } => write!(f, "{reason} (asked to wait {delay:?})"),
            Self::Split => f.write_str("the batch is too large"),
        }
    }
}

impl std::error::Error for ExportError {}
