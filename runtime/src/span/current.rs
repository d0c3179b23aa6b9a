//! Adding to the span that is running.

use super::open::Opened;
use super::value;
use crate::context::Context;
use crate::context::active::{self, Active};
use crate::model::{Field, Parts, SpanId, TraceId, Usage, clock};
use serde::Serialize;
use std::fmt::Display;

/// The span that is running on this thread; outside any span, or when nobody records, every call does nothing.
///
/// What is set twice counts as it was set last; tags and events add up. A handle may be kept and sent elsewhere: it goes on naming the
/// span that was current when it was made, also after that span has ended.
#[derive(Clone, Copy, Debug)]
pub struct CurrentSpan {
    active: Active,
    recorded: bool,
}

/// The span that is running on this thread.
///
/// ```
/// use galileo::{Span, current_span};
///
/// fn ask(question: &str) -> String {
///     let answer = format!("{question} I do not know.");
///     current_span().set_output(&answer).set_usage((12, 5)).tag("offline").metadata("attempt", 1);
///     answer
/// }
///
/// assert_eq!(Span::llm("ask").in_scope(|| ask("Why?")), "Why? I do not know.");
/// ask("Outside any span it does nothing.");
/// ```
pub fn current_span() -> CurrentSpan {
    let active = active::get();
    let recorded = super::enabled() && active.is_recorded() && !active.is_entry();
    CurrentSpan { active, recorded }
}

impl CurrentSpan {
    pub(super) const NONE: Self = Self { active: Active::EMPTY, recorded: false };

    /// The one that was entered just now.
    pub(super) fn entered(recorded: bool) -> Self {
        Self { active: active::get(), recorded }
    }

    /// The id of its trace; none outside any span, or when the span is not recorded.
    pub fn trace_id(&self) -> Option<TraceId> {
        self.recorded.then_some(self.active.trace)
    }

    /// Its own id; none outside any span, or when the span is not recorded.
    pub fn span_id(&self) -> Option<SpanId> {
        self.recorded.then_some(self.active.span)
    }

    /// The context inside the span, for `parent = ..`.
    pub(crate) fn context(&self) -> Option<Context> {
        self.recorded.then(|| Context::from_slot((self.active, None)))
    }

    /// Whether what is added here is recorded; for values that are costly to make.
    pub fn is_recorded(&self) -> bool {
        self.recorded
    }

    /// Replaces the input.
    pub fn set_input(&self, value: impl Serialize) -> &Self {
        self.value(Field::Input, "", value)
    }

    /// Sets the output; it wins over the captured result.
    pub fn set_output(&self, value: impl Serialize) -> &Self {
        self.value(Field::Output, "", value)
    }

    /// Sets the input as readers without rights to the original may see it.
    pub fn set_redacted_input(&self, value: impl Serialize) -> &Self {
        self.value(Field::RedactedInput, "", value)
    }

    /// Sets the output as readers without rights to the original may see it.
    pub fn set_redacted_output(&self, value: impl Serialize) -> &Self {
        self.value(Field::RedactedOutput, "", value)
    }

    /// Sets what a call of a language model consumed; a pair is its input and output tokens.
    pub fn set_usage(&self, usage: impl Into<Usage>) -> &Self {
        self.add(|parts| {
            for (name, figure) in usage.into().metrics() {
                parts.uint(Field::Metric, name, figure);
            }
        })
    }

    /// Sets one figure of the span's metrics by its name on the wire.
    pub fn metric(&self, name: &str, value: u64) -> &Self {
        self.add(|parts| parts.uint(Field::Metric, name, value))
    }

    /// Sets the model's name, as the answer gave it.
    pub fn set_model(&self, name: &str) -> &Self {
        self.add(|parts| parts.text(Field::Model, "", name))
    }

    /// Sets why the model stopped.
    pub fn set_finish_reason(&self, reason: &str) -> &Self {
        self.add(|parts| parts.text(Field::FinishReason, "", reason))
    }

    /// Adds a tag.
    pub fn tag(&self, tag: &str) -> &Self {
        self.add(|parts| parts.text(Field::Tag, "", tag))
    }

    /// Adds or replaces a metadata entry.
    pub fn metadata(&self, key: &str, value: impl Serialize) -> &Self {
        self.value(Field::Metadata, key, value)
    }

    /// Adds something that happened just now, with an object of attributes or `()`.
    pub fn event(&self, name: &str, attributes: impl Serialize) -> &Self {
        self.add(|parts| {
            parts.uint(Field::EventTime, "", clock::now());
            value::write(parts, Field::Event, name, &attributes);
        })
    }

    /// Sets the status code, an HTTP status by custom; 200 for success, 500 for an error otherwise.
    pub fn set_status(&self, code: u16) -> &Self {
        self.add(|parts| parts.uint(Field::StatusCode, "", code.into()))
    }

    /// Marks the span as failed, with this error's text, also when it goes on to return a value.
    pub fn record_error(&self, error: impl Display) -> &Self {
        self.add(|parts| parts.text(Field::Error, "", &error.to_string()))
    }

    /// Says whether the answer came from a cache (metadata `cache.hit`).
    pub fn cache_hit(&self, hit: bool) -> &Self {
        self.add(|parts| parts.bool(Field::Metadata, "cache.hit", hit))
    }

    /// Adds captured values.
    pub fn add(&self, write: impl FnOnce(&mut Parts<'_>)) -> &Self {
        let Self { active: Active { trace, span, .. }, recorded } = *self;
        Opened { trace, span, recorded }.note(write);
        self
    }

    fn value(&self, field: Field, key: &str, value: impl Serialize) -> &Self {
        self.add(|parts| value::write(parts, field, key, &value))
    }
}
