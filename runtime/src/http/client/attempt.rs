//! Which attempt of a request it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Counts the attempts of one request. Clones count together, so it survives a client that copies the request to try again.
#[derive(Debug, Clone, Default)]
pub struct Attempts(Arc<AtomicU32>);

impl Attempts {
    /// A count that begins.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of the attempt that begins now; the first is 1.
    #[must_use]
    pub fn next(&self) -> u32 {
        // Only the number itself matters.
        self.0.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }
}
