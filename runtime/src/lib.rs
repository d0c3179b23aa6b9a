//! Distributed tracing of LLM and agent services.
//!
//! The crate is layered; a module imports only from lower layers (see `ARCHITECTURE.md`).

pub mod config;
mod capture;
pub mod context;
mod diag;
mod error;
mod export;
mod http;
pub mod middleware;
pub mod model;
mod pipeline;
pub mod propagation;
pub mod span;
mod suppress;

pub use config::Mode;
pub use context::{Context, InContext, InCurrentContext, get_tracing_headers, try_get_tracing_headers};
pub use error::InitError;
pub use model::{SpanId, SpanType, TraceId};
pub use span::{InSpan, Span, current_span};
