//! What the spans of others mean, by the conventions that their fields follow: OpenTelemetry's for generative AI, OpenInference, LangSmith.

mod fields;
mod parts;
mod rules;

#[cfg(feature = "tracing")]
pub(super) use fields::Bounded;
pub(super) use fields::{Fields, Value};
pub(super) use parts::Meanings;
pub(super) use rules::RULES;
pub use rules::{Meaning, Rule};

/// What is known of a span beside its fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin<'a> {
    /// The module or library that made it.
    pub(super) target: &'a str,
    /// What that calls it.
    pub(super) name: &'a str,
}
