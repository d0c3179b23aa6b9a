//! Headers in the metadata of gRPC requests, for calls without the client layer.

use super::RequestExt;
use crate::context::Context;
use crate::http::host::allowed_hosts;
use crate::propagation::Carrier;
use std::ops::ControlFlow;
use tonic::Request;
use tonic::metadata::MetadataMap;

impl Carrier for MetadataMap {
    fn each_line(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
        self.as_ref().each_line(name, visit);
    }
}

impl<T> RequestExt for Request<T> {
    /// As for other requests; a request does not say to which host it goes, so nothing is added when only some are allowed.
    fn with_tracing_headers(mut self) -> Self {
        if allowed_hosts().allows_all() {
            Context::running().inject(self.metadata_mut().as_mut());
        }
        self
    }
}
