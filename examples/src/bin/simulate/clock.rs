//! Processor time and memory, as Linux counts them.

use std::fs;
use std::io;

use rustix::time::{ClockId, clock_gettime};

/// Processor time of this thread so far, in nanoseconds.
pub(crate) fn thread_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    (time.tv_sec * 1_000_000_000 + time.tv_nsec).cast_unsigned()
}

/// Processor time of all threads whose name begins so, in nanoseconds.
pub(crate) fn time_of(name: &str) -> io::Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir("/proc/self/task")? {
        let folder = task?.path();
        // A thread that ended in between has no files any more.
        let Ok(called) = fs::read_to_string(folder.join("comm")) else { continue };
        if called.starts_with(name) {
            sum += fs::read_to_string(folder.join("schedstat")).and_then(|text| first_number(&text)).unwrap_or(0);
        }
    }
    Ok(sum)
}

/// The most memory that this process ever had, in MiB.
pub(crate) fn peak_memory_mib() -> io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    Ok(first_number(line.unwrap_or_default().trim())? / 1024)
}

fn first_number(text: &str) -> io::Result<u64> {
    let word = text.split_whitespace().next().and_then(|word| word.parse().ok());
    word.ok_or_else(|| io::Error::other("this kernel does not count processor time of threads"))
}
