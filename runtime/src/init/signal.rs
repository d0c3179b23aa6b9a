//! Delivery before SIGTERM or SIGINT ends the process, for programs that ask for it and have no handler of their own.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::guard;
use crate::diag;

/// How long the end may take; `None` until the handler is there, which stays for the life of the process.
static TIMEOUT: Mutex<Option<Duration>> = Mutex::new(None);

/// From now on the first SIGTERM or SIGINT delivers what is recorded, within `timeout`, and then does what it does without us.
pub(super) fn watch(timeout: Duration) {
    let mut known = TIMEOUT.lock().unwrap_or_else(PoisonError::into_inner);
    if known.replace(timeout).is_some() {
        return;
    }
    let watching = Signals::new([SIGTERM, SIGINT]).and_then(|mut signals| {
        std::thread::Builder::new().name("galileo-signal".to_owned()).spawn(move || {
            for signal in signals.forever() {
                let timeout = *TIMEOUT.lock().unwrap_or_else(PoisonError::into_inner);
                guard::end_now(timeout.unwrap_or_default());
                // Ends the process by the same signal, so that its parent sees what it would have seen.
                let _ = emulate_default_handler(signal);
            }
        })
    });
    if let Err(error) = watching {
        *known = None;
        diag::warn("no-signals", format_args!("SIGTERM and SIGINT will not wait for delivery: {error}"));
    }
}
