//! From a span on the caller's thread to an exporter: the bounded hand-off, the worker and what it needs.
//!
//! Invariant: nothing in here runs user code but exporters, on the worker; and nothing a caller does in here waits for anything but its own
//! thread's buffer, the disk of `GALILEO_SPOOL=always` aside.

pub(crate) mod callsite;
mod chunk;
pub(crate) mod combine;
pub(crate) mod destination;
pub(crate) mod exporter;
#[cfg(test)]
pub(crate) mod failpoint;
pub(crate) mod flush;
pub(crate) mod fork;
pub(crate) mod gate;
pub(crate) mod global;
pub(crate) mod hook;
mod os;
pub(crate) mod queue;
pub(crate) mod record;
#[cfg(test)]
pub(crate) mod recorded;
pub(crate) mod redact;
pub(crate) mod retry;
pub(crate) mod spool;
pub(crate) mod stats;
pub(crate) mod store;
#[cfg(feature = "testing")]
pub(crate) mod watch;
pub(crate) mod whole;
pub(crate) mod worker;
