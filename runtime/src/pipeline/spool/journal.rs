//! What `GALILEO_SPOOL=always` adds: every record is on disk before the call that made it returns, so that a process which is killed
//! leaves nothing behind that only it knew.
//!
//! ```text
//! <spool>/journal/<process>/lock      held while the process lives
//! <spool>/journal/<process>/<n>.seg   a list of destinations, then STARTs, NOTEs, ENDs, and the ids of spans that are done
//! ```
//!
//! Callers append; the worker says which spans are done and deletes a segment when all in it are. Delivery does not read any of it: only
//! the next process does ([`recover`](super::recover)), once this one is gone without having shut down.
//!
//! Invariant: a record is written before it is handed to the worker, and only the oldest segment is ever deleted. So the mark that a span
//! is done never stands before one of its records, and no END is deleted before its START.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::folder::{self, Folder};
use super::has_room;
use super::segment::{self, Segment};
use crate::config::{ServiceSettings, SpoolMode, SpoolSettings};
use crate::diag;
use crate::model::{Field, Parts, SpanId, clock, scratch};
use crate::pipeline::callsite;
use crate::pipeline::record::{self, Header, Kind, StartFlags};
use crate::pipeline::redact::Redaction;
use crate::pipeline::store::IdMap;

/// The name of the folder beside those of the destinations.
pub(super) const FOLDER: &str = "journal";
/// The first byte of a payload that is no record: ids of spans that are done.
pub(super) const DONE: u8 = 0xd0;
/// The same: the folders of the destinations, one a line.
pub(super) const DESTINATIONS: u8 = 0xd1;
/// A segment is closed when it has grown to this.
const SEGMENT: u64 = 1 << 20;
/// This much more than twice what is in memory, and the oldest segment is written anew without what is done.
const SLACK: u64 = 8 * SEGMENT;

/// The journal of this process, shared by all threads that record and the worker.
pub(crate) struct Journal {
    writing: Mutex<Writing>,
    /// The names of the destinations' folders, as they stand in each segment.
    destinations: Vec<u8>,
    /// What names this service on the first span of a trace, as parts.
    facts: Vec<(&'static str, String)>,
    redaction: Option<Redaction>,
    /// Spans that were refused after they had been written, which the worker will not hear of otherwise.
    refused: Mutex<Vec<SpanId>>,
    closed: AtomicBool,
    /// Records that could not be written.
    unwritten: AtomicU64,
}

struct Writing {
    root: PathBuf,
    folder: Option<Folder>,
    segment: Option<Segment>,
    /// The spans of the records in it.
    spans: Vec<SpanId>,
    sealed: Vec<Sealed>,
    next: u64,
    bytes: u64,
    max_bytes: u64,
    segment_bytes: u64,
    failing: bool,
}

/// A segment that is no longer written to.
struct Sealed {
    path: PathBuf,
    bytes: u64,
    spans: Vec<SpanId>,
}

impl Journal {
    /// The journal that the settings ask for.
    pub(crate) fn new(
        settings: &SpoolSettings,
        destinations: &[String],
        service: &ServiceSettings,
        redaction: Option<Redaction>,
    ) -> Option<Self> {
        if settings.mode != SpoolMode::Always {
            return None;
        }
        let root = settings.folder.as_ref()?.join(FOLDER);
        let mut names = vec![DESTINATIONS];
        names.extend_from_slice(destinations.join("\n").as_bytes());
        Some(Self {
            writing: Mutex::new(Writing {
                root,
                folder: None,
                segment: None,
                spans: Vec::new(),
                sealed: Vec::new(),
                next: 1,
                bytes: 0,
                max_bytes: settings.max_bytes,
                segment_bytes: SEGMENT,
                failing: false,
            }),
            destinations: names,
            facts: super::facts(service).map(|(key, value)| (key, value.to_owned())).collect(),
            redaction,
            refused: Mutex::default(),
            closed: AtomicBool::new(false),
            unwritten: AtomicU64::new(0),
        })
    }

    /// Writes a record, on the thread that made it. What cannot be written is in memory all the same.
    pub(crate) fn append(&self, header: &Header, parts: &[u8]) {
        if !matches!(header.kind, Kind::Start | Kind::Note | Kind::End) {
            return;
        }
        let mut frame = scratch::take();
        self.write_frame(&mut frame, header, parts);
        self.put(&frame, &[header.span]);
        scratch::keep(frame);
    }

