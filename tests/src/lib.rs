//! Fixtures that the tests of this package share.

pub mod backend;
pub mod collect;
pub mod tls;

/// A client for servers on this machine.
pub fn http_client() -> reqwest::Client {
    // An error only says that the process has a provider already.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap_or_else(|error| panic!("{error}"))
}
