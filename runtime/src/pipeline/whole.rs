//! A destination that takes whole spans in any order: a user's exporter, memory, standard output.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::destination::Destination;
use super::exporter::{ExportError, Exporter, Outcomes, RecordOutcome, SpanRecord};
use super::gate::Gate;
use super::record::StartFlags;
use super::spool::{self, Label, Shelf, Spool};
use super::stats::{Counters, DropReason};
use super::store::{Changes, Key, Store};
use crate::config::ServiceSettings;
use crate::diag;

/// Spans of one batch.
const BATCH: usize = 4096;

/// Hands whole spans to an [`Exporter`], batch by batch, on the worker's thread.
pub(crate) struct WholeSpans {
    exporter: Box<dyn Exporter>,
    service: Arc<ServiceSettings>,
    counters: Arc<Counters>,
    starts: bool,
    started: VecDeque<Key>,
    waiting: VecDeque<Key>,
    batch: Vec<Key>,
    outcomes: Outcomes,
    gate: Gate,
    batch_limit: usize,
    shelf: Shelf,
}

impl WholeSpans {
    pub(crate) fn new(
        exporter: Box<dyn Exporter>,
        service: Arc<ServiceSettings>,
        distributed: bool,
        spool: Option<Spool>,
    ) -> Self {
        Self {
            counters: Arc::new(Counters::new(exporter.name())),
            starts: distributed && exporter.wants_starts(),
            exporter,
            service,
            started: VecDeque::new(),
            waiting: VecDeque::new(),
            batch: Vec::new(),
            outcomes: Outcomes::default(),
            gate: Gate::default(),
            batch_limit: BATCH,
            shelf: Shelf::new(spool),
        }
    }

    /// Exports one batch of whole spans; `false` when there is nothing to do or the exporter wants to be left alone.
    fn export(&mut self, store: &mut Store, now: Duration) -> bool {
        if !self.gate.is_open(now) || self.waiting.is_empty() {
            return false;
        }
        let count = self.waiting.len().min(self.batch_limit);
        self.batch.clear();
        self.batch.extend(self.waiting.drain(..count));
        let result = self.call(store);
        self.counters.request();
        let unmarked = match &result {
            Ok(()) => RecordOutcome::Delivered,
            Err(ExportError::GiveUp { .. }) => RecordOutcome::Rejected,
            Err(_) => RecordOutcome::Retry,
        };
        let (mut delivered, mut rejected, mut restored) = (0, 0, 0);
        for (&key, &mark) in self.batch.iter().zip(self.outcomes.marks()).rev() {
            match if mark == RecordOutcome::Unmarked { unmarked } else { mark } {
                RecordOutcome::Retry => {
                    self.waiting.push_front(key);
                    continue;
                }
                RecordOutcome::Rejected => rejected += 1,
                RecordOutcome::Delivered | RecordOutcome::Unmarked => delivered += 1,
            }
            restored += u64::from(store.span(key).flags.has(StartFlags::SPOOLED));
            store.release_span(key);
        }
        self.shelf.done(restored);
        self.counters.deliver(delivered);
        self.counters.drop_spans(DropReason::Rejected, rejected);
        if rejected > 0 {
            let reason = result.as_ref().err().map(ToString::to_string);
            let reason = reason.as_deref().or(self.outcomes.reason()).unwrap_or("no reason given");
            diag::warn(
                "export-rejected",
                format_args!("{} refused {rejected} spans: {reason}", self.counters.exporter),
            );
        }
        self.after(result, delivered + rejected > 0, now)
    }

    /// Calls the exporter; a panic of its counts as a failure of the batch.
    fn call(&mut self, store: &Store) -> Result<(), ExportError> {
        let records: Vec<SpanRecord<'_>> =
            self.batch.iter().map(|&key| SpanRecord { span: store.span(key), service: &self.service }).collect();
        self.outcomes.reset(records.len());
        let (exporter, outcomes) = (&mut self.exporter, &mut self.outcomes);
        catch_unwind(AssertUnwindSafe(|| exporter.export(&records, outcomes)))
            .unwrap_or_else(|_| Err(ExportError::Retry { reason: "the exporter panicked".to_owned() }))
    }

