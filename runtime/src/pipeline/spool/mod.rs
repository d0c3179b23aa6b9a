//! Spans on disk (design decision D11): what cannot be delivered now is kept for later, or for the next process.
//!
//! ```text
//! <spool>/<destination>/<process>/lock         held while the process lives
//! <spool>/<destination>/<process>/<n>.seg      segments, oldest first
//! <spool>/journal/<process>/..                 with `GALILEO_SPOOL=always`: see `journal`
//! ```
//!
//! The name of the destination's folder stands for its address and project, so that spans are delivered where they were recorded for.
//! A folder whose lock is free belongs to nobody any more; whoever takes the lock adopts what is in it. A segment is deleted when the
//! fate of all of its records is decided: a crash in between delivers some of them twice, and loses none.
//!
//! Invariant: no record ever holds a key or a token; exporters add those.

#[cfg(test)]
mod crash_tests;
mod expire;
mod folder;
mod journal;
#[cfg(test)]
mod journal_tests;
mod recover;
mod segment;
mod shelf;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use self::expire::expire;
pub(crate) use self::journal::{Journal, Keeper};
pub(crate) use self::recover::recover;
pub(crate) use self::shelf::{Label, Shelf};

use self::folder::Folder;
use self::segment::Segment;
use super::os;
use crate::config::{ServiceSettings, SpoolMode, SpoolSettings};
use crate::diag;

/// A segment is closed when it has grown to this, or to what can be read back at once without filling the memory.
const SEGMENT: u64 = 1 << 20;
/// Of a disk one part in so many stays free, whatever the spool may take.
const KEPT_FREE: u64 = 20;

/// The name of a destination's folder. `destination` is anything that tells destinations apart.
pub(crate) fn name(exporter: &str, destination: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let exporter: String = exporter.chars().take(40).map(plain).collect();
    format!("{exporter}-{:08x}", crc32fast::hash(destination.as_bytes()))
}

/// What names a service on the first span of a trace, for a reader who has no other way to know.
pub(crate) fn facts(service: &ServiceSettings) -> impl Iterator<Item = (&'static str, &str)> {
    let optional = [
        ("service.version", service.version.as_deref()),
        ("deployment.environment", service.environment.as_deref()),
        ("host.name", service.host.as_deref()),
    ];
    let optional = optional.into_iter().filter_map(|(key, value)| Some((key, value?)));
    std::iter::once(("service.name", service.name.as_str())).chain(optional)
}

/// Whether the disk has room for more, where that can be known. `path` may not be there yet.
fn has_room(path: &Path) -> bool {
    let there = path.ancestors().find(|folder| folder.exists());
    there.and_then(os::disk_space).is_none_or(|(free, all)| free >= all / KEPT_FREE)
}

/// The spool of one destination in this process.
#[derive(Debug)]
pub(crate) struct Spool {
    root: PathBuf,
    max_bytes: u64,
    max_age: Duration,
    segment_bytes: u64,
    /// Made at the first need: a program whose backend is well leaves nothing on the disk.
    folder: Option<Folder>,
    /// Folders of processes that are gone; kept open, because the lock goes with them.
    adopted: Vec<Folder>,
    writing: Option<Segment>,
    next: u64,
    closed: VecDeque<Closed>,
    bytes: u64,
    /// It was said that the disk does not take any more.
    full: bool,
    /// Whether the disk has room for another segment.
    has_room: fn(&Path) -> bool,
}

/// A segment that is no longer written to.
#[derive(Debug, Clone)]
struct Closed {
    path: PathBuf,
    bytes: u64,
    /// How many were written, as far as this process wrote them.
    records: u64,
    /// From another process: its records have not been counted here yet.
    foreign: bool,
}

/// A segment that was read back.
#[derive(Debug)]
pub(crate) struct Batch {
    path: PathBuf,
    bytes: u64,
    pub(crate) records: Vec<Vec<u8>>,
    /// Places that could not be read.
    damaged: u64,
    /// Records of this process that are gone with them.
    pub(crate) lost: u64,
    /// Its records come from a process that is gone.
    pub(crate) foreign: bool,
}

impl Spool {
    /// The spool for a destination by its [`name`], or `None` when the settings have none.
    pub(crate) fn in_folder(settings: &SpoolSettings, name: &str) -> Option<Self> {
        if settings.mode == SpoolMode::Off {
            return None;
        }
        let Some(root) = &settings.folder else {
            diag::warn(
                "spool-homeless",
                format_args!(
                    "there is no home folder, so spans are not kept on disk (GALILEO_SPOOL_DIR names another place)"
                ),
            );
            return None;
        };
        Some(Self {
            root: root.join(name),
            has_room,
            max_bytes: settings.max_bytes,
            max_age: settings.max_age,
            segment_bytes: SEGMENT,
            folder: None,
            adopted: Vec::new(),
            writing: None,
            next: 1,
            closed: VecDeque::new(),
            bytes: 0,
            full: false,
        })
    }

    /// The same spool with segments that fit into a part of so much memory.
    #[must_use]
    pub(crate) fn within(mut self, memory: usize) -> Self {
        self.segment_bytes = SEGMENT.min(memory as u64 / 16).max(4096);
        self
    }

