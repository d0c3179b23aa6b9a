//! The one background thread: takes what has arrived, tells the destinations, waits for their answers, and answers those who flush.
//! It has a runtime of its own, which nothing of the host's ever enters.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::destination::Destination;
use super::hook::{Gate, Hook, Passed};
use super::queue::Queue;
use super::record::{Kind, Record};
use super::redact::Redaction;
use super::spool::{self, Keeper};
use super::stats::{Account, Counters, DropReason};
use super::store::{Changes, Store};
use crate::config::SpoolSettings;
use crate::diag;
use crate::model::clock;

/// Between two looks while records keep coming. Long enough for short spans to be whole when they are seen, short enough for a reader
/// of the live page not to notice.
const TICK: Duration = Duration::from_millis(2);
/// A wake that was missed costs this much at most.
const NAP: Duration = Duration::from_millis(100);
/// Looks without a record before the worker sleeps until it is woken.
const QUIET_LOOKS: u32 = 3;
/// What a flush leaves for the last requests when it stops waiting for other services.
const LAST_REQUESTS: Duration = Duration::from_millis(300);
/// After a panic in here the worker goes on at once; after another one within this time it rests for as long.
const REST: Duration = Duration::from_secs(60);

/// What someone asks of the worker.
struct Ask {
    deadline: Instant,
    /// No more spans will come; whatever is left at the deadline goes to disk or is counted.
    last: bool,
    answer: Arc<Answer>,
}

/// Where the one who asked waits.
#[derive(Default)]
pub(crate) struct Answer {
    done: Mutex<bool>,
    changed: Condvar,
}

impl Answer {
    fn give(&self) {
        *self.done.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Blocks the calling thread until the worker has answered; `false` when that took longer than `timeout`.
    pub(crate) fn wait(&self, timeout: Duration) -> bool {
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let (done, _) =
            self.changed.wait_timeout_while(done, timeout, |done| !*done).unwrap_or_else(PoisonError::into_inner);
        *done
    }
}

/// What the worker keeps to.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// What spans may take in memory, beside what waits in the queue.
    pub(crate) memory: usize,
    /// What is masked in values; nothing here when the callers have done it.
    pub(crate) redaction: Option<Redaction>,
    /// The program's own look at what is recorded.
    pub(crate) hook: Option<Hook>,
    /// Where processes that were killed may have left spans.
    pub(crate) spool: SpoolSettings,
}

/// The handle of a running worker, shared by all who flush.
pub(crate) struct Worker {
    queue: Arc<Queue>,
    shared: Arc<Shared>,
    counters: Vec<Arc<Counters>>,
    /// The process whose thread it is.
    process: u32,
}

#[derive(Default)]
struct Shared {
    wake: Notify,
    asks: Mutex<Vec<Ask>>,
    /// Those who wait for what has been recorded to be looked at.
    looks: Mutex<Vec<Arc<Answer>>>,
    stopped: AtomicBool,
    /// How often it had to begin again after a panic.
    restarts: AtomicU64,
}

/// Makes the queue whose records wake the worker.
pub(crate) struct Waker(Arc<Shared>);

impl Waker {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    pub(crate) fn callback(&self) -> Box<dyn Fn() + Send + Sync> {
        let shared = self.0.clone();
        Box::new(move || shared.wake.notify_one())
    }
}

impl Worker {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread, or no runtime.
    pub(crate) fn start(
        queue: Arc<Queue>,
        waker: Waker,
        destinations: Vec<Box<dyn Destination>>,
        rules: Rules,
    ) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let counters: Vec<_> = destinations.iter().map(|destination| destination.counters().clone()).collect();
        let shared = waker.0;
        let mut look_after = LookAfter::new(queue.clone(), shared.clone(), destinations, rules);
        std::thread::Builder::new().name("galileo-worker".to_owned()).spawn(move || {
            let _suppressed = crate::suppress::enter();
            look_after.live(&runtime);
            // A name look-up that hangs must not keep the thread.
            runtime.shutdown_background();
        })?;
        Ok(Self { queue, shared, counters, process: std::process::id() })
    }

    /// Whether its thread runs in another process, of which this one is a fork.
    pub(crate) fn is_from_parent(&self) -> bool {
        self.process != std::process::id()
    }

    /// How often it had to begin again after a panic.
    pub(crate) fn restarts(&self) -> u64 {
        self.shared.restarts.load(Ordering::Relaxed)
    }

    /// Asks for everything that has been recorded to be delivered by `timeout` from now, without waiting for it.
    pub(crate) fn ask(&self, timeout: Duration, last: bool) -> Arc<Answer> {
        let answer = Arc::<Answer>::default();
        let deadline = Instant::now() + timeout.min(Duration::from_secs(86_400 * 365));
        let ask = Ask { deadline, last, answer: answer.clone() };
        self.shared.asks.lock().unwrap_or_else(PoisonError::into_inner).push(ask);
        if self.shared.stopped.load(Ordering::Acquire) {
            answer.give();
        }
        self.shared.wake.notify_one();
        answer
    }

    /// Waits until what has been recorded has been looked at, not for its delivery.
    #[cfg(feature = "testing")]
    pub(crate) fn look(&self, timeout: Duration) {
        let answer = Arc::<Answer>::default();
        self.shared.looks.lock().unwrap_or_else(PoisonError::into_inner).push(answer.clone());
        if !self.shared.stopped.load(Ordering::Acquire) {
            self.shared.wake.notify_one();
            answer.wait(timeout);
        }
    }

    /// The accounts as they stand.
    pub(crate) fn accounts(&self) -> Vec<Account> {
        let refused = self.queue.refused();
        self.counters.iter().map(|counters| counters.account(refused)).collect()
    }

    pub(crate) fn counters(&self) -> &[Arc<Counters>] {
        &self.counters
    }

    pub(crate) fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }
}

