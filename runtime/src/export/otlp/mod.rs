//! OpenTelemetry's protocol: spans as OTLP over HTTP, to any backend that speaks it.

mod attribute;
pub(crate) mod map;
#[cfg(test)]
mod tests;
mod typed;
pub(crate) mod wire;
