//! OpenTelemetry's protocol: spans as OTLP over HTTP, to any backend that speaks it.

mod attribute;
mod encode;
pub(crate) mod map;
mod protocol;
#[cfg(test)]
mod tests;
mod typed;
pub(crate) mod wire;

use self::protocol::Otlp;
use super::batch::{BatchLimits, Batches};
use super::transport::Transport;
use crate::config::{OtlpSettings, ServiceSettings};
use crate::error::InitError;
use crate::pipeline::spool::Spool;
use std::sync::Arc;

/// The destination that sends OTLP.
///
/// # Errors
///
/// When the system's certificates cannot be read.
pub(crate) fn destination(
    settings: &OtlpSettings,
    service: &Arc<ServiceSettings>,
    limits: BatchLimits,
    spool: Option<Spool>,
) -> Result<Batches<Otlp>, InitError> {
    let transport = Transport::new(&settings.url)?;
    Ok(Batches::new("otlp", Otlp::new(settings, service), transport, service.clone(), limits, spool))
}
