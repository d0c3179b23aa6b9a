//! Spans for closures and blocks.

use super::current::CurrentSpan;
use super::entered::Entered;
use super::held::message;
use super::open::dynamic_callsite;
use super::value;
use crate::context::{Context, ContextGuard, active};
use crate::model::{Callsite, Field, Outcome, Parts, Session, SpanType, ValueKind};
use serde::Serialize;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// A span that is about to open: for blocks, closures and futures that no attribute can stand on.
///
/// Nothing happens until [`enter`](Self::enter), [`in_scope`](Self::in_scope) or [`in_span`](crate::InSpan::in_span). When nobody
/// records, or the trace is not sampled, every call is nearly free and values are not looked at.
///
/// ```
/// use galileo::Span;
///
/// let span = Span::tool("weather").input(&["Padua"]).tag("forecast").metadata("attempt", 1);
/// let degrees = span.in_scope(|| 21);
/// assert_eq!(degrees, 21);
/// ```
#[must_use = "a span opens when it is entered"]
#[derive(Clone, Debug)]
pub struct Span {
    span_type: SpanType,
    /// Parts as they go into the START; empty when nobody records.
    parts: Vec<u8>,
    /// Whether the trace is sampled as far as we know: values of others are not looked at.
    sampled: bool,
    parent: Option<Context>,
}

impl Span {
    /// A span of any type.
    pub fn new(span_type: SpanType, name: &str) -> Self {
        let mut parts = Vec::new();
        if super::enabled() {
            Parts::new(&mut parts).text(Field::Name, "", name);
        }
        Self { span_type, parts, sampled: active::get().is_recorded(), parent: None }
    }

    /// A workflow span: a step that holds other steps.
    pub fn workflow(name: &str) -> Self {
        Self::new(SpanType::Workflow, name)
    }

    /// An agent span: a workflow that decides for itself what to do next.
    pub fn agent(name: &str) -> Self {
        Self::new(SpanType::Agent, name)
    }

    /// An llm span: one call of a language model.
    pub fn llm(name: &str) -> Self {
        Self::new(SpanType::Llm, name)
    }

    /// A retriever span: a search that returns documents.
    pub fn retriever(name: &str) -> Self {
        Self::new(SpanType::Retriever, name)
    }

    /// A tool span: a call of a tool.
    pub fn tool(name: &str) -> Self {
        Self::new(SpanType::Tool, name)
    }

    /// A control span: a guard's decision.
    pub fn control(name: &str) -> Self {
        Self::new(SpanType::Control, name)
    }

    /// The type it was made with.
    ///
    /// ```
    /// use galileo::{Span, SpanType};
    ///
    /// assert_eq!(Span::llm("ask").span_type(), SpanType::Llm);
    /// ```
    pub fn span_type(&self) -> SpanType {
        self.span_type
    }

    /// Opens the span under this context instead of the running one. Give it before values, which are looked at only where the trace is
    /// sampled.
    ///
    /// ```
    /// use galileo::{Context, Span};
    ///
    /// let parent = Context::current();
    /// let done = std::thread::spawn(move || Span::tool("elsewhere").parent(&parent).in_scope(|| true));
    /// assert!(done.join().unwrap_or_default());
    /// ```
    pub fn parent(mut self, context: &Context) -> Self {
        self.sampled = context.is_sampled();
        self.parent = Some(context.clone());
        self
    }

    /// The session of the trace, if this span begins one; a text is your application's own id of it.
    pub fn session(mut self, session: impl Into<Session>) -> Self {
        if !self.parts.is_empty() {
            let context = self.parent.take().unwrap_or_else(Context::current);
            self.parent = Some(context.with_session(session));
        }
        self
    }

    /// The input.
    pub fn input(self, value: impl Serialize) -> Self {
        self.value(Field::Input, "", value)
    }

    /// The input as readers without rights to the original may see it.
    pub fn redacted_input(self, value: impl Serialize) -> Self {
        self.value(Field::RedactedInput, "", value)
    }

    /// A tag.
    pub fn tag(self, tag: &str) -> Self {
        self.part(Field::Tag, "", ValueKind::Text, tag.as_bytes())
    }

