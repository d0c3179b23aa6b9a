//! What a process that was killed has left in its journal becomes spans in the spools of the destinations that it had.
//!
//! A span whose end was never written ends as cancelled at the last moment that the journal knows of. The journal is deleted when everything
//! in it has been written: a crash in between leaves spans twice, and loses none.

use std::collections::HashSet;
use std::time::Duration;

use super::folder::Folder;
use super::journal::{self, DESTINATIONS, DONE};
use super::{Label, Spool, segment};
use crate::config::SpoolSettings;
use crate::diag;
use crate::pipeline::record;
use crate::pipeline::store::{Changes, Key, Store};

/// Takes over the journals of processes that are gone; says how many spans were in them.
pub(crate) fn recover(settings: &SpoolSettings) -> u64 {
    let mut spans = 0;
    for folder in journal::abandoned(settings) {
        match recover_one(settings, &folder) {
            Some(found) => {
                for (path, _) in folder.segments() {
                    let _ = segment::delete(&path);
                }
                folder.remove();
                spans += found;
            }
            None => diag::warn(
                "journal-kept",
                format_args!("what a crashed process left on disk cannot be taken over now; it stays where it is"),
            ),
        }
    }
    if spans > 0 {
        diag::info("journal-recovered", format_args!("{spans} spans of a process that was killed will be delivered"));
    }
    spans
}

/// The spans of one journal; `None` when they could not all be written.
fn recover_one(settings: &SpoolSettings, folder: &Folder) -> Option<u64> {
    let mut done: HashSet<[u8; 16]> = HashSet::new();
    let mut destinations: Vec<String> = Vec::new();
    let mut damaged = 0;
    for (path, _) in folder.segments() {
        let contents = segment::read(&path).unwrap_or_default();
        damaged += contents.damaged;
        for payload in &contents.payloads {
            match payload.split_first() {
                Some((&DONE, ids)) => done.extend(ids.as_chunks::<16>().0),
                Some((&DESTINATIONS, names)) => {
                    for name in String::from_utf8_lossy(names).lines().filter(|name| is_plain(name)) {
                        if !destinations.iter().any(|known| known == name) {
                            destinations.push(name.to_owned());
                        }
                    }
                }
                _ => {}
            }
        }
    }
    if damaged > 1 {
        // One is the end of the last segment, where the process was killed.
        diag::warn("journal-damaged", format_args!("a file of the spool is damaged; what is whole in it is delivered"));
    }
    let mut store = Store::new(1, 0);
    let mut changes = Changes::default();
    let mut last = 0;
    for (path, _) in folder.segments() {
        for payload in segment::read(&path).unwrap_or_default().payloads {
            let Some((record, _)) = record::decode(&payload) else { continue };
            last = last.max(record.header.time);
            if !done.contains(&record.header.span.to_bytes()) {
                store.take(&record, 0, Duration::ZERO, &mut changes);
            }
        }
    }
    store.settle(&mut changes);
    store.settle(&mut changes);
    store.end_all(last, Duration::ZERO, &mut changes);
    let mut spans: Vec<(u64, Key)> = changes.started.iter().map(|&key| (store.span(key).started_at, key)).collect();
    spans.sort_unstable();
    let mut record = Vec::new();
    let label = Label { flags: record::StartFlags::SPOOLED, ..Label::default() };
    for name in &destinations {
        let mut spool = Spool::in_folder(settings, name)?;
        for &(_, key) in &spans {
            record.clear();
            store.span(key).write_records(&mut record, &label, &[]);
            if !spool.append(&record) {
                return None;
            }
        }
        spool.shut_down();
    }
    Some(spans.len() as u64)
}

/// A name of ours: nothing that leads out of the spool.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}
