//! Requests that come in and go out: what every framework's adapter shares.
//!
//! Invariant: a header never fails a request, and a response, its streamed body and its errors reach the user's code unchanged.

pub(crate) mod client;
mod exchange;
mod host;
mod server;
#[cfg(feature = "tower")]
pub(crate) mod tower;

pub use client::{Attempts, RequestExt};
pub use host::{AllowedHosts, allow_hosts};
pub use server::{RequestContext, ServerSpan};
