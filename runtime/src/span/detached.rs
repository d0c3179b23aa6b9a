//! A span whose life is neither a scope nor a future: a response that is streamed, a step of the imperative logger.

use super::open::{Opened, Opening, dynamic_callsite, open_as};
use crate::context::Context;
use crate::model::{Outcome, Parts, SpanType};

/// An open span that its owner ends; dropped before that, it ends as cancelled.
#[derive(Debug)]
pub(crate) struct Detached {
    opened: Opened,
    context: Context,
    ended: bool,
}

impl Detached {
    /// Opens a span under `parent`. `write` adds the name, as a part, and the input.
    pub(crate) fn open(span_type: SpanType, parent: &Context, write: impl FnOnce(&mut Parts<'_>)) -> Self {
        Self::open_as(Opening::default(), span_type, parent, write)
    }

    /// As [`open`](Self::open), at another time or for the trace itself.
    pub(crate) fn open_as(
        opening: Opening,
        span_type: SpanType,
        parent: &Context,
        write: impl FnOnce(&mut Parts<'_>),
    ) -> Self {
        let (active, rare) = parent.slot();
        let (opened, inside) = if super::enabled() {
            let _inside = parent.attach();
            open_as(opening, dynamic_callsite(span_type), write)
        } else {
            (Opened { trace: active.trace, span: active.span, recorded: false }, active)
        };
        Self { opened, context: Context::from_slot((inside, rare)), ended: false }
    }

    /// The context inside the span; it does not keep the trace open, the span does.
    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// Adds to the span.
    pub(crate) fn note(&self, write: impl FnOnce(&mut Parts<'_>)) {
        if !self.ended {
            self.opened.note(write);
        }
    }

    /// Ends the span; a second end does nothing.
    pub(crate) fn end(&mut self, outcome: Outcome, write: impl FnOnce(&mut Parts<'_>)) {
        self.end_at(None, outcome, write);
    }

    /// As [`end`](Self::end), at a given time.
    pub(crate) fn end_at(&mut self, at: Option<u64>, outcome: Outcome, write: impl FnOnce(&mut Parts<'_>)) {
        if !std::mem::replace(&mut self.ended, true) {
            self.opened.close_at(at, |parts| {
                write(parts);
                outcome
            });
        }
    }

    /// As [`end_at`](Self::end_at), for a span of which only its end says what it is.
    #[cfg(feature = "opentelemetry")]
    pub(crate) fn end_as(
        &mut self,
        span_type: SpanType,
        at: u64,
        outcome: Outcome,
        write: impl FnOnce(&mut Parts<'_>),
    ) {
        if !std::mem::replace(&mut self.ended, true) {
            self.opened.close_as(span_type, at, outcome, write);
        }
    }

    /// Whether it goes to a pipeline.
    pub(crate) fn is_recorded(&self) -> bool {
        self.opened.recorded
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        let outcome = if std::thread::panicking() { Outcome::Panic } else { Outcome::Cancelled };
        self.end(outcome, |_| {});
    }
}
