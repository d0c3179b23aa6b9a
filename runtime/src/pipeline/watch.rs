//! Watches: each sees the spans of the traces that began inside of it, for tests. Records come from whatever pipeline is installed, or,
//! where none is, from a queue of the watches' own that nobody else reads.

use super::queue::Queue;
use super::record::{Kind, Record, StartFlags};
use super::redact::Redaction;
use super::store::Span;
use super::{flush, global};
use crate::model::predictable::{self, Source};
use crate::model::{SpanId, TraceId};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What the own queue may hold; it is read when a watch ends, and whoever tests wants every span.
const QUEUE_BYTES: usize = 1 << 30;
/// A pipeline whose worker is held up by somebody's exporter is not waited for longer than this.
const PATIENCE: Duration = Duration::from_secs(10);

/// The spans of one run of a test.
#[derive(Debug)]
pub(crate) struct Watch {
    seen: Mutex<Seen>,
    source: Option<Arc<Source>>,
    closed: AtomicBool,
}

#[derive(Debug, Default)]
struct Seen {
    /// Those that began or went on inside.
    traces: HashSet<TraceId>,
    spans: HashMap<SpanId, Span>,
    /// The order in which spans were first heard of.
    order: Vec<SpanId>,
}

/// All that are open, and the queue from which they read where no pipeline is installed.
#[derive(Default)]
struct Open {
    watches: Vec<Arc<Watch>>,
    queue: Option<Arc<Queue>>,
}

static OPEN: Mutex<Open> = Mutex::new(Open { watches: Vec::new(), queue: None });
/// Asked by every worker at each look.
static COUNT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Whose code runs here, whatever context is current.
    static AROUND: RefCell<Option<Arc<Watch>>> = const { RefCell::new(None) };
    /// That one, or the one that the current context names.
    static CURRENT: RefCell<Option<Arc<Watch>>> = const { RefCell::new(None) };
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watch {
    /// Opens a watch, in which ids and times come from `source` if there is one.
    pub(crate) fn open(source: Option<Arc<Source>>) -> Arc<Self> {
        let watch = Arc::new(Self { seen: Mutex::default(), source, closed: AtomicBool::new(false) });
        let mut open = lock(&OPEN);
        open.watches.push(watch.clone());
        COUNT.store(open.watches.len(), Ordering::Release);
        let queue = open
            .queue
            .get_or_insert_with(|| Arc::new(Queue::new(global::next_generation(), QUEUE_BYTES, Box::new(|| ()))));
        global::stand_by(Some(queue));
        watch
    }

    /// Ends the watch and hands over what it saw, in the order in which spans were first heard of; nothing the second time.
    pub(crate) fn close(self: &Arc<Self>) -> Vec<Span> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Vec::new();
        }
        if let Some(worker) = flush::worker() {
            worker.look(PATIENCE);
        }
        let mut open = lock(&OPEN);
        if let Some(queue) = &open.queue {
            // What a pipeline does unless it is told otherwise.
            let redaction = Redaction::new(true, Vec::new());
            queue.drain(|record| open.watches.iter().for_each(|watch| watch.take(record, redaction.as_ref())));
        }
        open.watches.retain(|other| !Arc::ptr_eq(other, self));
        COUNT.store(open.watches.len(), Ordering::Release);
        if open.watches.is_empty() {
            global::stand_by(None);
        }
        drop(open);
        let mut seen = lock(&self.seen);
        let order = std::mem::take(&mut seen.order);
        order.iter().filter_map(|id| seen.spans.remove(id)).filter(Span::is_started).collect()
    }

    /// What runs on this thread until the guard is dropped belongs to the watch.
    pub(crate) fn enter(self: &Arc<Self>) -> Around {
        let around = AROUND.with(|cell| cell.replace(Some(self.clone())));
        Around { current: swap_current(Some(self.clone())), around }
    }

    fn take(&self, record: &Record<'_>, redaction: Option<&Redaction>) {
        let header = &record.header;
        if !matches!(header.kind, Kind::Start | Kind::Note | Kind::End) {
            return;
        }
        let mut seen = lock(&self.seen);
        let Seen { traces, spans, order } = &mut *seen;
        if !traces.contains(&header.trace) || header.flags.has(StartFlags::SPOOLED) {
            return;
        }
        let span = spans.entry(header.span).or_insert_with(|| {
            order.push(header.span);
            Span::of(header.span)
        });
        match header.kind {
            Kind::Start => span.begin(record, 0, 0),
            Kind::End => {
                span.append(record.parts.0);
                span.retype(record.retyped());
                span.end(record.outcome(), header.time);
            }
            _ => {
                span.append(record.parts.0);
                span.heed_errors(record.parts.clone());
            }
        }
        if let Some(redaction) = redaction {
            span.mask_last(record.parts.0.len(), redaction);
        }
    }
}

/// Leaves the watch when dropped.
pub(crate) struct Around {
    current: Option<Arc<Watch>>,
    around: Option<Arc<Watch>>,
}

impl Drop for Around {
    fn drop(&mut self) {
        AROUND.with(|cell| cell.replace(self.around.take()));
        swap_current(self.current.take());
    }
}

fn swap_current(watch: Option<Arc<Watch>>) -> Option<Arc<Watch>> {
    predictable::set(watch.as_ref().and_then(|watch| watch.source.clone()));
    CURRENT.try_with(|cell| cell.replace(watch)).ok().flatten()
}

/// The watch that what runs here belongs to.
pub(crate) fn current() -> Option<Arc<Watch>> {
    CURRENT.try_with(|cell| cell.borrow().clone()).ok().flatten()
}

/// A context that names `watch`, or none, became the thread's.
pub(crate) fn follow(watch: Option<&Arc<Watch>>) {
    let watch = watch.cloned().or_else(|| AROUND.try_with(|cell| cell.borrow().clone()).ok().flatten());
    swap_current(watch);
}

/// A trace begins here, or goes on here.
pub(crate) fn begins(trace: TraceId) {
    if let Some(watch) = current() {
        lock(&watch.seen).traces.insert(trace);
    }
}

/// Whether anybody watches.
#[inline]
pub(crate) fn is_open() -> bool {
    COUNT.load(Ordering::Acquire) > 0
}

/// A worker has taken a record.
pub(crate) fn see(record: &Record<'_>, redaction: Option<&Redaction>) {
    for watch in &lock(&OPEN).watches {
        watch.take(record, redaction);
    }
}
