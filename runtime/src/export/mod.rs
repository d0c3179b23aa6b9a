//! Backends: each maps records to one backend's wire form and sends them.

#[cfg(feature = "otlp")]
pub(crate) mod content;
#[cfg(feature = "galileo")]
pub(crate) mod galileo;
#[cfg(feature = "otlp")]
pub(crate) mod message;
#[cfg(feature = "otlp")]
pub(crate) mod otlp;
#[cfg(feature = "otlp")]
pub(crate) mod semconv;
#[cfg(feature = "__http")]
pub(crate) mod transport;
