//! LangSmith's run protocol: each span is a run, sent whole.
//!
//! LangSmith calls the root run's id the trace. A span of ours has an id of its own, so a trace that began with us gets a run for
//! itself, with the trace's id, above its first span; headers name the runs in the same way.

mod map;
mod order;
mod protocol;
mod wire;

use self::protocol::LangSmith;
use super::batch::{BatchLimits, Batches};
use super::transport::Transport;
use crate::config::{LangSmithSettings, ServiceSettings};
use crate::error::InitError;
use crate::pipeline::spool::Spool;
use std::sync::Arc;

/// The destination that sends runs.
///
/// # Errors
///
/// When the system's certificates cannot be read.
pub(crate) fn destination(
    settings: &LangSmithSettings,
    service: &Arc<ServiceSettings>,
    limits: BatchLimits,
    spool: Option<Spool>,
) -> Result<Batches<LangSmith>, InitError> {
    let transport = Transport::new(&settings.url)?;
    Ok(Batches::new("langsmith", LangSmith::new(settings, limits.body), transport, service.clone(), limits, spool))
}
