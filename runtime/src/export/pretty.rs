//! Spans on standard output, as a tree per trace: for first steps and for programs without a backend.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::time::Duration;

use crate::diag::Escaped;
use crate::model::{Field, Outcome, Part, SpanId, TraceId};
use crate::pipeline::exporter::{ExportError, Exporter, Outcomes, SpanRecord};

/// Prints each trace as a tree when its root has ended; what is left is printed at shutdown.
///
/// ```text
/// trace 8e69c645-b678-45e1-9c61-dcbed822f9db
/// workflow answer 12.3ms
/// ├─ retriever search 4.1ms
/// └─ llm ask 8.0ms  error: no such model
/// ```
pub struct Pretty {
    out: Box<dyn Write + Send>,
    waiting: HashMap<TraceId, Vec<Line>>,
    /// Lines in all of them.
    lines: usize,
}

/// What is kept of a span until its trace is printed.
struct Line {
    id: SpanId,
    parent: Option<SpanId>,
    started_at: u64,
    text: String,
}

/// Spans that wait for their root; past this all are printed as they stand.
const MAX_WAITING: usize = 10_000;

impl Default for Pretty {
    fn default() -> Self {
        Self::to(std::io::stdout())
    }
}

impl Pretty {
    /// Prints to `out` instead of standard output.
    pub fn to(out: impl Write + Send + 'static) -> Self {
        Self { out: Box::new(out), waiting: HashMap::new(), lines: 0 }
    }

    fn print(&mut self, trace: TraceId) -> std::io::Result<()> {
        let Some(mut lines) = self.waiting.remove(&trace) else { return Ok(()) };
        self.lines -= lines.len();
        lines.sort_by_key(|line| line.started_at);
        writeln!(self.out, "trace {trace}")?;
        let known: HashSet<SpanId> = lines.iter().map(|line| line.id).collect();
        let mut below: HashMap<Option<SpanId>, Vec<&Line>> = HashMap::new();
        for line in &lines {
            below.entry(line.parent.filter(|parent| known.contains(parent))).or_default().push(line);
        }
        for top in below.get(&None).into_iter().flatten() {
            writeln!(self.out, "{}", top.text)?;
            self.children(&below, top.id, "", 0)?;
        }
        self.out.flush()
    }

    fn children(
        &mut self,
        below: &HashMap<Option<SpanId>, Vec<&Line>>,
        parent: SpanId,
        indent: &str,
        depth: u32,
    ) -> std::io::Result<()> {
        let Some(children) = below.get(&Some(parent)) else { return Ok(()) };
        for (index, child) in children.iter().enumerate() {
            let last = index + 1 == children.len();
            writeln!(self.out, "{indent}{} {}", if last { "└─" } else { "├─" }, child.text)?;
            // Deeper than anyone reads; it also bounds the stack.
            if depth < 100 {
                self.children(below, child.id, &format!("{indent}{}", if last { "   " } else { "│  " }), depth + 1)?;
            }
        }
        Ok(())
    }
}

impl Exporter for Pretty {
    fn export(&mut self, batch: &[SpanRecord<'_>], out: &mut Outcomes) -> Result<(), ExportError> {
        let mut complete = Vec::new();
        for span in batch {
            let trace = span.trace_id();
            self.waiting.entry(trace).or_default().push(line(span));
            self.lines += 1;
            if span.is_root() || span.is_entry() {
                complete.push(trace);
            }
        }
        if self.lines > MAX_WAITING {
            complete.extend(self.waiting.keys().copied());
        }
        for trace in complete {
            self.print(trace).map_err(|error| ExportError::GiveUp { reason: error.to_string() })?;
        }
        out.deliver_all();
        Ok(())
    }

    fn name(&self) -> &'static str {
        "stdout"
    }

    fn shutdown(&mut self) {
        let left: Vec<TraceId> = self.waiting.keys().copied().collect();
        for trace in left {
            // Standard output may be closed by now, and nobody is left to tell.
            let _ = self.print(trace);
        }
    }
}

impl std::fmt::Debug for Pretty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pretty").finish_non_exhaustive()
    }
}

fn line(span: &SpanRecord<'_>) -> Line {
    let mut text = format!("{} {}", span.span_type().as_str(), Escaped(span.name()));
    if let Some(duration) = span.duration() {
        text.push_str(&format!(" {}", short(duration)));
    }
    let said = |field| span.parts().filter(|part: &Part<'_>| part.field == field).last();
    match span.outcome() {
        Some(Outcome::Ok) | None => {
            if let Some(output) = said(Field::Output) {
                text.push_str(&format!("  → {}", Escaped(cut(output.text()))));
            }
        }
        Some(outcome) => {
            let error = said(Field::Error).map(|part| part.text()).unwrap_or_default();
            text.push_str(&format!("  {}: {}", outcome.as_str(), Escaped(cut(error))));
        }
    }
    Line {
        id: span.span_id(),
        parent: span.parent_id(),
        started_at: span.started_at_nanos(),
        text: text.trim_end_matches([' ', ':']).to_owned(),
    }
}

fn short(duration: Duration) -> String {
    match duration.as_micros() {
        micros @ 0..1_000 => format!("{micros}µs"),
        micros @ 1_000..1_000_000 => format!("{:.1}ms", micros as f64 / 1e3),
        micros => format!("{:.2}s", micros as f64 / 1e6),
    }
}

fn cut(text: &str) -> &str {
    crate::capture::prefix(text, 80)
}
