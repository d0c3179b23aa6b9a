//! Folders of the spool: one for each process, held by a lock, readable by its owner alone.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::diag;
use crate::model::random_u64;

/// A folder whose lock this process holds.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// The lock goes when this is closed, also by a crash.
    _lock: File,
}

impl Folder {
    /// Makes a folder for this process under `root`.
    pub(super) fn create(root: &Path) -> io::Result<Self> {
        make_private(root)?;
        refuse_stranger(root)?;
        let path = root.join(format!("{}-{:016x}", std::process::id(), random_u64()));
        make_private(&path)?;
        let lock = open_lock(&path)?;
        match try_lock(&lock) {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(io::Error::other("somebody else holds the lock of a new folder")),
            Err(TryLockError::Error(error)) => {
                let _ = fs::remove_dir_all(&path);
                Err(error)
            }
        }
    }

    /// The folder of a process, if that process is gone and nobody else has taken it over.
    pub(super) fn of_the_dead(path: PathBuf) -> Option<Self> {
        let lock = open_lock(&path).ok()?;
        try_lock(&lock).ok()?;
        Some(Self { path, _lock: lock })
    }

    pub(super) fn is_there(&self) -> bool {
        self.path.join("lock").exists()
    }

    pub(super) fn segment(&self, number: u64) -> PathBuf {
        self.path.join(format!("{number:010}.seg"))
    }

    /// The segments in it with their sizes, oldest first.
    pub(super) fn segments(&self) -> Vec<(PathBuf, u64)> {
        segments(&self.path)
    }

    /// Removes the folder with its lock, and nothing else: files that are not ours keep it.
    pub(super) fn remove(&self) {
        let _ = super::segment::delete(&self.path.join("lock"));
        let _ = fs::remove_dir(&self.path);
    }
}

fn segments(path: &Path) -> Vec<(PathBuf, u64)> {
    files(path, &["seg"])
}

/// All that holds spans in the folder of a process: segments, and those that were moved aside because they are damaged.
pub(super) fn kept(path: &Path) -> Vec<PathBuf> {
    files(path, &["seg", "damaged"]).into_iter().map(|(path, _)| path).collect()
}

fn files(path: &Path, extensions: &[&str]) -> Vec<(PathBuf, u64)> {
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let mut found: Vec<(PathBuf, u64)> = entries
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|found| extensions.iter().any(|one| found == *one)))
        // A link is not followed: `metadata` of an entry is that of the link itself.
        .filter_map(|entry| entry.metadata().ok().filter(|meta| meta.is_file()).map(|meta| (entry.path(), meta.len())))
        .collect();
    found.sort();
    found
}

/// The folders under `root` that belong to no living process; those older than `max_age` are deleted instead.
pub(super) fn abandoned(root: &Path, max_age: Duration) -> Vec<Folder> {
    let Ok(entries) = fs::read_dir(root) else { return Vec::new() };
    if refuse_stranger(root).is_err() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for entry in entries.flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        // Held: its process lives, or another one is adopting it.
        let Some(folder) = Folder::of_the_dead(entry.path()) else { continue };
        if folder.segments().iter().all(|(path, _)| is_older(path, max_age)) {
            let old = folder.segments();
            if !old.is_empty() {
                diag::warn("spool-age", format_args!("spans on disk were too old to be delivered and are gone"));
            }
            for (path, _) in old {
                let _ = fs::remove_file(path);
            }
            folder.remove();
            continue;
        }
        found.push(folder);
    }
    found
}

pub(super) fn is_older(path: &Path, age: Duration) -> bool {
    let modified = fs::metadata(path).and_then(|meta| meta.modified());
    modified.is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|passed| passed > age))
}

fn try_lock(lock: &File) -> Result<(), TryLockError> {
    #[cfg(test)]
    crate::pipeline::failpoint::io("lock").map_err(TryLockError::Error)?;
    lock.try_lock()
}

fn open_lock(folder: &Path) -> io::Result<File> {
    let path = folder.join("lock");
    if fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_symlink()) {
        return Err(io::Error::other("the lock is a link"));
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn make_private(path: &Path) -> io::Result<()> {
    #[cfg(test)]
    crate::pipeline::failpoint::io("folder")?;
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// A folder that is a link, belongs to somebody else, or that others may write to is not one to keep traces in.
pub(super) fn refuse_stranger(path: &Path) -> io::Result<()> {
    let meta = fs::symlink_metadata(path)?;
    if !meta.is_dir() {
        return Err(io::Error::other("the spool's folder is a link or a file"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        // The owner of our own process's entry is who we are, without a system call of our own.
        let ours = fs::metadata("/proc/self").map(|own| own.uid());
        if ours.is_ok_and(|uid| uid != meta.uid()) {
            return Err(io::Error::other("the spool's folder belongs to another user"));
        }
        if meta.permissions().mode() & 0o022 != 0 {
            return Err(io::Error::other("others may write to the spool's folder"));
        }
    }
    Ok(())
}