    /// Decides when to go on; `true` for at once.
    fn after(&mut self, result: Result<(), ExportError>, progress: bool, now: Duration) -> bool {
        let retried = self.batch.len() > 1;
        match result {
            Ok(()) if progress => {
                self.gate.succeeded(now);
                self.batch_limit = (self.batch_limit * 2).min(BATCH);
                true
            }
            Err(ExportError::Split) if retried => {
                self.batch_limit = (self.batch.len() / 2).max(1);
                true
            }
            Err(ExportError::GiveUp { .. }) => true,
            other => {
                self.counters.failure();
                let wish = match &other {
                    Err(ExportError::Wait { delay, .. }) => Some(*delay),
                    _ => None,
                };
                if let Err(error) = &other {
                    diag::warn(
                        "export-failed",
                        format_args!("{} failed and will be tried again: {error}", self.counters.exporter),
                    );
                }
                self.gate.failed(wish, now);
                false
            }
        }
    }

    /// Moves the oldest spans to the disk until `bytes` are free; says how many bytes that were.
    fn shelve(&mut self, store: &mut Store, bytes: usize) -> usize {
        let (mut freed, mut count) = (0, 0);
        if !self.shelf.is_there() {
            return 0;
        }
        let facts: Vec<_> = spool::facts(&self.service).collect();
        let label = Label { flags: StartFlags::SPOOLED, ..Label::default() };
        while freed < bytes {
            let Some(&key) = self.waiting.front() else { break };
            // What was read back is still in its file.
            if store.span(key).flags.has(StartFlags::SPOOLED) || !self.shelf.write(store, key, &label, &facts) {
                break;
            }
            self.waiting.pop_front();
            freed += store.span(key).bytes();
            count += 1;
            store.release_span(key);
        }
        self.counters.spool(count);
        freed
    }

    fn announce(&mut self, store: &Store) {
        self.batch.clear();
        self.batch
            .extend(self.started.drain(..).filter(|&key| store.span(key).is_started() && !store.span(key).is_ended()));
        if !self.batch.is_empty() {
            // Whatever becomes of a start, its span comes again at its end.
            let _ = self.call(store);
        }
    }
}

impl Destination for WholeSpans {
    fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    fn changed(&mut self, _store: &mut Store, changes: &Changes, _now: Duration) {
        self.counters.accept(changes.accepted);
        if self.starts {
            self.started.extend(&changes.started);
        }
        self.waiting.extend(&changes.ended);
    }

    fn pump(&mut self, store: &mut Store, now: Duration) {
        if !self.started.is_empty() {
            self.announce(store);
        }
        while self.export(store, now) {}
        while self.waiting.is_empty() && !self.gate.is_failing() {
            let Some(changes) = self.shelf.restore(store, &self.counters, now) else { break };
            self.waiting.extend(&changes.ended);
            while self.export(store, now) {}
        }
    }

    fn poll(&mut self, _store: &mut Store, _now: Duration, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    fn deadline(&self) -> Option<Duration> {
        (!self.waiting.is_empty()).then_some(self.gate.opens_at())
    }

    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && (self.shelf.is_empty() || self.gate.is_failing())
    }

    fn hurry(&mut self, now: Duration) {
        self.gate.hurry(now);
    }

    fn spill(&mut self, store: &mut Store, bytes: usize) {
        if self.gate.is_failing() {
            self.shelve(store, bytes);
        }
    }

    fn relieve(&mut self, store: &mut Store, bytes: usize) {
        let mut freed = self.shelve(store, bytes);
        let (mut dropped, mut restored) = (0, 0);
        while freed < bytes {
            let Some(key) = self.waiting.pop_front() else { break };
            freed += store.span(key).bytes();
            dropped += 1;
            restored += u64::from(store.span(key).flags.has(StartFlags::SPOOLED));
            store.release_span(key);
        }
        self.shelf.done(restored);
        self.counters.drop_spans(DropReason::QueueFull, dropped);
    }

    fn shut_down(&mut self, store: &mut Store) {
        // What was read back comes first, and stays in its file.
        let restored = self.waiting.iter().take_while(|&&key| store.span(key).flags.has(StartFlags::SPOOLED)).count();
        if self.shelf.is_there() {
            self.counters.spool(restored as u64);
            for key in self.waiting.drain(..restored) {
                store.release_span(key);
            }
            self.shelve(store, usize::MAX);
        }
        self.shelf.shut_down();
        let left = self.waiting.len() as u64;
        for key in std::mem::take(&mut self.waiting) {
            store.release_span(key);
        }
        self.counters.drop_spans(DropReason::Shutdown, left);
        let exporter = &mut self.exporter;
        if catch_unwind(AssertUnwindSafe(|| exporter.shutdown())).is_err() {
            diag::warn("export-shutdown", format_args!("{} panicked while it shut down", self.counters.exporter));
        }
    }
}
