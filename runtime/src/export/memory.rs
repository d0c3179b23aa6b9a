//! Spans in memory: for programs that look at their own traces.

use super::data::SpanData;
use crate::pipeline::exporter::{ExportError, Exporter, Outcomes, SpanRecord};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Keeps every finished span until it is taken; clones share what is kept.
///
/// For tests [`galileo::testing`](crate::guide::testing) needs less: it starts nothing and looks at one run alone.
///
/// ```
/// use galileo::{Config, Span, export::Memory};
/// use std::time::Duration;
///
/// let memory = Memory::new();
/// let guard = Config::builder().exporter(memory.clone()).init()?;
/// Span::workflow("answer").in_scope(|| Span::llm("ask").in_scope(|| ()));
/// guard.flush(Duration::from_secs(5));
/// let names: Vec<_> = memory.take().into_iter().map(|span| span.name).collect();
/// assert_eq!(names, ["ask", "answer"]);
/// assert!(memory.spans().is_empty());
/// # Ok::<(), galileo::InitError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Memory {
    spans: Arc<Mutex<Vec<SpanData>>>,
}

impl Memory {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Copies of the spans that ended so far, in the order in which they ended.
    pub fn spans(&self) -> Vec<SpanData> {
        self.lock().clone()
    }

    /// The spans that ended so far; they are kept no longer.
    pub fn take(&self) -> Vec<SpanData> {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<SpanData>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exporter for Memory {
    fn export(&mut self, batch: &[SpanRecord<'_>], out: &mut Outcomes) -> Result<(), ExportError> {
        self.lock().extend(batch.iter().filter(|record| record.is_ended()).map(SpanRecord::to_data));
        out.deliver_all();
        Ok(())
    }

    fn name(&self) -> &'static str {
        "memory"
    }
}