    /// Several tags.
    pub fn tags<'a>(self, tags: impl IntoIterator<Item = &'a str>) -> Self {
        tags.into_iter().fold(self, Self::tag)
    }

    /// A metadata entry.
    pub fn metadata(self, key: &str, value: impl Serialize) -> Self {
        self.value(Field::Metadata, key, value)
    }

    /// The model's name (llm).
    pub fn model(self, name: &str) -> Self {
        self.part(Field::Model, "", ValueKind::Text, name.as_bytes())
    }

    /// The sampling temperature (llm).
    pub fn temperature(self, temperature: f64) -> Self {
        self.part(Field::Temperature, "", ValueKind::Float, &temperature.to_le_bytes())
    }

    /// The tools offered to the model (llm): a list of JSON objects.
    pub fn tools(self, tools: impl Serialize) -> Self {
        self.value(Field::Tools, "", tools)
    }

    /// The kind of agent (agent): `default`, `planner`, `react`, `reflection`, `router`, `classifier`, `supervisor` or `judge`.
    pub fn agent_type(self, kind: &str) -> Self {
        self.part(Field::AgentType, "", ValueKind::Text, kind.as_bytes())
    }

    /// The id of the tool call (tool).
    pub fn tool_call_id(self, id: &str) -> Self {
        self.part(Field::ToolCallId, "", ValueKind::Text, id.as_bytes())
    }

    /// Any further attribute of this span type by its name on the wire, such as `check_stage` of a control span.
    pub fn attribute(self, name: &str, value: impl Serialize) -> Self {
        self.value(Field::Attribute, name, value)
    }

    /// Any value, already captured.
    pub fn part(mut self, field: Field, key: &str, kind: ValueKind, value: &[u8]) -> Self {
        if self.is_wanted() {
            Parts::new(&mut self.parts).push(field, key, kind, value);
        }
        self
    }

    fn value(mut self, field: Field, key: &str, value: impl Serialize) -> Self {
        if self.is_wanted() {
            value::write(&mut Parts::new(&mut self.parts), field, key, &value);
        }
        self
    }

    /// Opens the span and makes it current until the guard is dropped.
    ///
    /// The guard stays on this thread and must not live across an `.await`; give a future its span by
    /// [`in_span`](crate::InSpan::in_span).
    ///
    /// ```
    /// use galileo::Span;
    ///
    /// let guard = Span::workflow("nightly").enter();
    /// guard.set_output("done").tag("cron");
    /// drop(guard);
    /// assert_eq!(galileo::current_span().span_id(), None);
    /// ```
    pub fn enter(mut self) -> SpanGuard {
        if !self.is_wanted() {
            return SpanGuard { span: CurrentSpan::NONE, entered: None, outer: None };
        }
        let outer = self.take_parent().map(|parent| parent.attach());
        let entered = Entered::new(self.site(), |parts| self.write(parts));
        SpanGuard { span: CurrentSpan::entered(entered.is_recorded()), entered: Some(entered), outer }
    }

    /// Runs `f` inside the span. A panic ends it with its message and goes on as it came.
    pub fn in_scope<R>(self, f: impl FnOnce() -> R) -> R {
        let guard = self.enter();
        match catch_unwind(AssertUnwindSafe(f)) {
            Ok(result) => result,
            Err(payload) => {
                guard.end_as(Outcome::Panic, |parts| parts.text(Field::Error, "", message(&*payload)));
                resume_unwind(payload)
            }
        }
    }

    /// Whether somebody records, and the trace is sampled as far as we know.
    pub(super) fn is_wanted(&self) -> bool {
        self.sampled && !self.parts.is_empty()
    }

    pub(super) fn take_parent(&mut self) -> Option<Context> {
        self.parent.take()
    }

    pub(super) fn site(&self) -> &'static Callsite {
        dynamic_callsite(self.span_type)
    }

    pub(super) fn write(&self, parts: &mut Parts<'_>) {
        parts.append(&self.parts);
    }
}

/// An entered span; dropping it ends the span. What [`CurrentSpan`] can add to a span, it adds to this one.
///
/// ```
/// use galileo::Span;
///
/// fn parse(text: &str) -> Result<i32, std::num::ParseIntError> {
///     let span = Span::tool("parse").input(text).enter();
///     text.parse().inspect(|n| { span.set_output(n); }).inspect_err(|e| { span.record_error(e); })
/// }
/// assert_eq!(parse("7"), Ok(7));
/// assert!(parse("seven").is_err());
/// ```
#[must_use = "the span ends when this is dropped"]
#[derive(Debug)]
pub struct SpanGuard {
    span: CurrentSpan,
    // In this order: the span ends before the context around it is left.
    entered: Option<Entered>,
    #[expect(dead_code, reason = "held for its drop")]
    outer: Option<ContextGuard>,
}

impl SpanGuard {
    /// Ends the span with this outcome.
    ///
    /// ```
    /// use galileo::{Outcome, Span};
    ///
    /// let guard = Span::tool("lookup").enter();
    /// guard.end(Outcome::Cancelled);
    /// assert_eq!(galileo::current_span().span_id(), None);
    /// ```
    pub fn end(self, outcome: Outcome) {
        self.end_as(outcome, |_| {});
    }

    fn end_as(mut self, outcome: Outcome, write: impl FnOnce(&mut Parts<'_>)) {
        if let Some(entered) = self.entered.take() {
            entered.end(outcome, write);
        }
    }
}

impl Deref for SpanGuard {
    type Target = CurrentSpan;

    fn deref(&self) -> &CurrentSpan {
        &self.span
    }
}
