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
    // A program that was told to ignore a signal (`nohup`, a shell's background job) goes on ignoring it.
    let ignored = std::fs::read_to_string("/proc/self/status").map(|status| ignored(&status)).unwrap_or(0);
    let wanted = [SIGTERM, SIGINT].into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0);
    let watching = Signals::new(wanted).and_then(|mut signals| {
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

/// The signals that are ignored, a bit each, as Linux tells; on other systems nothing is known of them.
fn ignored(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
