//! What is wrong with a trace, in words: where its time went, what could have run together or been cached, what was
//! tried again, where errors began.
//!
//! Pure functions over [`TraceView`], used by the pages and by the terminal alike. Each definition stands at the function
//! that applies it; `docs/console.md` repeats them for readers. Findings are hints: a trace does not say what depends on what,
//! so each of them names its spans and leaves the judgement to the reader.

mod call;
mod cost;
mod many;
mod map;
mod path;
mod shape;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use call::Calls;
pub use many::{Group, Overview, ServiceTimes, overview};
pub use map::{Edge, Node, ServiceMap};
pub use path::Timing;

use crate::model::{Id, Outcome, SpanNode, TraceView};

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An error began here.
    Error,
    /// The largest own time on the critical path.
    Bottleneck,
    /// Calls that ran one after the other and could have run together.
    Sequence,
    /// The same call with the same input, more than once.
    Repeat,
    /// A call that failed and was made again.
    Retry,
    /// How often caches answered.
    Cache,
    /// One span that started very many.
    FanOut,
    /// Where the critical path spent its time, by service.
    Service,
}

impl Kind {
    /// A heading for findings of this kind.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Kind::Error => "Errors by origin",
            Kind::Bottleneck => "Bottleneck",
            Kind::Sequence => "Could run together",
            Kind::Repeat => "Same call again",
            Kind::Retry => "Retries",
            Kind::Cache => "Caches",
            Kind::FanOut => "Fan-out",
            Kind::Service => "Time by service",
        }
    }

    /// How findings of this kind are worked out, in one sentence.
    #[must_use]
    pub fn definition(self) -> &'static str {
        match self {
            Kind::Error => {
                "A failed span none of whose children failed, or one that says of itself that the error began there."
            }
            Kind::Bottleneck => {
                "The span with the most time on the critical path in which none of its children ran. The critical path is followed back from the end of the trace: at each moment it is on the child that ended last before it, and on the span itself in the gaps."
            }
            Kind::Sequence => {
                "Neighbouring siblings that did not overlap, of the same name or all tools and retrievers with recorded outputs, where no output of an earlier one appears in the input of a later one. What it would save: the sum of their durations without the longest."
            }
            Kind::Repeat => {
                "Calls of one service, type and name with equal input that succeeded without a cache. What a cache would save: the durations of all but the first."
            }
            Kind::Retry => {
                "Siblings of one service, type and name (and equal input, where recorded) that followed a failed one. Cost: from the first try's start to the last try's start."
            }
            Kind::Cache => "Answers from the cache, of all calls marked with `cache.hit` (true or false) or `cached`.",
            Kind::FanOut => "A span with twenty or more direct children.",
            Kind::Service => "Own time on the critical path, summed by service.",
        }
    }
}

/// One thing worth knowing about a trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is about.
    pub kind: Kind,
    /// The name of the span or service.
    pub subject: String,
    /// The service, where it is known and not the subject.
    pub service: Option<String>,
    /// What was found, as the rest of a sentence that begins with the subject.
    pub text: String,
    /// What it cost or would save, in nanoseconds; 0 when it is not about time.
    pub time_ns: i64,
    /// That time as a part of the whole trace, 0 to 1.
    pub share: f64,
    /// The spans it is about, in order of start.
    pub spans: Vec<Id>,
}

/// Everything that is found in one trace, by kind and then the most costly first.
///
/// Give a view with [`Depth::Full`](crate::model::Depth::Full): without inputs and outputs nothing can be said about
/// repeated or independent calls. `now` ends the spans that are open.
#[must_use]
pub fn findings(view: &TraceView, now: i64) -> Vec<Finding> {
    let timing = Timing::of(view, now);
    let calls = Calls::of(view);
    let mut found = Vec::new();
    found.extend(cost::errors(view));
    found.extend(cost::bottleneck(view, &timing));
    found.extend(cost::services(view, &timing));
    found.extend(cost::caches(view, &calls));
    found.extend(cost::repeats(view, &timing, &calls));
    let retries = shape::retries(view, &timing, &calls);
    found.extend(shape::sequences(view, &timing, &calls, &retries));
    found.extend(retries.into_iter().map(|retry| retry.finding));
    found.extend(shape::fan_outs(view));
    found.sort_by(|a, b| (a.kind, -a.time_ns, &a.subject).cmp(&(b.kind, -b.time_ns, &b.subject)));
    found
}

/// The spans where errors began, by index: marked ones, and failed spans none of whose children failed.
#[must_use]
pub fn origins(view: &TraceView) -> Vec<usize> {
    let failed_child = |span: &SpanNode| view.children(span).any(failed);
    let begins = |span: &SpanNode| span.error_origin || (failed(span) && !failed_child(span));
    view.spans.iter().enumerate().filter(|(_, span)| begins(span)).map(|(index, _)| index).collect()
}

/// Whether the span failed. Being cancelled is not a failure of its own.
#[must_use]
pub fn failed(span: &SpanNode) -> bool {
    matches!(span.outcome, Outcome::Error | Outcome::Panic)
}

fn share(part: i64, timing: &Timing) -> f64 {
    let whole = timing.stop - timing.start;
    if whole > 0 { part as f64 / whole as f64 } else { 0.0 }
}
