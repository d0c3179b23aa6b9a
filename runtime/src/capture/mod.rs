//! How the values of the traced program become bytes.
//!
//! A value is looked at by reference, once, while the span opens or closes, and is written straight into the span's record: text raw,
//! numbers as numbers, everything that implements `Serialize` as JSON, else as `Debug` text, else as the name of its type. The limit
//! holds while a value is being written, so a value of 100 MB costs no more than one of 64 KiB.
//!
//! Invariant: user code that runs in here (`Serialize`, `Debug`, `Display`) may fail or panic; the caller never notices.

mod compound;
mod cut;
mod error;
mod escape;
mod json;
mod key;
mod probe;
mod secret;
#[cfg(test)]
mod tests;
mod text;
mod value;

pub use probe::{ErrorProbe, Probe};
pub use value::Value;

pub(crate) use cut::prefix;
pub(crate) use escape::escape;
pub(crate) use json::write_json;
pub(crate) use secret::is_secret_name;

use std::sync::atomic::{AtomicUsize, Ordering};

/// What stands in the place of a value whose name looks like a secret.
pub(crate) const REDACTED: &str = "[redacted]";

/// The default for [`limit`].
pub(crate) const DEFAULT_LIMIT: usize = 64 * 1024;

static LIMIT: AtomicUsize = AtomicUsize::new(DEFAULT_LIMIT);

/// How many bytes of one value are kept. A cut value is a little longer than this, by its marker and its closing brackets.
pub(crate) fn limit() -> usize {
    // Relaxed: the limit is set by `init` before the pipeline is installed, and a span that just misses it is none the worse.
    LIMIT.load(Ordering::Relaxed)
}

/// Sets how many bytes of one value are kept.
pub(crate) fn set_limit(bytes: usize) {
    LIMIT.store(bytes.clamp(64, 1 << 30), Ordering::Relaxed);
}
