//! actix's header map as a carrier, and the context of a request.

use crate::context::Context;
use crate::http::RequestContext;
use crate::propagation::Carrier;
use actix_web::http::header::HeaderMap;
use actix_web::{HttpMessage, HttpRequest};
use std::ops::ControlFlow;

impl Carrier for HeaderMap {
    fn each_line(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
        for value in self.get_all(name) {
            if visit(value.as_bytes()).is_break() {
                return;
            }
        }
    }
}

/// The context of a request; without the middleware, what its headers say. In a handler it is also the current context.
#[must_use]
pub fn request_context(request: &HttpRequest) -> Context {
    let known = request.extensions().get::<RequestContext>().cloned();
    known.map_or_else(|| Context::extract(request.headers()), |RequestContext(context)| context)
}
