//! Requests that come in and go out: what every framework's adapter shares.
//!
//! Invariant: a header never fails a request, and a response, its streamed body and its errors reach the user's code unchanged.

mod host;
mod server;
#[cfg(feature = "tower")]
pub(crate) mod tower;

pub use host::AllowedHosts;
pub use server::{RequestContext, ServerSpan};
