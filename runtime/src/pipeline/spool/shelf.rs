//! The way of one destination's spans to the disk and back.

use std::collections::HashSet;
use std::time::Duration;

use super::{Batch, Spool};
use crate::pipeline::record::{self, StartFlags};
use crate::pipeline::stats::{Counters, DropReason};
use crate::pipeline::store::{Changes, Key, Store};

/// Between two looks for what processes that are gone have left.
const LOOK: Duration = Duration::from_secs(30);

/// The spool, if there is one, and the batch that has been read back from it.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    spool: Option<Spool>,
    /// When other processes were last looked for.
    looked: Option<Duration>,
    /// A batch in memory, and how many of its spans have not met their fate.
    reading: Option<(Batch, u64)>,
    changes: Changes,
    record: Vec<u8>,
}

/// What a span has to say on disk beside what is in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Label {
    /// How far it had come.
    pub(crate) flags: u8,
    /// When it began, if not by the wall clock.
    pub(crate) began: Option<u64>,
    /// Its place, in the words of its destination.
    pub(crate) place: Option<String>,
}

impl Shelf {
    pub(crate) fn new(spool: Option<Spool>) -> Self {
        Self { spool, ..Self::default() }
    }

    /// Whether there is a disk to write to.
    pub(crate) fn is_there(&self) -> bool {
        self.spool.is_some()
    }

    /// Whether nothing is on the disk that could be sent.
    pub(crate) fn is_empty(&self) -> bool {
        // Before the first look there may be what another process has left.
        let is_empty = |spool: &Spool| spool.is_empty() && (self.looked.is_some() || !spool.has_folders());
        self.reading.is_none() && self.spool.as_ref().is_none_or(is_empty)
    }

    /// Writes a span; `false` when the disk takes no more.
    pub(crate) fn write(&mut self, store: &Store, span: Key, label: &Label, facts: &[(&'static str, &str)]) -> bool {
        let Some(spool) = &mut self.spool else { return false };
        let span = store.span(span);
        self.record.clear();
        let facts = if span.flags.has(StartFlags::ENTRY) { facts } else { &[] };
        span.write_records(&mut self.record, label, facts);
        spool.append(&self.record)
    }

    /// Reads one batch back, when the last one is done with; the spans of it are in the answer.
    pub(crate) fn restore(&mut self, store: &mut Store, counters: &Counters, now: Duration) -> Option<&Changes> {
        let spool = self.spool.as_mut().filter(|_| self.reading.is_none())?;
        if self.looked.is_none_or(|at| now >= at + LOOK) {
            self.looked = Some(now);
            spool.adopt();
        }
        if spool.is_empty() {
            return None;
        }
        let mut batch = spool.next_batch()?;
        counters.unspool(batch.lost);
        counters.drop_spans(DropReason::Damaged, batch.lost);
        // Parents began before their children, wherever they stand in the file.
        batch.records.sort_by_key(|bytes| record::decode(bytes).map(|(record, _)| record.header.time));
        let mut spans = 0;
        let mut seen = HashSet::new();
        self.changes.clear();
        for bytes in &batch.records {
            let Some((record, _)) = record::decode(bytes) else { continue };
            spans += u64::from(!record.header.flags.has(StartFlags::DELIVERED));
            // A crash may have left it there twice.
            if seen.insert(record.header.span.to_bytes()) {
                store.restore(bytes, now, &mut self.changes);
            } else if batch.foreign {
                spans -= u64::from(!record.header.flags.has(StartFlags::DELIVERED));
            }
        }
        let came = self.changes.accepted;
        if batch.foreign {
            counters.accept(spans);
        } else {
            counters.unspool(spans);
        }
        if came == 0 {
            spool.finish(&batch);
            return None;
        }
        self.reading = Some((batch, came));
        Some(&self.changes)
    }

    /// So many spans of the batch have met their fate.
    pub(crate) fn done(&mut self, spans: u64) {
        let Some((batch, left)) = &mut self.reading else { return };
        *left = left.saturating_sub(spans);
        if *left == 0
            && let Some(spool) = &mut self.spool
        {
            spool.finish(batch);
            self.reading = None;
        }
    }

    /// A batch that is not done stays on the disk as it is.
    pub(crate) fn shut_down(&mut self) {
        let Some(spool) = &mut self.spool else { return };
        if let Some((batch, _)) = self.reading.take() {
            spool.give_back(batch);
        }
        spool.shut_down();
    }
}
