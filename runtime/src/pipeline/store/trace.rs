//! One trace in memory, and the ids of those that are over.

use std::collections::VecDeque;
use std::time::Duration;

use super::{IdMap, Key};
use crate::model::TraceId;
use crate::pipeline::record::StartFlags;

/// Traces that are over and still remembered, so that work which outlives them does not create them again.
const REMEMBERED: usize = 8192;

/// One trace in memory.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) id: TraceId,
    pub(crate) flags: StartFlags,
    /// The span that began the trace, or came into this process first.
    pub(crate) root: Option<Key>,
    /// Spans that have not ended.
    pub(crate) open: u32,
    /// Spans in memory.
    pub(crate) spans: u32,
    /// Public contexts that name it.
    pub(crate) holds: u32,
    /// Headers that name it were made.
    pub(crate) propagated: bool,
    /// It was over once already; what comes now is late.
    pub(crate) late: bool,
    /// On the worker's clock, when a record of it last arrived.
    pub(crate) active_at: Duration,
    /// It left memory before its time.
    pub(super) unfinished: bool,
    pub(super) keepers: u8,
    pub(super) listed: bool,
}

impl Trace {
    pub(super) fn new(id: TraceId, flags: StartFlags, keepers: u8) -> Self {
        Self {
            id,
            flags,
            root: None,
            open: 0,
            spans: 0,
            holds: 0,
            propagated: false,
            late: false,
            unfinished: false,
            active_at: Duration::ZERO,
            keepers,
            listed: false,
        }
    }

    /// Whether work outside of this process, or work that has not begun, may still belong to it.
    pub(crate) fn is_shared(&self) -> bool {
        self.propagated || self.holds > 0
    }

    /// Whether another process creates and completes it.
    pub(crate) fn is_remote(&self) -> bool {
        self.flags.has(StartFlags::REMOTE_TRACE)
    }
}

/// The last traces that were over.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    known: IdMap<StartFlags>,
    order: VecDeque<TraceId>,
}

impl Remembered {
    pub(super) fn add(&mut self, id: TraceId, flags: StartFlags) {
        if self.known.insert(id.to_bytes(), flags).is_some() {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(oldest.to_bytes());
        }
    }

    pub(super) fn get(&self, id: TraceId) -> Option<StartFlags> {
        self.known.get(id.to_bytes()).copied()
    }
}
