//! Running code under a watch.

use super::trace::Trace;
use crate::config::ServiceSettings;
use crate::context::{Context, InContext, Rare, WithContext};
use crate::model::predictable::Source;
use crate::pipeline::exporter::SpanRecord;
use crate::pipeline::watch::Watch;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, ready};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Runs `code` and returns what it returned, with the trace that it made.
///
/// A panic goes on as it came; to look at the trace of code that panics, catch the panic inside.
pub fn run<R>(code: impl FnOnce() -> R) -> (R, Trace) {
    Runner::new().run(code)
}

/// As [`run`], for the future that `code` makes: on any executor, and with the tasks and threads that carry its context.
///
/// ```
/// use galileo::{InSpan, Span, testing};
///
/// # futures::executor::block_on(async {
/// let (sum, trace) = testing::run_async(|| async { 1 + 1 }.in_span(Span::tool("add"))).await;
/// assert_eq!(sum, 2);
/// trace.tool_used("add");
/// # });
/// ```
pub fn run_async<F: Future>(code: impl FnOnce() -> F) -> Running<F> {
    Runner::new().run_async(code)
}

/// A runner whose ids and times are the same at each run, for headers, files and pictures that are compared as a whole.
///
/// ```
/// use galileo::{Span, testing};
///
/// let headers = || Span::workflow("call").in_scope(galileo::get_tracing_headers);
/// let (first, _) = testing::deterministic().run(headers);
/// let (second, _) = testing::deterministic().run(headers);
/// assert!(first.contains_key("x-galileo-trace-id"));
/// assert_eq!(first, second);
/// ```
pub fn deterministic() -> Runner {
    Runner { seed: Some(0), ..Runner::new() }
}

/// How code is run.
#[derive(Clone, Debug)]
#[must_use = "nothing runs before `run`"]
pub struct Runner {
    seed: Option<u64>,
    start: SystemTime,
    step: Duration,
}

impl Default for Runner {
    fn default() -> Self {
        Self::new()
    }
}

impl Runner {
    /// Random ids and the machine's clock.
    pub fn new() -> Self {
        // The first of January 2026.
        let start = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
        Self { seed: None, start, step: Duration::from_millis(1) }
    }

    /// Ids that follow from `seed`, and a clock that starts at the same time and goes on by one step with each reading.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed: Some(seed), ..self }
    }

    /// When the clock of a deterministic run starts; the first of January 2026 unless told otherwise.
    pub fn starting_at(self, start: SystemTime) -> Self {
        Self { start, ..self }
    }

    /// What each reading of a deterministic clock adds; a millisecond unless told otherwise. A span reads it once at its start and once
    /// at its end, so a span with nothing in it takes one step.
    pub fn step(self, step: Duration) -> Self {
        Self { step, ..self }
    }

    /// Runs `code` and returns what it returned, with the trace that it made.
    pub fn run<R>(&self, code: impl FnOnce() -> R) -> (R, Trace) {
        let watching = Watching::open(self);
        let result = watching.inside(code);
        (result, watching.close())
    }

    /// As [`run`](Self::run), for the future that `code` makes. The trace is what has been recorded when the future is ready.
    pub fn run_async<F: Future>(&self, code: impl FnOnce() -> F) -> Running<F> {
        let watching = Watching::open(self);
        // A closure, because functions that return a future run their code, and capture, at the call.
        let future = watching.inside(code);
        Running { inner: future.in_context(watching.context()), watching: Some(watching) }
    }

    fn source(&self) -> Option<Arc<Source>> {
        let start = self.start.duration_since(UNIX_EPOCH).unwrap_or_default();
        let start = u64::try_from(start.as_nanos()).unwrap_or(u64::MAX);
        self.seed.map(|seed| Arc::new(Source::new(seed, start, self.step)))
    }
}

/// An open watch; dropped with a future that is not polled to its end, or by a panic, it closes.
#[derive(Debug)]
struct Watching(Arc<Watch>);

impl Watching {
    fn open(runner: &Runner) -> Self {
        Self(Watch::open(runner.source()))
    }

    /// The context in which no trace runs, and which every task that takes it along belongs to.
    fn context(&self) -> Context {
        Context::root().with_rare(Rare { watch: Some(self.0.clone()), ..Rare::default() })
    }

    fn inside<R>(&self, code: impl FnOnce() -> R) -> R {
        let _around = self.0.enter();
        let _context = self.context().attach();
        code()
    }

    fn close(self) -> Trace {
        let spans = self.0.close();
        let service = ServiceSettings::default();
        Trace::new(spans.iter().map(|span| SpanRecord { span, service: &service }.to_data()).collect())
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // A second time after `close`, when it finds nothing.
        self.0.close();
    }
}

pin_project! {
    /// A future that runs under a watch. Made by [`run_async`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Running<F> {
        #[pin]
        inner: WithContext<F>,
        watching: Option<Watching>,
    }
}

impl<F: Future> Future for Running<F> {
    type Output = (F::Output, Trace);

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(watching) = &this.watching else { return Poll::Pending };
        let result = {
            let _around = watching.0.enter();
            ready!(this.inner.poll(cx))
        };
        match this.watching.take() {
            Some(watching) => Poll::Ready((result, watching.close())),
            None => Poll::Pending,
        }
    }
}
