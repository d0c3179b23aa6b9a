//! The propagators that the process uses; the defaults until something else is installed.

use super::Propagators;
use super::langsmith::LANGSMITH_TRACE;
use once_cell::sync::Lazy;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

static INSTALLED: Lazy<RwLock<Arc<Propagators>>> = Lazy::new(RwLock::default);

/// Whether LangSmith's headers are written; asked by every span.
static WRITES_LANGSMITH: AtomicBool = AtomicBool::new(false);

/// Whether LangSmith's headers are written.
#[inline(always)]
pub(crate) fn writes_langsmith() -> bool {
    // Relaxed: a span that just misses the change has no ancestors in one header.
    WRITES_LANGSMITH.load(Ordering::Relaxed)
}

/// The propagators in use.
#[must_use]
pub fn installed() -> Arc<Propagators> {
    INSTALLED.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Uses `propagators` from now on, for everything that this process reads and writes. `init` calls this.
pub fn install(propagators: Propagators) {
    WRITES_LANGSMITH.store(propagators.fields().contains(&LANGSMITH_TRACE), Ordering::Relaxed);
    *INSTALLED.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(propagators);
}
