//! Other tracing systems: their spans as ours, their headers beside ours.

#[cfg(feature = "langsmith")]
pub mod langsmith;
#[cfg(feature = "tracing")]
pub mod tracing_layer;
