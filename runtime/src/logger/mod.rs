//! The imperative face: spans that are added one by one, for code that no attribute can stand on and for ports of Python programs.

mod step;
#[cfg(test)]
mod tests;

pub use step::Step;

use crate::context::{Context, Rare, try_get_tracing_headers};
use crate::diag;
use crate::model::{Field, Session, SpanId, SpanType, TraceId};
use crate::span::{Detached, Opening};

/// Records a trace step by step, with the operations of the Python SDK's `GalileoLogger`.
///
/// A logger belongs to one trace at a time and to one owner; two requests have two loggers. Steps that hold others (workflow,
/// agent) stay open until they are [concluded](Self::conclude), the rest is recorded whole. No operation fails: without `init`
/// nothing is recorded, and a call that does not fit is told once in the SDK's own messages and does the nearest sensible thing.
///
/// ```
/// use galileo::{Logger, logger::Step};
///
/// let mut logger = Logger::new();
/// logger.start_trace(Step::new("ask").input("What did Galileo observe in 1610?"));
/// logger.add_workflow_span("What did Galileo observe in 1610?");
/// logger.add_retriever_span(Step::new("search").input("galileo 1610").output_json(&["Jupiter has moons"]));
/// logger.add_llm_span(Step::new("answer").input("…").output("Four moons of Jupiter.").model("local"));
/// logger.conclude("Four moons of Jupiter.");
/// logger.conclude("Four moons of Jupiter.");
/// assert_eq!(logger.open_steps(), 0);
/// ```
///
/// Dropped with steps open, they end as cancelled.
#[derive(Debug, Default)]
pub struct Logger {
    /// Where the first step opens.
    base: Context,
    open: Vec<Open>,
    /// What the last step said, for a `conclude_all` without an output.
    last_output: Option<String>,
}

#[derive(Debug)]
struct Open {
    span: Detached,
    started: u64,
    /// Its end, when its duration was given at the start.
    planned_end: Option<u64>,
}

impl Logger {
    /// A logger without a trace.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A logger whose steps lie under a context: that of a request, of a message, of the span that runs.
    #[must_use]
    pub fn in_context(context: Context) -> Self {
        Self { base: context, ..Self::default() }
    }

    /// The trace: the one that was started here, or the one that the context brought along.
    #[must_use]
    pub fn trace_id(&self) -> Option<TraceId> {
        self.context_ref().trace_id()
    }

    /// The innermost open step; in a continued trace without one, the caller's span.
    #[must_use]
    pub fn current_parent(&self) -> Option<SpanId> {
        self.context_ref().span_id()
    }

    /// How many steps are open, the trace included.
    #[must_use]
    pub fn open_steps(&self) -> usize {
        self.open.len()
    }

    /// The context inside the innermost open step, for traced functions and other loggers under it.
    #[must_use]
    pub fn context(&self) -> Context {
        self.context_ref().clone()
    }

    /// The headers that continue this logger's trace in another service; empty when there is nothing to send.
    #[must_use]
    pub fn get_tracing_headers(&self) -> http::HeaderMap {
        let _inside = self.context_ref().attach();
        try_get_tracing_headers().unwrap_or_default()
    }

    /// Begins a trace and returns its id; `None` when nobody records.
    ///
    /// A trace of this logger that is still open is concluded first. In a continued trace there is nothing to begin: the step
    /// becomes a workflow span.
    pub fn start_trace(&mut self, step: impl Into<Step>) -> Option<TraceId> {
        if !self.open.is_empty() {
            diag::warn("logger", format_args!("`start_trace` while a trace was open; the open one was concluded"));
            self.conclude_all(Step::default());
        }
        let is_trace = self.base.trace_id().is_none();
        if !is_trace {
            diag::warn(
                "logger",
                format_args!("`start_trace` in a continued trace; it was recorded as a workflow span"),
            );
        }
        self.push(SpanType::Workflow, step.into(), is_trace);
        self.open.last().filter(|open| open.span.is_recorded()).and_then(|_| self.trace_id())
    }

    /// Begins a workflow; what follows lies under it until it is concluded.
    pub fn add_workflow_span(&mut self, step: impl Into<Step>) {
        self.push(SpanType::Workflow, step.into(), false);
    }

    /// Begins an agent; what follows lies under it until it is concluded.
    pub fn add_agent_span(&mut self, step: impl Into<Step>) {
        self.push(SpanType::Agent, step.into(), false);
    }

