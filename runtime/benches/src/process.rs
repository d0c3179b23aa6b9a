//! What this process has used.

use rustix::time::{ClockId, clock_gettime};

/// Processor time of all threads so far, in nanoseconds.
pub fn all_threads() -> f64 {
    read(ClockId::ProcessCPUTime)
}

/// Processor time of the calling thread so far, in nanoseconds: what others do with the machine does not count.
pub fn this_thread() -> f64 {
    read(ClockId::ThreadCPUTime)
}

fn read(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// Memory in use, in KiB: now, and at most since the start.
pub fn memory() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    };
    (field("VmRSS:"), field("VmHWM:"))
}

/// The clock that all processes of this machine share, in nanoseconds.
pub fn monotonic() -> u64 {
    read(ClockId::Monotonic) as u64
}
