//! A trace as text: a line for each span.

use super::trace::Trace;
use crate::capture::prefix;
use crate::export::SpanData;
use crate::model::Outcome;
use serde_json::Value;
use std::fmt;
use std::time::SystemTime;

/// Bytes of a value that are shown.
const SHOWN: usize = 120;

/// A trace as text, the same at each run of the same code: types, names, inputs, outputs, tags and errors, and neither ids nor times
/// unless they are asked for.
///
/// ```
/// use galileo::{Span, testing};
///
/// let work = || Span::workflow("day").tag("cron").in_scope(|| Span::tool("step").in_scope(|| galileo::current_span().set_output(7).is_recorded()));
/// let (_, trace) = testing::deterministic().run(work);
/// assert_eq!(trace.tree().to_string(), "workflow day #cron\n└─ tool step -> 7\n");
/// assert_eq!(trace.tree().times().without_values().to_string(), "workflow day #cron +0ns 4ms\n└─ tool step +1ms 2ms\n");
/// ```
#[derive(Clone, Debug)]
pub struct Tree<'a> {
    trace: &'a Trace,
    times: bool,
    ids: bool,
    values: bool,
}

impl<'a> Tree<'a> {
    pub(super) fn new(trace: &'a Trace) -> Self {
        Self { trace, times: false, ids: false, values: true }
    }

    /// With when each span started after the first one, and how long it took.
    #[must_use]
    pub fn times(self) -> Self {
        Self { times: true, ..self }
    }

    /// With the ids of spans.
    #[must_use]
    pub fn ids(self) -> Self {
        Self { ids: true, ..self }
    }

    /// Without inputs and outputs.
    #[must_use]
    pub fn without_values(self) -> Self {
        Self { values: false, ..self }
    }

    fn line(&self, span: &SpanData, first: SystemTime, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", span.span_type.as_str(), span.name)?;
        if let Some(model) = &span.model {
            write!(f, " [{model}]")?;
        }
        if self.values {
            if let Some(input) = &span.input {
                write!(f, " {}", Short(input))?;
            }
            if let Some(output) = span.output.as_ref().filter(|output| !output.is_null()) {
                write!(f, " -> {}", Short(output))?;
            }
        }
        match (&span.error, span.outcome) {
            (Some(error), outcome) => {
                let how = outcome.filter(|outcome| *outcome != Outcome::Ok).map_or("error", Outcome::as_str);
                write!(f, " {how}: {}", prefix(error, SHOWN).replace('\n', "\\n"))?;
            }
            (None, Some(outcome)) if outcome != Outcome::Ok => write!(f, " {}", outcome.as_str())?,
            (None, None) => f.write_str(" (open)")?,
            _ => {}
        }
        for tag in &span.tags {
            write!(f, " #{tag}")?;
        }
        if self.ids {
            write!(f, " {}", span.span_id)?;
        }
        if self.times {
            write!(f, " +{:?}", span.started_at.duration_since(first).unwrap_or_default())?;
            if let Some(duration) = span.duration {
                write!(f, " {duration:?}")?;
            }
        }
        writeln!(f)
    }
}

struct Short<'a>(&'a Value);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let shown = prefix(&text, SHOWN);
        f.write_str(shown)?;
        if shown.len() < text.len() { f.write_str("...") } else { Ok(()) }
    }
}

impl fmt::Display for Tree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spans = self.trace.spans();
        let first = spans.iter().map(|span| span.started_at).min().unwrap_or(SystemTime::UNIX_EPOCH);
        // For each level above, whether more of it follows.
        let mut open: Vec<bool> = Vec::new();
        for (index, span) in spans.iter().enumerate() {
            let depth = self.trace.depth(index);
            let mut below = (index + 1..spans.len()).map(|other| self.trace.depth(other)).take_while(|d| *d >= depth);
            let follows = below.any(|other| other == depth);
            open.truncate(depth);
            if depth > 0 {
                for more in open.iter().skip(1) {
                    f.write_str(if *more { "│  " } else { "   " })?;
                }
                f.write_str(if follows { "├─ " } else { "└─ " })?;
            }
            open.push(follows);
            self.line(span, first, f)?;
        }
        Ok(())
    }
}
