//! What only the operating system can tell: how full a disk is, and that this process is the child of a fork.
//!
//! Two calls into the C library, each behind a safe function; decision record 5 says why they earn the exception. Elsewhere than on Unix
//! the answers are "unknown" and "never".

#![cfg_attr(unix, allow(unsafe_code))]

use std::path::Path;

/// The bytes that are free for this user on the disk that holds `path`, and the size of the disk.
#[cfg(unix)]
pub(crate) fn disk_space(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(path.as_os_str().as_bytes()).ok()?;
    let mut answer = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: `path` is a string with its end and `answer` has room for what the call writes; both live until it returns, and it keeps
    // neither.
    let failed = unsafe { libc::statvfs(path.as_ptr(), answer.as_mut_ptr()) } != 0;
    if failed {
        return None;
    }
    // SAFETY: the call succeeded, so it has filled the whole structure.
    let answer = unsafe { answer.assume_init() };
    #[allow(clippy::unnecessary_cast, reason = "the width of these differs between systems")]
    let (block, free, all) = (answer.f_frsize as u64, answer.f_bavail as u64, answer.f_blocks as u64);
    Some((free.saturating_mul(block), all.saturating_mul(block)))
}

#[cfg(not(unix))]
pub(crate) fn disk_space(_: &Path) -> Option<(u64, u64)> {
    None
}

/// Has `child` called in every child of a fork, before the fork returns there. `child` may do nothing but store to atomics and to cells of
/// its thread: other threads are gone, whatever they held. Says whether the system agreed.
#[cfg(unix)]
pub(crate) fn on_fork(child: extern "C" fn()) -> bool {
    // SAFETY: `child` is a function of this program, which is there as long as the process; the two other handlers may be absent. A library
    // that is unloaded takes its handlers with it (they are registered under its own handle).
    unsafe { libc::pthread_atfork(None, None, Some(child)) == 0 }
}

#[cfg(not(unix))]
pub(crate) fn on_fork(_: extern "C" fn()) -> bool {
    true
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_disk_has_a_size_and_no_more_free_than_that() {
        let (free, all) = disk_space(&std::env::temp_dir()).expect("there is a disk");
        assert!(all > 0 && free <= all, "{free} of {all}");
        assert_eq!(disk_space(Path::new("/nowhere/at/all")), None);
        assert_eq!(disk_space(Path::new("nul\0inside")), None);
    }
}
