//! The one background thread: takes what has arrived, tells the destinations, waits for their answers, and answers those who flush.
//! It has a runtime of its own, which nothing of the host's ever enters.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep_until};

use super::destination::Destination;
use super::queue::Queue;
use super::stats::{Account, Counters};
use super::store::{Changes, Store};
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
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// What spans may take in memory, beside what waits in the queue.
    pub(crate) memory: usize,
    /// Secrets are masked by their looks.
    pub(crate) redact_values: bool,
}

/// The handle of a running worker, shared by all who flush.
pub(crate) struct Worker {
    queue: Arc<Queue>,
    shared: Arc<Shared>,
    counters: Vec<Arc<Counters>>,
}

#[derive(Default)]
struct Shared {
    wake: Notify,
    asks: Mutex<Vec<Ask>>,
    stopped: std::sync::atomic::AtomicBool,
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
        let look_after = LookAfter::new(queue.clone(), shared.clone(), destinations, rules);
        std::thread::Builder::new().name("galileo-worker".to_owned()).spawn(move || {
            let _suppressed = crate::suppress::enter();
            runtime.block_on(look_after.run());
            // A name look-up that hangs must not keep the thread.
            runtime.shutdown_background();
        })?;
        Ok(Self { queue, shared, counters })
    }

    /// Asks for everything that has been recorded to be delivered by `timeout` from now, without waiting for it.
    pub(crate) fn ask(&self, timeout: Duration, last: bool) -> Arc<Answer> {
        let answer = Arc::<Answer>::default();
        let deadline = Instant::now() + timeout.min(Duration::from_secs(86_400 * 365));
        let ask = Ask { deadline, last, answer: answer.clone() };
        self.shared.asks.lock().unwrap_or_else(PoisonError::into_inner).push(ask);
        if self.shared.stopped.load(std::sync::atomic::Ordering::Acquire) {
            answer.give();
        }
        self.shared.wake.notify_one();
        answer
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

/// What runs on the thread.
struct LookAfter {
    queue: Arc<Queue>,
    shared: Arc<Shared>,
    destinations: Vec<Box<dyn Destination>>,
    store: Store,
    changes: Changes,
    started: Instant,
    asks: Vec<Ask>,
    quiet: u32,
    memory: usize,
}

impl LookAfter {
    fn new(queue: Arc<Queue>, shared: Arc<Shared>, destinations: Vec<Box<dyn Destination>>, rules: Rules) -> Self {
        let keepers = destinations.iter().filter(|destination| destination.keeps_traces()).count();
        Self {
            queue,
            shared,
            store: Store::new(destinations.len() as u8, keepers as u8).redacting(rules.redact_values),
            destinations,
            changes: Changes::default(),
            started: Instant::now(),
            asks: Vec::new(),
            quiet: 0,
            memory: rules.memory,
        }
    }

    async fn run(mut self) {
        self.started = Instant::now();
        loop {
            let arrived = self.look();
            self.quiet = if arrived > 0 || self.store.is_unsettled() { 0 } else { self.quiet.saturating_add(1) };
            let now = self.now();
            for destination in &mut self.destinations {
                destination.pump(&mut self.store, now);
            }
            self.make_room();
            self.take_asks(now);
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
        self.changes.clear();
        let (store, changes) = (&mut self.store, &mut self.changes);
        let count = self.queue.drain(|record| store.take(record, drift, now, changes));
        self.tell(now);
        count
    }

    fn tell(&mut self, now: Duration) {
        self.store.settle(&mut self.changes);
        let spare = self.changes.is_empty();
        if !spare {
            for destination in &mut self.destinations {
                destination.changed(&mut self.store, &self.changes, now);
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
        self.changes.clear();
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
            for destination in &mut self.destinations {
                destination.shut_down(&mut self.store);
            }
            self.shared.stopped.store(true, std::sync::atomic::Ordering::Release);
            let late = std::mem::take(&mut *self.shared.asks.lock().unwrap_or_else(PoisonError::into_inner));
            for ask in self.asks.drain(..).chain(late) {
                ask.answer.give();
            }
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
