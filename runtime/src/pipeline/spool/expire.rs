//! What was left for destinations that nobody reports to any more goes when it is too old to be delivered.
//!
//! [`adopt`](super::Spool::adopt) does so for the destinations of this process; a folder of another one, such as that of a test's backend on
//! a free port, would stay for ever. Only folders named as ours are looked at, because `GALILEO_SPOOL_DIR` may hold other things.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::folder::{self, Folder};
use crate::config::{SpoolMode, SpoolSettings};
use crate::diag;

/// Deletes what is older than the settings allow, of any destination, unless a living process holds it.
pub(crate) fn expire(settings: &SpoolSettings) {
    let Some(root) = settings.folder.as_deref().filter(|_| settings.mode != SpoolMode::Off) else { return };
    let mut had_spans = false;
    for destination in folders(root, is_destination) {
        if folder::refuse_stranger(&destination).is_err() {
            continue;
        }
        // An old one goes when it is found empty; one that is emptied here has just been changed, and goes the next time.
        let was_old = folder::is_older(&destination, settings.max_age);
        for process in folders(&destination, is_process) {
            had_spans |= expire_one(&process, settings.max_age);
        }
        if was_old {
            let _ = fs::remove_dir(&destination);
        }
    }
    if had_spans {
        diag::warn("spool-age", format_args!("spans on disk were too old to be delivered and are gone"));
    }
}

/// Whether there were spans in the folder, and all were too old.
fn expire_one(process: &Path, max_age: Duration) -> bool {
    let is_old = |kept: &[PathBuf]| kept.iter().all(|path| folder::is_older(path, max_age));
    let kept = folder::kept(process);
    // An empty one may have been made just now, by a process that is about to lock it.
    if !is_old(&kept) || (kept.is_empty() && !folder::is_older(process, max_age)) {
        return false;
    }
    // Locked only now: for as long as it is, nobody else can adopt it.
    let Some(held) = Folder::of_the_dead(process.to_owned()) else { return false };
    let kept = folder::kept(process);
    if !is_old(&kept) {
        return false;
    }
    for path in &kept {
        let _ = fs::remove_file(path);
    }
    held.remove();
    !kept.is_empty()
}

fn folders(root: &Path, is_ours: fn(&str) -> bool) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root) else { return Vec::new() };
    let folders = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.filter(|entry| entry.file_name().to_str().is_some_and(is_ours)).map(|entry| entry.path()).collect()
}

/// As [`name`](super::name) makes them.
fn is_destination(name: &str) -> bool {
    name.rsplit_once('-').is_some_and(|(exporter, hash)| !exporter.is_empty() && is_hex(hash, 8))
}

/// As [`Folder::create`] makes them.
fn is_process(name: &str) -> bool {
    name.split_once('-').is_some_and(|(id, random)| id.parse::<u32>().is_ok() && is_hex(random, 16))
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
