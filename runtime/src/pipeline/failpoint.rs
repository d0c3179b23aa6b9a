//! For unit tests: makes a step of the worker panic.

use std::sync::{Mutex, PoisonError};

static ARMED: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());

/// The next time that the worker comes to this step it panics, once.
pub(crate) fn arm(step: &'static str) {
    ARMED.lock().unwrap_or_else(PoisonError::into_inner).push(step);
}

/// The worker is at this step.
pub(crate) fn hit(step: &str) {
    let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(at) = armed.iter().position(|known| *known == step) {
        armed.swap_remove(at);
        drop(armed);
        panic!("injected at `{step}`");
    }
}