/// The hook left a span out; each destination has it in its account.
fn leave_out(destinations: &[Box<dyn Destination>]) {
    for destination in destinations {
        destination.counters().accept(1);
        destination.counters().drop_spans(DropReason::Filtered, 1);
    }
}

/// What runs on the thread.
struct LookAfter {
    queue: Arc<Queue>,
    shared: Arc<Shared>,
    destinations: Vec<Box<dyn Destination>>,
    store: Store,
    changes: Changes,
    /// How many destinations have been told of `changes`.
    told: usize,
    started: Instant,
    asks: Vec<Ask>,
    quiet: u32,
    memory: usize,
    /// What the queue may hold while nothing else is in memory.
    hand_off: usize,
    keeper: Option<Keeper>,
    spool: SpoolSettings,
    gate: Option<Gate>,
}

impl LookAfter {
    fn new(queue: Arc<Queue>, shared: Arc<Shared>, destinations: Vec<Box<dyn Destination>>, rules: Rules) -> Self {
        let keepers = destinations.iter().filter(|destination| destination.keeps_traces()).count();
        let keeper = queue.journal().map(|journal| Keeper::new(journal.clone()));
        let hand_off = queue.budget();
        let mut store = Store::new(destinations.len() as u8, keepers as u8).redacting(rules.redaction);
        if keeper.is_some() {
            store = store.telling_what_is_freed();
        }
        Self {
            queue,
            shared,
            store,
            told: destinations.len(),
            destinations,
            changes: Changes::default(),
            started: Instant::now(),
            asks: Vec::new(),
            quiet: 0,
            memory: rules.memory,
            hand_off,
            keeper,
            spool: rules.spool,
            gate: rules.hook.map(Gate::new),
        }
    }

    /// Works until it is told to stop. A panic, which can only be a mistake of ours or of a destination, costs what was in hand and no more.
    fn live(&mut self, runtime: &Runtime) {
        // Not in the life of the queue, so that what a killed process left is there before anybody looks for it.
        let _ = catch_unwind(AssertUnwindSafe(|| spool::recover(&self.spool)));
        let _ = catch_unwind(AssertUnwindSafe(|| spool::expire(&self.spool)));
        self.started = Instant::now();
        let mut rested: Option<Instant> = None;
        while catch_unwind(AssertUnwindSafe(|| runtime.block_on(self.run()))).is_err() {
            self.shared.restarts.fetch_add(1, Ordering::Relaxed);
            diag::error("worker-panicked", format_args!("the worker thread panicked and begins again; spans are kept"));
            if let Some(at) = rested.filter(|at| at.elapsed() < REST)
                && runtime.block_on(self.rest(at + REST))
            {
                return;
            }
            rested = Some(Instant::now());
        }
    }

    /// Does nothing but answer those who ask; `true` when the worker is to end.
    async fn rest(&mut self, until: Instant) -> bool {
        while Instant::now() < until {
            self.asks.append(&mut self.shared.asks.lock().unwrap_or_else(PoisonError::into_inner));
            if self.asks.iter().any(|ask| ask.last) {
                self.end();
                return true;
            }
            for ask in self.asks.drain(..) {
                ask.answer.give();
            }
            let _ = timeout(until - Instant::now(), self.shared.wake.notified()).await;
        }
        false
    }

