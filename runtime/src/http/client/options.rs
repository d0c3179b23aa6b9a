//! What a client does with its requests, and how its user says so.

use crate::http::host::AllowedHosts;
use http::uri::Authority;
use std::sync::Arc;

/// What a client does with its requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClientOptions {
    /// Whether each request has a span.
    pub(crate) span: bool,
    /// The client's own list; without one the process's.
    pub(crate) hosts: Option<Arc<AllowedHosts>>,
    /// The host of every request, for clients whose requests do not say it.
    pub(crate) authority: Option<Authority>,
}

/// The part of a client's face that is the same for all of them, for a type with a field `options`.
#[cfg(any(feature = "tower", feature = "reqwest-middleware", feature = "ureq"))]
macro_rules! client_options {
    ($client:ident) => {
        impl Default for $client {
            fn default() -> Self {
                Self::new()
            }
        }

        impl $client {
            /// Spans and headers for every request.
            #[must_use]
            pub fn new() -> Self {
                let options = crate::http::client::ClientOptions { span: true, ..Default::default() };
                Self { options }
            }

            /// Headers only: what the other service does lies directly under the running span.
            #[must_use]
            pub fn without_span(mut self) -> Self {
                self.options.span = false;
                self
            }

            /// Headers only to these hosts; wins over the list of the process.
            #[must_use]
            pub fn allowed_hosts(mut self, hosts: crate::http::host::AllowedHosts) -> Self {
                self.options.hosts = Some(std::sync::Arc::new(hosts));
                self
            }
        }
    };
}
