//! The parts that the example services share: the documents they search, the ranking, the answer, and how a service runs.
//!
//! Nothing here records a span. The services in `src/bin` do that with `#[log]`, so what they trace is ordinary code.

pub mod answer;
pub mod chat;
pub mod child;
pub mod console;
pub mod corpus;
#[cfg(feature = "microservices")]
pub mod lsa;
#[cfg(feature = "microservices")]
pub mod microservices;
pub mod question;
pub mod retrieval;
pub mod service;
#[cfg(feature = "microservices")]
pub mod vector;

/// An HTTP client for loopback and for chat endpoints, with the TLS provider that this workspace uses.
///
/// # Errors
///
/// When the platform's certificates cannot be set up.
pub fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    http_client_with(|builder| builder)
}

/// The same with settings of the caller's.
///
/// # Errors
///
/// When the platform's certificates cannot be set up.
pub fn http_client_with(
    settings: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
) -> Result<reqwest::Client, reqwest::Error> {
    // An error only says that the process has a provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    settings(reqwest::Client::builder()).build()
}

/// The code in the README is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
