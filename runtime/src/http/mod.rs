//! Requests that come in and go out: what every framework's adapter shares.
//!
//! Invariant: a header never fails a request, and a response, its streamed body and its errors reach the user's code unchanged.

pub(crate) mod a2a;
#[cfg(feature = "actix")]
pub(crate) mod actix;
pub(crate) mod client;
#[cfg(any(feature = "tower", feature = "actix", feature = "reqwest", feature = "ureq"))]
mod exchange;
#[cfg(any(feature = "tower", feature = "actix"))]
mod hold;
mod host;
#[cfg(feature = "rmcp")]
pub(crate) mod mcp;
mod server;
#[cfg(any(feature = "tower", feature = "actix"))]
mod serving;
#[cfg(feature = "tower")]
pub(crate) mod tower;

pub use client::{Attempts, RequestExt};
pub use host::{AllowedHosts, allow_hosts};
pub use server::{RequestContext, ServerSpan};
