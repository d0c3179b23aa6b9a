//! The combiner before a backend that refuses whatever the contract forbids: random programs, and small cases.

mod backend;
mod program;
mod random;
mod small;

use std::time::Duration;

use super::Combine;
use crate::config::Mode;
use crate::pipeline::record;
use crate::pipeline::store::{Changes, Store};

use backend::Backend;

const LINGER: Duration = Duration::from_secs(2);

/// A combiner between a store and a backend, and the time.
struct Run {
    store: Store,
    combine: Combine,
    backend: Backend,
    accepted: u64,
    delivered: u64,
    /// Traces that the program did not begin.
    linked: usize,
    now: Duration,
}

impl Run {
    fn new(mode: Mode) -> Self {
        Self {
            store: Store::new(1, 1),
            combine: Combine::new(mode, LINGER),
            backend: Backend::default(),
            accepted: 0,
            delivered: 0,
            linked: 0,
            now: Duration::ZERO,
        }
    }

    fn look(&mut self, records: &[Vec<u8>]) {
        let mut changes = Changes::default();
        for bytes in records {
            let (record, _) = record::decode(bytes).unwrap();
            self.store.take(&record, 0, self.now, &mut changes);
        }
        self.store.settle(&mut changes);
        self.accepted += changes.accepted;
        self.combine.changed(&mut self.store, &changes, self.now);
    }
}