    /// Records a call of a language model.
    pub fn add_llm_span(&mut self, step: impl Into<Step>) {
        self.add_whole(SpanType::Llm, step.into());
    }

    /// Records a call of a tool.
    pub fn add_tool_span(&mut self, step: impl Into<Step>) {
        self.add_whole(SpanType::Tool, step.into());
    }

    /// Records a search.
    pub fn add_retriever_span(&mut self, step: impl Into<Step>) {
        self.add_whole(SpanType::Retriever, step.into());
    }

    /// Records a guard's decision.
    pub fn add_control_span(&mut self, step: impl Into<Step>) {
        self.add_whole(SpanType::Control, step.into());
    }

    /// Records a trace that is one call of a language model, and returns its id.
    pub fn add_single_llm_span_trace(&mut self, step: impl Into<Step>) -> Option<TraceId> {
        let step = step.into();
        let trace = self.start_trace(step.for_trace());
        let conclusion = step.conclusion();
        self.add_llm_span(step);
        self.conclude(conclusion);
        trace
    }

    /// Ends the innermost open step with an output, and returns whether there was one.
    pub fn conclude(&mut self, step: impl Into<Step>) -> bool {
        let Some(mut open) = self.open.pop() else {
            diag::warn("logger", format_args!("`conclude` with nothing open"));
            return false;
        };
        let step = step.into().concluding();
        open.end(&step, None);
        self.remember(step);
        true
    }

    /// Ends every open step, the trace included, with one output; without one, with the last that was recorded.
    pub fn conclude_all(&mut self, step: impl Into<Step>) {
        let step = step.into().concluding();
        let last = self.last_output.take();
        while let Some(mut open) = self.open.pop() {
            open.end(&step, last.as_deref());
        }
        self.last_output = last;
        self.remember(step);
    }

    /// Puts the traces that this logger begins from here on into a session; one that runs stays where it is.
    ///
    /// ```
    /// use galileo::{Logger, Session};
    ///
    /// let mut logger = Logger::new();
    /// logger.start_session(Session::external("chat-42").name("Support chat"));
    /// # let external = logger.context().rare().and_then(|rare| rare.session.as_ref()?.external_id.clone());
    /// # assert_eq!(external.as_deref(), Some("chat-42"));
    /// ```
    pub fn start_session(&mut self, session: impl Into<Session>) {
        self.base = std::mem::take(&mut self.base).with_session(session);
    }

    /// The same for a session that the backend knows by this id.
    pub fn set_session(&mut self, session_id: impl Into<String>) {
        self.start_session(Session::with_id(session_id));
    }

    /// Ends what [`start_session`](Self::start_session) or [`set_session`](Self::set_session) began.
    pub fn clear_session(&mut self) {
        if let Some(rare) = self.base.rare() {
            let rare = Rare { session: None, ..rare.clone() };
            self.base = std::mem::take(&mut self.base).with_rare(rare);
        }
    }

    fn context_ref(&self) -> &Context {
        self.open.last().map_or(&self.base, |open| open.span.context())
    }

    fn push(&mut self, span_type: SpanType, step: Step, is_trace: bool) {
        let started = step.start(false);
        let opening = Opening { at: Some(started), is_trace, ..Opening::default() };
        let span =
            Detached::open_as(opening, span_type, self.context_ref(), |parts| step.write_start(span_type, parts));
        if step.has_end() {
            span.note(|parts| step.write_end(parts));
        }
        self.open.push(Open { span, started, planned_end: step.end_of(started) });
        self.remember(step);
    }

    fn add_whole(&mut self, span_type: SpanType, step: Step) {
        let started = step.start(true);
        let opening = Opening { at: Some(started), ..Opening::default() };
        let mut span =
            Detached::open_as(opening, span_type, self.context_ref(), |parts| step.write_start(span_type, parts));
        span.end_at(step.end_of(started), step.outcome(), |parts| step.write_end(parts));
        self.remember(step);
    }

    fn remember(&mut self, step: Step) {
        if let Some(output) = step.into_output_text() {
            self.last_output = Some(output);
        }
    }
}

impl Open {
    /// Ends the step as `step` says; without an output of its own, with `output`.
    fn end(&mut self, step: &Step, output: Option<&str>) {
        let end = step.end_of(self.started).or(self.planned_end);
        self.span.end_at(end, step.outcome(), |parts| {
            if let Some(output) = output
                && !step.has_output()
            {
                parts.text(Field::Output, "", output);
            }
            step.write_conclusion(parts);
        });
    }
}