    async fn run(&mut self) {
        self.tell_rest(self.now());
        loop {
            let looks = std::mem::take(&mut *self.shared.looks.lock().unwrap_or_else(PoisonError::into_inner));
            let arrived = self.look();
            looks.iter().for_each(|answer| answer.give());
            self.quiet = if arrived > 0 || self.store.is_unsettled() { 0 } else { self.quiet.saturating_add(1) };
            let now = self.now();
            for destination in &mut self.destinations {
                destination.pump(&mut self.store, now);
            }
            #[cfg(test)]
            super::failpoint::hit("pump");
            self.make_room();
            self.queue.set_budget(self.hand_off.saturating_sub(self.store.bytes()).max(self.hand_off / 4));
            self.take_asks(now);
            // Before anybody is told that spans have arrived.
            self.keep_journal();
            if self.answer_asks(now) {
                break;
            }
            self.wait(now).await;
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Takes everything that has arrived.
    fn look(&mut self) -> usize {
        let now = self.now();
        let drift = clock::drift();
        #[cfg(feature = "testing")]
        let watched = super::watch::is_open().then(|| self.store.redaction().cloned());
        // What is taken now is in memory twice over while it fills again; there is room for a part of that.
        self.queue.set_budget(self.hand_off / 4);
        let (store, changes, destinations) = (&mut self.store, &mut self.changes, &self.destinations);
        let gate = &mut self.gate;
        let count = self.queue.drain(|record| {
            #[cfg(feature = "testing")]
            if let Some(redaction) = &watched {
                super::watch::see(record, redaction.as_ref());
            }
            let passed;
            let record = match gate.as_mut().map(|gate| gate.pass(record, store.redaction())) {
                None => record,
                Some(Passed::Record(changed)) => {
                    passed = changed;
                    &passed
                }
                Some(Passed::Nothing { span }) => {
                    if span {
                        leave_out(destinations);
                        // What was written of it in advance is not needed any more.
                        store.freed().into_iter().for_each(|freed| freed.push(record.header.span));
                    }
                    return;
                }
            };
            let taken = catch_unwind(AssertUnwindSafe(|| {
                #[cfg(test)]
                super::failpoint::hit("take");
                store.take(record, drift, now, changes);
            }));
            if taken.is_err() {
                lose(record, store, destinations);
            }
        });
        self.tell(now);
        count
    }

    fn tell(&mut self, now: Duration) {
        self.store.settle(&mut self.changes);
        if !self.changes.is_empty() {
            self.told = 0;
        }
        self.tell_rest(now);
    }

    /// Tells those who have not heard of the changes yet. One that panics is not told again, and the others not later than after it.
    fn tell_rest(&mut self, now: Duration) {
        while let Some(destination) = self.destinations.get_mut(self.told) {
            self.told += 1;
            destination.changed(&mut self.store, &self.changes, now);
            #[cfg(test)]
            super::failpoint::hit("tell");
        }
        self.changes.clear();
    }

    /// Deletes what is not needed any more of what was written in advance.
    fn keep_journal(&mut self) {
        let in_memory = self.store.bytes();
        if let (Some(keeper), Some(freed)) = (&mut self.keeper, self.store.freed()) {
            keeper.settle(freed, in_memory);
            if self.quiet >= QUIET_LOOKS {
                keeper.look_after_folder();
            }
        }
    }

    /// Keeps the spans in memory within their share.
    fn make_room(&mut self) {
        let half = self.memory / 2;
        if self.store.bytes() > half {
            let excess = self.store.bytes() - half;
            for destination in &mut self.destinations {
                destination.spill(&mut self.store, excess);
            }
        }
        if self.store.bytes() > self.memory {
            let excess = self.store.bytes() - self.memory;
            for destination in &mut self.destinations {
                destination.relieve(&mut self.store, excess);
            }
        }
    }

    fn take_asks(&mut self, now: Duration) {
        #[cfg(test)]
        super::failpoint::hit("asks");
        let mut new = std::mem::take(&mut *self.shared.asks.lock().unwrap_or_else(PoisonError::into_inner));
        if new.is_empty() {
            return;
        }
        if new.iter().any(|ask| ask.last) {
            self.end_open_spans(now);
        }
        for destination in &mut self.destinations {
            destination.hurry(now);
            destination.pump(&mut self.store, now);
        }
        self.asks.append(&mut new);
    }

    /// The SDK is being shut down: spans that are still open end here, as cancelled, so that what they captured is not lost.
    fn end_open_spans(&mut self, now: Duration) {
        self.look();
        self.store.end_all(clock::now(), now, &mut self.changes);
        self.tell(now);
    }

    /// Answers those whose wish is fulfilled or whose time is up; `true` when the worker is to end.
    fn answer_asks(&mut self, now: Duration) -> bool {
        if self.asks.is_empty() {
            return false;
        }
        let idle =
            self.queue.is_empty() && !self.store.is_unsettled() && self.destinations.iter().all(|one| one.is_idle());
        let clock = Instant::now();
        let ended = self.asks.iter().any(|ask| ask.last && (idle || ask.deadline <= clock));
        if ended {
            self.end();
            return true;
        }
        self.asks.retain(|ask| {
            let done = idle || ask.deadline <= clock;
            if done {
                ask.answer.give();
            }
            !done
        });
        let hurried = self.asks.iter().any(|ask| ask.deadline <= clock + LAST_REQUESTS);
        for destination in &mut self.destinations {
            if hurried {
                destination.stop_lingering(&mut self.store, now);
                destination.pump(&mut self.store, now);
            } else if self.asks.is_empty() {
                destination.resume_lingering();
            }
        }
        false
    }

    /// Whatever is left goes to disk or is counted; after this nobody waits any more.
    fn end(&mut self) {
        for destination in &mut self.destinations {
            // One that panics must not keep the others from it.
            if catch_unwind(AssertUnwindSafe(|| destination.shut_down(&mut self.store))).is_err() {
                let counters = destination.counters();
                counters.drop_spans(DropReason::Internal, counters.account(0).queued);
            }
        }
        if let Some(keeper) = &mut self.keeper {
            keeper.close();
        }
        self.shared.stopped.store(true, Ordering::Release);
        let late = std::mem::take(&mut *self.shared.asks.lock().unwrap_or_else(PoisonError::into_inner));
        for ask in self.asks.drain(..).chain(late) {
            ask.answer.give();
        }
        self.shared.looks.lock().unwrap_or_else(PoisonError::into_inner).drain(..).for_each(|answer| answer.give());
    }

    /// Sleeps until there is a reason to look again.
    async fn wait(&mut self, now: Duration) {
        let busy = self.quiet < QUIET_LOOKS;
        let mut until = now + if busy { TICK } else { NAP };
        for destination in &self.destinations {
            if let Some(deadline) = destination.deadline() {
                until = until.min(deadline.max(now + Duration::from_millis(1)));
            }
        }
        let hurry = |ask: &Ask| ask.deadline.checked_sub(LAST_REQUESTS).unwrap_or(ask.deadline);
        let ask =
            self.asks.iter().flat_map(|ask| [hurry(ask), ask.deadline]).filter(|at| *at > self.started + now).min();
        let mut wake_at = self.started + until;
        if let Some(ask) = ask {
            wake_at = wake_at.min(ask);
        }
        if !busy {
            // From here on a record wakes us; one that came before is seen by this last question.
            self.queue.set_parked(true);
            if !self.queue.is_empty() {
                self.queue.set_parked(false);
                return;
            }
        }
        let shared = self.shared.clone();
        let mut notified = std::pin::pin!(shared.wake.notified());
        let mut sleep = std::pin::pin!(sleep_until(wake_at));
        let woken = poll_fn(|cx| self.poll_wait(notified.as_mut(), sleep.as_mut(), cx)).await;
        if !busy {
            self.queue.set_parked(false);
            if woken {
                // Most spans are short: a moment later this one may be whole.
                self.quiet = 0;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }

    fn poll_wait(
        &mut self,
        notified: Pin<&mut impl Future<Output = ()>>,
        sleep: Pin<&mut Sleep>,
        cx: &mut Context<'_>,
    ) -> Poll<bool> {
        #[cfg(test)]
        super::failpoint::hit("wait");
        let now = self.now();
        let mut ready = false;
        for destination in &mut self.destinations {
            ready |= destination.poll(&mut self.store, now, cx).is_ready();
        }
        if notified.poll(cx).is_ready() {
            return Poll::Ready(true);
        }
        if ready || sleep.poll(cx).is_ready() { Poll::Ready(false) } else { Poll::Pending }
    }
}

/// Counts a record that nothing came of. Only that of a start is a span less.
#[cold]
fn lose(record: &Record<'_>, store: &Store, destinations: &[Box<dyn Destination>]) {
    diag::error("record-lost", format_args!("a span could not be taken in and is lost: a mistake of the SDK"));
    let is_there = store.find_span(record.header.span).is_some_and(|key| store.span(key).is_started());
    if record.header.kind == Kind::Start && !is_there {
        for destination in destinations {
            destination.counters().accept(1);
            destination.counters().drop_spans(DropReason::Internal, 1);
        }
    }
}
