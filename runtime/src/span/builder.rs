//! Spans for closures and blocks.

use super::entered::Entered;
use super::open::dynamic_callsite;
use crate::model::{Field, Outcome, Parts, SpanType, ValueKind};

/// A span that is about to open: for blocks, closures and futures that no attribute can stand on.
///
/// Nothing happens until [`enter`](Self::enter), [`in_scope`](Self::in_scope) or `future.in_span(span)`.
#[must_use = "a span opens when it is entered"]
#[derive(Clone, Debug)]
pub struct Span {
    span_type: SpanType,
    /// Parts as they go into the START; empty when nobody records.
    parts: Vec<u8>,
}

impl Span {
    /// A span of any type.
    pub fn new(span_type: SpanType, name: &str) -> Self {
        let mut parts = Vec::new();
        if super::recording() {
            Parts::new(&mut parts).text(Field::Name, "", name);
        }
        Self { span_type, parts }
    }

    /// A workflow span.
    pub fn workflow(name: &str) -> Self {
        Self::new(SpanType::Workflow, name)
    }

    /// An agent span.
    pub fn agent(name: &str) -> Self {
        Self::new(SpanType::Agent, name)
    }

    /// An llm span.
    pub fn llm(name: &str) -> Self {
        Self::new(SpanType::Llm, name)
    }

    /// A retriever span.
    pub fn retriever(name: &str) -> Self {
        Self::new(SpanType::Retriever, name)
    }

    /// A tool span.
    pub fn tool(name: &str) -> Self {
        Self::new(SpanType::Tool, name)
    }

    /// The type it was made with.
    pub fn span_type(&self) -> SpanType {
        self.span_type
    }

    /// Text as the input.
    pub fn input(self, text: &str) -> Self {
        self.part(Field::Input, "", ValueKind::Text, text.as_bytes())
    }

    /// A tag.
    pub fn tag(self, tag: &str) -> Self {
        self.part(Field::Tag, "", ValueKind::Text, tag.as_bytes())
    }

    /// A metadata entry.
    pub fn metadata(self, key: &str, value: &str) -> Self {
        self.part(Field::Metadata, key, ValueKind::Text, value.as_bytes())
    }

    /// Any value, already captured.
    pub fn part(mut self, field: Field, key: &str, kind: ValueKind, value: &[u8]) -> Self {
        if !self.parts.is_empty() {
            Parts::new(&mut self.parts).push(field, key, kind, value);
        }
        self
    }

    /// Opens the span under the current one and makes it current until the guard is dropped.
    pub fn enter(self) -> SpanGuard {
        let entered =
            (!self.parts.is_empty()).then(|| Entered::new(dynamic_callsite(self.span_type), |parts| self.write(parts)));
        SpanGuard { entered }
    }

    /// Runs `f` inside the span.
    pub fn in_scope<R>(self, f: impl FnOnce() -> R) -> R {
        let _guard = self.enter();
        f()
    }

    pub(super) fn write(&self, parts: &mut Parts<'_>) {
        parts.append(&self.parts);
    }
}

/// An entered span; dropping it ends the span.
#[must_use = "the span ends when this is dropped"]
#[derive(Debug)]
pub struct SpanGuard {
    entered: Option<Entered>,
}

impl SpanGuard {
    /// Ends the span with text as its output.
    pub fn end(mut self, outcome: Outcome, output: &str) {
        if let Some(entered) = self.entered.take() {
            entered.end(outcome, |parts| parts.text(Field::Output, "", output));
        }
    }
}
