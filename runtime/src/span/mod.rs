//! Spans: opening, closing and adding to them.
//!
//! Invariant: recording never fails, never waits and never panics; what cannot be recorded is counted by the layer below.

mod builder;
mod current;
mod detached;
mod entered;
mod open;
#[cfg(test)]
mod tests;
mod traced;

pub use builder::{Span, SpanGuard};
pub use current::{CurrentSpan, current_span};
pub(crate) use detached::Detached;
pub use entered::Entered;
pub use traced::{InSpan, Traced};

use crate::context::{Context, active};
use crate::pipeline::global;

/// Whether anybody records; the first question of every span.
#[inline(always)]
pub fn enabled() -> bool {
    global::enabled()
}

/// Whether a span opened now would be recorded: somebody records, and the running trace is sampled.
#[inline(always)]
pub fn recording() -> bool {
    global::enabled() && active::get().is_recorded()
}

/// The parent of a span that is not the running context: see `parent =` of the attribute and the builders.
pub(crate) fn parent_of(context: &Context) -> active::Slot {
    (context.active, context.rare.clone())
}
