//! Other tracing systems in the same process: their spans as ours.

#[cfg(feature = "tracing")]
pub mod tracing_layer;
