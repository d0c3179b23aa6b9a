//! Backends: each maps records to one backend's wire form and sends them.

#[cfg(feature = "otlp")]
pub(crate) mod content;
#[cfg(feature = "otlp")]
pub(crate) mod message;
#[cfg(feature = "otlp")]
pub(crate) mod otlp;
#[cfg(feature = "otlp")]
pub(crate) mod semconv;
