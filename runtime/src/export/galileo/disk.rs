//! The way of Galileo's spans to the disk and back.

use std::time::Duration;

use crate::config::ServiceSettings;
use crate::pipeline::combine::{Combine, Eviction};
use crate::pipeline::record::{self, StartFlags};
use crate::pipeline::spool::{Batch, Spool};
use crate::pipeline::stats::{Counters, DropReason};
use crate::pipeline::store::{Changes, Key, Store};

/// The spool, if there is one, and the batch that has been read back from it.
#[derive(Debug, Default)]
pub(super) struct Disk {
    spool: Option<Spool>,
    /// Earlier processes have been looked for.
    adopted: bool,
    /// A batch in memory, and how many of its spans have not met their fate.
    reading: Option<(Batch, u64)>,
    changes: Changes,
    record: Vec<u8>,
}

impl Disk {
    pub(super) fn new(spool: Option<Spool>) -> Self {
        Self { spool, ..Self::default() }
    }

    /// Whether nothing is on the disk that could be sent.
    pub(super) fn is_empty(&self) -> bool {
        self.reading.is_none() && self.spool.as_ref().is_none_or(Spool::is_empty)
    }

    /// Moves the oldest finished spans to the disk until `bytes` are free; says how many.
    pub(super) fn evict(
        &mut self,
        store: &mut Store,
        combine: &mut Combine,
        service: &ServiceSettings,
        bytes: usize,
    ) -> u64 {
        let Self { spool: Some(spool), record, .. } = self else { return 0 };
        let mut write = |store: &Store, span: Key, flags: u8| write(spool, record, store, span, flags, service);
        combine.evict(store, bytes, Eviction::Spool(&mut write))
    }

    /// Reads one batch back, when the last one is done with.
    pub(super) fn restore(&mut self, store: &mut Store, combine: &mut Combine, counters: &Counters, now: Duration) {
        let Some(spool) = self.spool.as_mut().filter(|_| self.reading.is_none()) else { return };
        if !std::mem::replace(&mut self.adopted, true) {
            spool.adopt();
        }
        if spool.is_empty() {
            return;
        }
        let Some(mut batch) = spool.next_batch() else { return };
        counters.unspool(batch.lost);
        counters.drop_spans(DropReason::Damaged, batch.lost);
        // Parents began before their children, wherever they stand in the file.
        batch.records.sort_by_key(|bytes| record::decode(bytes).map(|(record, _)| record.header.time));
        let mut spans = 0;
        self.changes.clear();
        for bytes in &batch.records {
            let Some((record, _)) = record::decode(bytes) else { continue };
            spans += u64::from(!record.header.flags.has(StartFlags::DELIVERED));
            store.restore(bytes, now, &mut self.changes);
        }
        let came = self.changes.accepted;
        if batch.foreign {
            counters.accept(spans);
        } else {
            counters.unspool(spans);
        }
        combine.changed(store, &self.changes, now);
        if came == 0 {
            spool.finish(&batch);
        } else {
            self.reading = Some((batch, came));
        }
    }

    /// So many spans of the batch have met their fate.
    pub(super) fn done(&mut self, spans: u64) {
        let Some((batch, left)) = &mut self.reading else { return };
        *left = left.saturating_sub(spans);
        if *left == 0
            && let Some(spool) = &mut self.spool
        {
            spool.finish(batch);
            self.reading = None;
        }
    }

    /// Writes everything that is left; says how many spans are on the disk by that.
    pub(super) fn keep_all(&mut self, store: &Store, combine: &Combine, service: &ServiceSettings) -> u64 {
        let Some(spool) = &mut self.spool else { return 0 };
        let mut count = 0;
        let record = &mut self.record;
        combine.write_all(store, &mut |store, span, flags| {
            // What was read back is still in its file.
            let there = store.span(span).flags.has(StartFlags::SPOOLED) && flags & StartFlags::DELIVERED == 0;
            let kept = there || write(spool, record, store, span, flags, service);
            count += u64::from(kept && flags & StartFlags::DELIVERED == 0);
        });
        if let Some((batch, _)) = self.reading.take() {
            spool.give_back(batch);
        }
        spool.shut_down();
        count
    }
}

fn write(
    spool: &mut Spool,
    record: &mut Vec<u8>,
    store: &Store,
    span: Key,
    flags: u8,
    service: &ServiceSettings,
) -> bool {
    let span = store.span(span);
    record.clear();
    let mut facts = Vec::new();
    if span.flags.has(StartFlags::ENTRY) {
        facts.push(("service.name", service.name.as_str()));
        facts.extend(service.version.as_deref().map(|text| ("service.version", text)));
        facts.extend(service.environment.as_deref().map(|text| ("deployment.environment", text)));
        facts.extend(service.host.as_deref().map(|text| ("host.name", text)));
    }
    span.write_records(record, flags, &facts);
    spool.append(record)
}