    fn write_frame(&self, frame: &mut Vec<u8>, header: &Header, parts: &[u8]) {
        segment::begin_frame(frame);
        let mut own = Vec::new();
        if header.kind == Kind::Start {
            let mut writer = Parts::new(&mut own);
            if header.callsite != 0 && record::parts(parts).all(|part| part.field != Field::Name) {
                writer.text(Field::Name, "", callsite::get(header.callsite).map_or("", |site| site.name));
            }
            if header.flags.has(StartFlags::ENTRY) {
                for (key, value) in &self.facts {
                    if record::parts(parts).all(|part| part.field != Field::Metadata || part.key != *key) {
                        writer.text(Field::Metadata, key, value);
                    }
                }
            }
        }
        // The wall clock's time: the clock of this process means nothing to the next one.
        let time = header.time.saturating_add_signed(clock::drift());
        let header = Header { callsite: 0, time, ..*header };
        header.encode_into((own.len() + parts.len()) as u32, frame);
        frame.extend_from_slice(&own);
        let from = frame.len();
        frame.extend_from_slice(parts);
        if let (Some(redaction), Some(values)) = (&self.redaction, frame.get_mut(from..)) {
            redaction.mask(values);
        }
        segment::end_frame(frame);
    }

    /// Appends a frame that holds records of these spans.
    fn put(&self, frame: &[u8], spans: &[SpanId]) -> bool {
        // Inside of the lock nothing happens but the write, so that callers wait for each other no longer than the system makes them.
        let mut writing = self.lock();
        if self.closed.load(Ordering::Relaxed) {
            return false;
        }
        match writing.write(frame, spans, &self.destinations) {
            Ok(()) => true,
            Err(error) => {
                let first = !std::mem::replace(&mut writing.failing, true);
                drop(writing);
                self.unwritten.fetch_add(1, Ordering::Relaxed);
                if first {
                    diag::warn(
                        "journal-failed",
                        format_args!(
                            "spans cannot be written to disk before they are sent; a crash would lose them: {error}"
                        ),
                    );
                }
                false
            }
        }
    }

    #[cfg(test)]
    pub(super) fn set_segment_bytes(&self, bytes: u64) {
        self.lock().segment_bytes = bytes;
    }

