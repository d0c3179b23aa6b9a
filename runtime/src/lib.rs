//! Distributed tracing of LLM and agent services: put [`#[log]`](macro@log) on your functions, and one request that crosses several services
//! becomes one tree.
//!
//! ```no_run
//! use galileo::{Mode, init, log};
//!
//! #[log(span_type = "retriever")]
//! async fn retrieve(query: &str) -> Vec<String> {
//!     vec![format!("a document about {query}")]
//! }
//!
//! #[log]
//! async fn answer(question: &str) -> String {
//!     retrieve(question).await.join("\n")
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), galileo::InitError> {
//!     let _galileo = init(Mode::Distributed)?; // delivers what is left when it is dropped
//!     println!("{}", answer("What did Galileo observe in 1610?").await);
//!     Ok(())
//! }
//! ```
//!
//! The [guide] is a book in chapters; [start](guide::start) is the first. The attribute's manual stands at [`log`](macro@log).
//!
//! # Features
//!
#![doc = include_str!("guide/features.md")]
//!
//! A library takes the crate with `default-features = false` and never switches recording on: without `enable`, `#[log]` costs nothing.
// The crate is layered; a module imports only from lower layers (see ARCHITECTURE.md).
#![cfg_attr(docsrs, feature(doc_cfg))]
// A library that takes two features leaves the machinery idle that only the others drive. What nobody uses is looked for where the
// default set is on, alone and with all the others.
#![cfg_attr(
    not(all(feature = "enable", feature = "galileo", feature = "tokio", feature = "reqwest", feature = "tower")),
    allow(dead_code, unused_imports)
)]

#[doc(hidden)]
pub mod __private;
#[cfg(any(feature = "langsmith", feature = "opentelemetry", feature = "tracing"))]
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
#[cfg(feature = "testing")]
pub mod testing;

#[cfg(feature = "langsmith")]
pub use bridge::langsmith;
#[cfg(feature = "opentelemetry")]
pub use bridge::otel;
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
