//! OpenTelemetry's spans as ours, and ours as its parents.
//!
//! [`GalileoSpanProcessor`] is for services that use OpenTelemetry already. Every span of its provider becomes a Galileo span, typed by the
//! conventions that its attributes follow, and goes wherever the spans of `#[log]` go. Both share the current span: a `#[log]` function
//! under an OpenTelemetry span is its child, and an OpenTelemetry span under a `#[log]` function is that one's.
//!
//! ```
//! use galileo::otel::{GalileoIdGenerator, GalileoSpanProcessor};
//! use galileo::{Config, export::Memory};
//! use opentelemetry::trace::{Tracer, TracerProvider};
//! use opentelemetry_sdk::trace::SdkTracerProvider;
//!
//! #[galileo::log(span_type = "tool")]
//! fn lookup(city: &str) -> usize {
//!     city.len()
//! }
//!
//! let memory = Memory::new();
//! // `GalileoSpanProcessor::from_env()?` sends to Galileo.
//! let processor = GalileoSpanProcessor::with_config(Config::builder().exporter(memory.clone()))?;
//! let provider =
//!     SdkTracerProvider::builder().with_span_processor(processor).with_id_generator(GalileoIdGenerator).build();
//! provider.tracer("shop").in_span("request", |_| lookup("Pisa"));
//! provider.shutdown()?;
//! let spans = memory.spans();
//! assert_eq!((spans[0].name.as_str(), spans[0].parent_id), ("lookup", Some(spans[1].span_id)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod convert;
mod current;
mod ids;
mod open;
mod processor;

pub use super::conventions::{Meaning, Rule};
pub use ids::GalileoIdGenerator;
pub use processor::GalileoSpanProcessor;
pub(crate) use processor::Pipeline;