    /// The worker will never hear of this span, although it was written.
    pub(crate) fn refused(&self, span: SpanId) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).push(span);
    }

    /// Records that could not be written, so that a crash would lose them.
    pub(crate) fn unwritten(&self) -> u64 {
        self.unwritten.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Writing> {
        // A write that panicked has left a file that is read up to there.
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writing {
    fn write(&mut self, frame: &[u8], spans: &[SpanId], destinations: &[u8]) -> io::Result<()> {
        if self.bytes + frame.len() as u64 > self.max_bytes {
            return Err(io::Error::other("the spool's share of the disk is used up"));
        }
        if self.segment.as_ref().is_some_and(|segment| segment.length() >= self.segment_bytes) {
            self.seal();
        }
        if self.segment.is_none() {
            self.begin(destinations)?;
        }
        let Some(segment) = self.segment.as_mut() else { return Err(io::Error::other("no segment")) };
        if let Err(error) = segment.append_frame(frame) {
            // Whatever is wrong with this file, the next attempt begins another one.
            self.seal();
            return Err(error);
        }
        self.bytes += frame.len() as u64;
        self.spans.extend_from_slice(spans);
        self.failing = false;
        Ok(())
    }

    fn begin(&mut self, destinations: &[u8]) -> io::Result<()> {
        let folder = match &self.folder {
            Some(folder) if folder.is_there() => folder,
            _ => self.folder.insert(Folder::create(&self.root)?),
        };
        if !has_room(&self.root) {
            return Err(io::Error::other("the disk is nearly full"));
        }
        let mut segment = Segment::create(&folder.segment(self.next))?;
        self.next += 1;
        segment.append(destinations)?;
        self.bytes += segment.length();
        self.segment = Some(segment);
        Ok(())
    }

    fn seal(&mut self) {
        if let Some(segment) = self.segment.take() {
            let (path, bytes) = (segment.path().to_owned(), segment.length());
            self.sealed.push(Sealed { path, bytes, spans: std::mem::take(&mut self.spans) });
        }
    }
}

/// The worker's side: which segments are still needed.
pub(crate) struct Keeper {
    journal: std::sync::Arc<Journal>,
    /// Sealed segments, oldest first, each with the spans that are not done; a span counts once for each of its records.
    segments: VecDeque<Kept>,
    /// The number of the first of them.
    first: u64,
    /// Where a span that is not done has records.
    places: IdMap<Vec<u64>>,
    /// Spans that became done since a segment was sealed, and before that: their records may stand in one that is not sealed yet.
    done: IdMap<()>,
    done_before: IdMap<()>,
    /// A frame, kept for its memory.
    frame: Vec<u8>,
}

struct Kept {
    path: PathBuf,
    bytes: u64,
    left: usize,
}

impl Keeper {
    pub(crate) fn new(journal: std::sync::Arc<Journal>) -> Self {
        Self {
            journal,
            segments: VecDeque::new(),
            first: 0,
            places: IdMap::default(),
            done: IdMap::default(),
            done_before: IdMap::default(),
            frame: Vec::new(),
        }
    }

    /// Takes note of spans that left memory because their fate is decided, and deletes what is not needed any more. `in_memory` is what
    /// the others take.
    pub(crate) fn settle(&mut self, freed: &mut Vec<SpanId>, in_memory: usize) {
        freed.append(&mut self.journal.refused.lock().unwrap_or_else(PoisonError::into_inner));
        if !freed.is_empty() {
            self.mark(freed);
        }
        for span in freed.drain(..) {
            self.done.insert(span.to_bytes(), ());
            for place in self.places.remove(span.to_bytes()).unwrap_or_default() {
                if let Some(kept) = place.checked_sub(self.first).and_then(|at| self.segments.get_mut(at as usize)) {
                    kept.left = kept.left.saturating_sub(1);
                }
            }
        }
        self.take_sealed();
        while self.segments.front().is_some_and(|kept| kept.left == 0) {
            self.delete_first();
        }
        let held: u64 = self.segments.iter().map(|kept| kept.bytes).sum();
        if held > 2 * in_memory as u64 + SLACK {
            self.write_first_anew();
        }
    }

    /// Says on disk that these are done, so that the next process leaves them alone.
    fn mark(&mut self, spans: &[SpanId]) {
        // Many to a frame, but no frame that would fill a segment.
        for some in spans.chunks(4096) {
            segment::begin_frame(&mut self.frame);
            self.frame.push(DONE);
            self.frame.extend(some.iter().flat_map(|span| span.to_bytes()));
            segment::end_frame(&mut self.frame);
            self.journal.put(&self.frame, &[]);
        }
    }

    fn take_sealed(&mut self) {
        let sealed = std::mem::take(&mut self.journal.lock().sealed);
        if sealed.is_empty() {
            return;
        }
        for segment in sealed {
            let number = self.first + self.segments.len() as u64;
            let mut left = 0;
            for span in segment.spans {
                let id = span.to_bytes();
                if self.done.get(id).is_none() && self.done_before.get(id).is_none() {
                    left += 1;
                    match self.places.get_mut(id) {
                        Some(places) => places.push(number),
                        None => drop(self.places.insert(id, vec![number])),
                    }
                }
            }
            self.segments.push_back(Kept { path: segment.path, bytes: segment.bytes, left });
        }
        // What is done now can have records in the segment that is being written, and in none after it.
        self.done_before = std::mem::take(&mut self.done);
    }

    fn delete_first(&mut self) {
        let Some(kept) = self.segments.pop_front() else { return };
        self.first += 1;
        if let Err(error) = segment::delete(&kept.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            diag::warn("journal-delete", format_args!("a file of the spool cannot be deleted: {error}"));
        }
        let mut writing = self.journal.lock();
        writing.bytes = writing.bytes.saturating_sub(kept.bytes);
    }

    /// Few spans that stay open for long hold the oldest segment, and all after it: they move to the newest one.
    fn write_first_anew(&mut self) {
        let Some(kept) = self.segments.front() else { return };
        let Ok(contents) = segment::read(&kept.path) else {
            // Gone: nothing to save.
            self.delete_first();
            return;
        };
        for payload in &contents.payloads {
            let Some((record, _)) = record::decode(payload) else { continue };
            let id = record.header.span.to_bytes();
            let Some(places) = self.places.get_mut(id) else { continue };
            segment::begin_frame(&mut self.frame);
            self.frame.extend_from_slice(payload);
            segment::end_frame(&mut self.frame);
            if !self.journal.put(&self.frame, &[record.header.span]) {
                // It stays where it is until there is room.
                return;
            }
            // The new place becomes known when its segment is sealed.
            if let Some(at) = places.iter().position(|place| *place == self.first) {
                places.swap_remove(at);
            }
        }
        self.delete_first();
    }

    /// The folder may have been deleted by somebody.
    pub(crate) fn look_after_folder(&self) {
        let mut writing = self.journal.lock();
        if writing.folder.as_ref().is_some_and(|folder| !folder.is_there()) {
            writing.seal();
        }
    }

    /// Everything that was recorded has met its fate, or is on disk elsewhere: the journal has done its service.
    pub(crate) fn close(&mut self) {
        let mut writing = self.journal.lock();
        self.journal.closed.store(true, Ordering::Relaxed);
        writing.seal();
        writing.sealed.clear();
        if let Some(folder) = writing.folder.take() {
            for (path, _) in folder.segments() {
                let _ = segment::delete(&path);
            }
            folder.remove();
        }
        writing.bytes = 0;
    }
}

/// Journals of processes that are gone.
pub(super) fn abandoned(settings: &SpoolSettings) -> Vec<Folder> {
    let Some(root) = &settings.folder else { return Vec::new() };
    folder::abandoned(&root.join(FOLDER), settings.max_age)
}
