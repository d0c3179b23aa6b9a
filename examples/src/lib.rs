//! The parts that the example services share: the documents they search, the ranking, and the answer.
//!
//! Nothing here records a span. The services in `src/bin` do that with `#[log]`, so what they trace is ordinary code.

pub mod answer;
pub mod chat;
pub mod corpus;
#[cfg(feature = "microservices")]
pub mod lsa;
pub mod retrieval;
#[cfg(feature = "microservices")]
pub mod vector;

/// An HTTP client for loopback and for chat endpoints, with the TLS provider that this workspace uses.
///
/// # Errors
///
/// When the platform's certificates cannot be set up.
pub fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    // An error only says that the process has a provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().build()
}
