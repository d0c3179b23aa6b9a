//! Requests that go out: headers, and a span when one is asked for.

#[macro_use]
mod options;

mod attempt;
mod call;
mod ext;
#[cfg(feature = "reqwest")]
mod reqwest;
#[cfg(feature = "reqwest-middleware")]
mod reqwest_middleware;
#[cfg(feature = "tonic")]
mod tonic;
#[cfg(feature = "tower")]
mod tower;
#[cfg(feature = "ureq")]
mod ureq;

#[cfg(all(test, feature = "tower"))]
mod tests;

pub use attempt::Attempts;
pub(crate) use call::{ClientCall, Outgoing};
pub use ext::RequestExt;
pub(crate) use options::ClientOptions;
#[cfg(feature = "reqwest")]
pub use reqwest::{SendExt, redirect_policy};
#[cfg(feature = "reqwest-middleware")]
pub use reqwest_middleware::{CountAttempts, ReqwestTracing};
#[cfg(feature = "tower")]
pub use tower::{AttemptsLayer, ClientTracing, ClientTracingLayer, CountingAttempts, TracedCall};
#[cfg(feature = "ureq")]
pub use ureq::UreqTracing;
