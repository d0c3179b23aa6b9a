//! Plain data that every other layer shares: ids, the clock, span types, outcomes and captured values.
//!
//! Invariant: nothing here does I/O, reads the environment or touches a global other than the thread's random state and its spare buffer.

mod callsite;
pub(crate) mod clock;
mod dataset;
mod id;
mod outcome;
pub(crate) mod part;
#[cfg(feature = "testing")]
pub(crate) mod predictable;
pub(crate) mod scratch;
mod session;
mod span_type;
mod usage;

pub use callsite::Callsite;
pub use dataset::Dataset;
pub use id::{SpanId, TraceId};
pub(crate) use id::{random_u64, reseed as reseed_ids};
pub use outcome::Outcome;
pub use part::{Field, Part, Parts, ValueKind};
pub use session::Session;
pub use span_type::SpanType;
pub use usage::Usage;
