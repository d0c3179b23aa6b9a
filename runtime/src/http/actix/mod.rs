//! The middleware for actix-web, whose requests, headers and bodies are types of its own.

mod body;
mod carrier;
mod middleware;

pub use body::TracedBody;
pub use carrier::request_context;
pub use middleware::{Tracing, TracingMiddleware};
