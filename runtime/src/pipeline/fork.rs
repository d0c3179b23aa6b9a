//! A process that was forked has all of this module's memory and none of its threads: its spans need other ids and a worker of their own.
//!
//! The system calls [`in_child`] in the child, which may do next to nothing there: other threads are gone with whatever they had locked.
//! It makes sure that the first span of the child comes by [`restart_if_forked`], which does the rest.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Once, OnceLock};

use super::{global, os};
use crate::diag;
use crate::model::reseed_ids;

static FORKED: AtomicBool = AtomicBool::new(false);
static RESTART: OnceLock<fn()> = OnceLock::new();
static WATCHING: Once = Once::new();

/// From now on `restart` is called in a child before it records its first span.
pub(crate) fn watch(restart: fn()) {
    let _ = RESTART.set(restart);
    WATCHING.call_once(|| {
        if !os::on_fork(in_child) {
            diag::warn("no-fork", format_args!("a forked child would not be noticed: do not fork after `init`"));
        }
    });
}

extern "C" fn in_child() {
    reseed_ids();
    FORKED.store(true, Ordering::Relaxed);
    global::leave_hot_path();
}

/// In a child that has not recorded anything yet, starts what its parent has.
pub(crate) fn restart_if_forked() {
    if FORKED.load(Ordering::Relaxed)
        && FORKED.swap(false, Ordering::Relaxed)
        && let Some(restart) = RESTART.get()
    {
        restart();
    }
}
