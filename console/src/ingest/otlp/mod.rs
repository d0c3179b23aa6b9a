//! OTLP over HTTP: both encodings, and the attribute conventions of those who send language model traces.

pub(crate) mod attributes;
mod content;
mod json;
pub(crate) mod kind;
mod map;
pub(crate) mod proto;

pub(crate) use json::base64;
pub(crate) use map::{Headers, Mapped, Rejected, map};
