//! Distributed tracing of LLM and agent services.
//!
//! The crate is layered; a module imports only from lower layers (see `ARCHITECTURE.md`).

pub mod context;
pub mod model;
mod pipeline;
pub mod span;

pub use context::{Context, InContext, InCurrentContext};
pub use model::{SpanId, SpanType, TraceId};
pub use span::{InSpan, Span, current_span};
