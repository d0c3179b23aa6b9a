//! Spans: opening, closing and adding to them.
//!
//! Invariant: recording never fails, never waits and never panics; what cannot be recorded is counted by the layer below.

mod builder;
mod current;
mod detached;
mod entered;
mod held;
mod open;
mod spanned;
#[cfg(test)]
mod tests;
mod value;

pub use builder::{Span, SpanGuard};
pub use current::{CurrentSpan, current_span};
pub(crate) use detached::Detached;
#[cfg(test)]
pub(crate) use entered::Entered;
pub(crate) use open::{Entry, Opened, Opening, enter, is_plain, open, open_captured, open_plain};
pub use spanned::{InSpan, Spanned};

use crate::context::active;
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
