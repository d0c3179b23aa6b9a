//! Other tracing systems: their spans as ours, their headers beside ours.

#[cfg(any(feature = "opentelemetry", feature = "tracing"))]
mod conventions;
#[cfg(feature = "langsmith")]
pub mod langsmith;
#[cfg(feature = "opentelemetry")]
pub mod otel;
#[cfg(feature = "tracing")]
pub mod tracing_layer;
