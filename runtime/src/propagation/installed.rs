//! The propagators that the process uses; the defaults until something else is installed.

use super::Propagators;
use once_cell::sync::Lazy;
use std::sync::{Arc, PoisonError, RwLock};

static INSTALLED: Lazy<RwLock<Arc<Propagators>>> = Lazy::new(RwLock::default);

/// The propagators in use.
#[must_use]
pub fn installed() -> Arc<Propagators> {
    INSTALLED.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Uses `propagators` from now on, for everything that this process reads and writes. `init` calls this.
pub fn install(propagators: Propagators) {
    *INSTALLED.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(propagators);
}
