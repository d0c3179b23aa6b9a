//! Adding to the span that is running.

use super::open::note;
use crate::context::active::{self, Active};
use crate::model::{Field, Parts, SpanId, TraceId};

/// The span that is running on this thread; outside any span, or when nobody records, every call does nothing.
#[derive(Clone, Copy, Debug)]
pub struct CurrentSpan {
    active: Active,
    recorded: bool,
}

/// The span that is running on this thread.
pub fn current_span() -> CurrentSpan {
    let active = active::get();
    let recorded = super::enabled() && active.is_recorded() && !active.is_entry();
    CurrentSpan { active, recorded }
}

impl CurrentSpan {
    /// The id of its trace.
    pub fn trace_id(&self) -> Option<TraceId> {
        self.recorded.then_some(self.active.trace)
    }

    /// Its own id.
    pub fn span_id(&self) -> Option<SpanId> {
        self.recorded.then_some(self.active.span)
    }

    /// Adds a tag.
    pub fn tag(&self, tag: &str) -> &Self {
        self.add(|parts| parts.text(Field::Tag, "", tag))
    }

    /// Adds or replaces a metadata entry.
    pub fn metadata(&self, key: &str, value: &str) -> &Self {
        self.add(|parts| parts.text(Field::Metadata, key, value))
    }

    /// Adds captured values.
    pub fn add(&self, write: impl FnOnce(&mut Parts<'_>)) -> &Self {
        if self.recorded {
            note(self.active, write);
        }
        self
    }
}
