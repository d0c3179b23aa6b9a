//! What the SDK is doing, as plain data.

use crate::config::Mode;
use crate::pipeline::stats::{Account, Counters};
use crate::propagation::RejectedHeaders;
use std::sync::atomic::Ordering;

/// What the SDK is doing right now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// Whether spans are recorded.
    pub recording: bool,
    /// When they are sent; `None` when nothing was started.
    pub mode: Option<Mode>,
    /// The name of this process in traces.
    pub service_name: String,
    /// Spans that lost a part of what was captured, because memory was short.
    pub cut_spans: u64,
    /// Each exporter.
    pub exporters: Vec<ExporterStatus>,
    /// Spans that kept their end but lost a captured value, because the memory for waiting records was used up.
    pub values_cut: u64,
    /// How often the SDK's worker had to begin again after a panic.
    pub worker_restarts: u64,
    /// With [`SpoolMode::Always`](crate::config::SpoolMode::Always): records that could not be written to disk, because it was full or
    /// failed. They are in memory, and a crash would lose them.
    pub unwritten_records: u64,
    /// Headers of requests that were refused since the process began, by header and reason.
    pub rejected_headers: RejectedHeaders,
}

/// How one exporter is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExporterStatus {
    /// Its books.
    pub account: Account,
    /// Requests, or batches, that were sent.
    pub requests: u64,
    /// Those of them that failed or were refused.
    pub failures: u64,
}

impl ExporterStatus {
    pub(crate) fn of(counters: &Counters, account: Account) -> Self {
        Self {
            account,
            requests: counters.requests.load(Ordering::Relaxed),
            failures: counters.failures.load(Ordering::Relaxed),
        }
    }
}