    /// Takes over what processes that are gone have left for this destination.
    pub(crate) fn adopt(&mut self) {
        for folder in folder::abandoned(&self.root, self.max_age) {
            let mut segments = folder.segments();
            if segments.is_empty() {
                folder.remove();
                continue;
            }
            diag::info("spool-adopted", format_args!("taking over spans that an earlier process left on disk"));
            self.bytes += segments.iter().map(|(_, bytes)| bytes).sum::<u64>();
            self.closed.extend(segments.drain(..).map(|(path, bytes)| Closed {
                path,
                bytes,
                records: 0,
                foreign: true,
            }));
            self.adopted.push(folder);
        }
    }

    /// Writes a record; `false` when the disk, or the spool's share of it, is full.
    pub(crate) fn append(&mut self, record: &[u8]) -> bool {
        if self.bytes + record.len() as u64 > self.max_bytes {
            self.tell_full("its share of the disk is used up");
            return false;
        }
        match self.try_append(record) {
            Ok(written) => {
                self.bytes += written;
                self.full = false;
                true
            }
            Err(error) => {
                self.tell_full(&error.to_string());
                // Whatever is wrong with this file, the next attempt begins another one.
                self.close();
                false
            }
        }
    }

    fn tell_full(&mut self, reason: &str) {
        if !std::mem::replace(&mut self.full, true) {
            diag::warn("spool-full", format_args!("spans cannot be written to {}: {reason}", self.root.display()));
        }
    }

    fn try_append(&mut self, record: &[u8]) -> io::Result<u64> {
        if self.writing.as_ref().is_some_and(|segment| segment.length() >= self.segment_bytes) {
            self.close();
        }
        if self.writing.is_none() {
            let folder = match &self.folder {
                Some(folder) if folder.is_there() => folder,
                _ => self.folder.insert(Folder::create(&self.root)?),
            };
            if !(self.has_room)(&self.root) {
                return Err(io::Error::other("less than 5 % of the disk is free"));
            }
            self.writing = Some(Segment::create(&folder.segment(self.next))?);
            self.next += 1;
        }
        let Some(segment) = self.writing.as_mut() else { return Err(io::Error::other("no segment")) };
        let before = segment.length();
        segment.append(record)?;
        Ok(segment.length() - before)
    }

    fn close(&mut self) {
        if let Some(segment) = self.writing.take() {
            // It outlives a crash of the process as it is; this is for a crash of the machine, as far as that can be had for free.
            let _ = segment.sync();
            if segment.records > 0 {
                let (bytes, records) = (segment.length(), segment.records);
                self.closed.push_back(Closed { path: segment.path().to_owned(), bytes, records, foreign: false });
            } else {
                let _ = std::fs::remove_file(segment.path());
            }
        }
    }

    /// Whether anything is on the disk.
    pub(crate) fn is_empty(&self) -> bool {
        self.closed.is_empty() && self.writing.as_ref().is_none_or(|segment| segment.records == 0)
    }

    /// Whether any process has left anything, or is about to.
    pub(crate) fn has_folders(&self) -> bool {
        std::fs::read_dir(&self.root).is_ok_and(|mut entries| entries.next().is_some())
    }

    /// Reads the oldest segment back. It stays on the disk until [`finish`](Self::finish).
    pub(crate) fn next_batch(&mut self) -> Option<Batch> {
        if self.closed.is_empty() {
            self.close();
        }
        let closed = self.closed.pop_front()?;
        let contents = segment::read(&closed.path).unwrap_or_else(|error| {
            diag::warn("spool-unreadable", format_args!("spans on disk cannot be read: {error}"));
            segment::Contents { payloads: Vec::new(), damaged: 1 }
        });
        let lost = closed.records.saturating_sub(contents.payloads.len() as u64);
        if contents.damaged > 0 {
            diag::warn(
                "spool-damaged",
                format_args!("a file of the spool is damaged; what is whole in it is delivered"),
            );
        }
        Some(Batch {
            path: closed.path,
            bytes: closed.bytes,
            records: contents.payloads,
            damaged: contents.damaged,
            lost,
            foreign: closed.foreign,
        })
    }

    /// The fate of every record of a batch is decided. A damaged segment is moved aside instead of being deleted.
    pub(crate) fn finish(&mut self, batch: &Batch) {
        self.bytes = self.bytes.saturating_sub(batch.bytes);
        let gone = if batch.damaged > 0 {
            std::fs::rename(&batch.path, batch.path.with_extension("damaged"))
        } else {
            segment::delete(&batch.path)
        };
        if let Err(error) = gone
            && error.kind() != io::ErrorKind::NotFound
        {
            diag::warn("spool-delete", format_args!("delivered spans stay on disk and may be sent again: {error}"));
        }
        self.adopted.retain(|folder| {
            let empty = folder.segments().is_empty();
            if empty {
                folder.remove();
            }
            !empty
        });
    }

    /// A batch that was not finished goes back, to be read again.
    pub(crate) fn give_back(&mut self, batch: Batch) {
        let records = batch.records.len() as u64;
        self.closed.push_front(Closed { path: batch.path, bytes: batch.bytes, records, foreign: batch.foreign });
    }

    /// Ends the use of the spool; an empty folder is removed.
    pub(crate) fn shut_down(&mut self) {
        self.close();
        if let Some(folder) = &self.folder
            && folder.segments().is_empty()
        {
            folder.remove();
        }
    }

    /// The folder of this destination.
    #[cfg(test)]
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }
}
