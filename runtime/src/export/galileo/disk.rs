//! The way of Galileo's spans to the disk and back: which of them, and how far each had come.

use std::time::Duration;

use crate::config::ServiceSettings;
use crate::pipeline::combine::{Combine, Eviction};
use crate::pipeline::record::StartFlags;
use crate::pipeline::spool::{Label, Shelf, Spool, facts};
use crate::pipeline::stats::Counters;
use crate::pipeline::store::{Key, Store};

/// The spool, if there is one.
#[derive(Debug)]
pub(super) struct Disk {
    shelf: Shelf,
}

impl Disk {
    pub(super) fn new(spool: Option<Spool>) -> Self {
        Self { shelf: Shelf::new(spool) }
    }

    /// Whether nothing is on the disk that could be sent.
    pub(super) fn is_empty(&self) -> bool {
        self.shelf.is_empty()
    }

    /// Moves the oldest finished spans to the disk until `bytes` are free; says how many.
    pub(super) fn evict(
        &mut self,
        store: &mut Store,
        combine: &mut Combine,
        service: &ServiceSettings,
        bytes: usize,
    ) -> u64 {
        if !self.shelf.is_there() {
            return 0;
        }
        let shelf = &mut self.shelf;
        let facts: Vec<_> = facts(service).collect();
        let mut write = |store: &Store, span: Key, flags: u8| shelf.write(store, span, &label(flags), &facts);
        combine.evict(store, bytes, Eviction::Spool(&mut write))
    }

    /// Reads one batch back, when the last one is done with.
    pub(super) fn restore(&mut self, store: &mut Store, combine: &mut Combine, counters: &Counters, now: Duration) {
        if let Some(changes) = self.shelf.restore(store, counters, now) {
            combine.changed(store, changes, now);
        }
    }

    /// So many spans of the batch have met their fate.
    pub(super) fn done(&mut self, spans: u64) {
        self.shelf.done(spans);
    }

    /// Writes everything that is left; says how many spans are on the disk by that.
    pub(super) fn keep_all(&mut self, store: &Store, combine: &Combine, service: &ServiceSettings) -> u64 {
        if !self.shelf.is_there() {
            return 0;
        }
        let mut count = 0;
        let shelf = &mut self.shelf;
        let facts: Vec<_> = facts(service).collect();
        combine.write_all(store, &mut |store, span, flags| {
            // What was read back is still in its file.
            let there = store.span(span).flags.has(StartFlags::SPOOLED) && flags & StartFlags::DELIVERED == 0;
            let kept = there || shelf.write(store, span, &label(flags), &facts);
            count += u64::from(kept && flags & StartFlags::DELIVERED == 0);
        });
        self.shelf.shut_down();
        count
    }
}

fn label(flags: u8) -> Label {
    Label { flags, ..Label::default() }
}
