//! Backends: each maps records to one backend's wire form and sends them.

#[cfg(any(feature = "langsmith", feature = "otlp"))]
pub(crate) mod batch;
pub(crate) mod content;
mod data;
#[cfg(feature = "galileo")]
pub(crate) mod galileo;
#[cfg(feature = "__http")]
pub(crate) mod gzip;
#[cfg(any(feature = "galileo", feature = "langsmith", feature = "otlp"))]
pub(crate) mod json;
#[cfg(feature = "langsmith")]
pub(crate) mod langsmith;
#[cfg(feature = "galileo")]
mod media;
mod memory;
#[cfg_attr(not(any(feature = "galileo", feature = "langsmith", feature = "otlp")), allow(dead_code))]
pub(crate) mod message;
#[cfg(feature = "otlp")]
pub(crate) mod otlp;
mod pretty;
#[cfg(feature = "__http")]
pub(crate) mod recent;
#[cfg(feature = "otlp")]
pub(crate) mod semconv;
#[cfg(feature = "__http")]
pub(crate) mod transport;

pub use crate::pipeline::exporter::{ExportError, Exporter, Outcomes, SpanRecord};
pub use crate::pipeline::hook::{HookRecord, Moment, Pass};
pub use data::{EventData, SpanData};
pub use memory::Memory;
pub use pretty::Pretty;
