//! Distributed tracing of LLM and agent services.
//!
//! The crate is layered; a module imports only from lower layers (see `ARCHITECTURE.md`).

#[doc(hidden)]
pub mod __private;
#[cfg(any(feature = "langsmith", feature = "tracing"))]
mod bridge;
mod capture;
pub mod config;
pub mod context;
mod dataset;
mod diag;
mod error;
pub mod export;
pub mod guide;
mod http;
mod init;
#[cfg(any(feature = "reqwest", feature = "tower"))]
pub mod llm;
pub mod logger;
pub mod middleware;
pub mod model;
mod pipeline;
pub mod propagation;
pub mod sampling;
mod session;
pub mod span;
mod status;
mod suppress;

#[cfg(feature = "langsmith")]
pub use bridge::langsmith;
#[cfg(feature = "tracing")]
pub use bridge::tracing_layer;
pub use config::Mode;
pub use context::{Context, InContext, InCurrentContext, get_tracing_headers, try_get_tracing_headers};
#[cfg(feature = "tokio")]
pub use context::{spawn, spawn_blocking};
pub use dataset::dataset_context;
pub use error::InitError;
#[doc = include_str!("log.md")]
pub use galileo_sdk_macros::log;
pub use init::{Config, ConfigBuilder, Guard, flush, flush_async, init, status};
pub use logger::Logger;
pub use model::{Dataset, Outcome, Session, SpanId, SpanType, TraceId, Usage};
pub use pipeline::stats::{Account, DropReason, Dropped, Report};
pub use session::{clear_session, set_session, start_session};
pub use span::{InSpan, Span, SpanGuard, current_span};
pub use status::{ExporterStatus, Status};

/// The extension traits, and nothing else: `use galileo::prelude::*;`.
pub mod prelude {
    #[doc(no_inline)]
    pub use crate::{InContext, InCurrentContext, InSpan};
}
