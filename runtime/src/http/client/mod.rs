//! Requests that go out: headers, and a span when one is asked for.

mod attempt;
mod call;
mod ext;
#[cfg(feature = "reqwest")]
mod reqwest;
#[cfg(feature = "tower")]
mod tower;

#[cfg(all(test, feature = "tower"))]
mod tests;

pub use attempt::Attempts;
pub(crate) use call::{ClientCall, ClientOptions, Outgoing};
pub use ext::RequestExt;
#[cfg(feature = "reqwest")]
pub use reqwest::SendExt;
#[cfg(feature = "tower")]
pub use tower::{AttemptsLayer, ClientTracing, ClientTracingLayer, CountingAttempts, TracedCall};
