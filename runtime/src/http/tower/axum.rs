//! What only axum knows: the matched route, and extraction in a handler's arguments.

use crate::http::RequestContext;
use axum::extract::{FromRequestParts, MatchedPath};
use http::request::Parts;
use std::convert::Infallible;

pub(super) fn matched_route(parts: &Parts) -> Option<String> {
    parts.extensions.get::<MatchedPath>().map(|path| path.as_str().to_owned())
}

impl<S: Sync> FromRequestParts<S> for RequestContext {
    type Rejection = Infallible;

    /// The request's context; without the layer, what its headers say.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let known = parts.extensions.get::<Self>().cloned();
        Ok(known.unwrap_or_else(|| Self(crate::context::Context::extract(&parts.headers))))
    }
}
