//! The middleware for everything that is a `tower` service: axum, hyper, tonic, warp.

#[cfg(feature = "axum")]
mod axum;
mod body;
mod future;
mod layer;
mod service;
#[cfg(test)]
mod tests;

pub use body::TracedBody;
pub use future::TracedResponse;
pub use layer::TracingLayer;
pub use service::Tracing;
