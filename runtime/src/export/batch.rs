//! A destination that takes whole spans over HTTP, many to a request and in any order: OpenTelemetry's protocol, LangSmith's runs.
//!
//! Knows no protocol: [`Protocol`] makes the requests and judges the answers, this decides what goes when.

use super::transport::{Answer, Request, Transport, TransportError};
use crate::config::ServiceSettings;
use crate::diag;
use crate::pipeline::destination::Destination;
use crate::pipeline::exporter::SpanRecord;
use crate::pipeline::gate::Gate;
use crate::pipeline::record::StartFlags;
use crate::pipeline::spool::{self, Label, Shelf, Spool};
use crate::pipeline::stats::{Counters, DropReason};
use crate::pipeline::store::{Changes, Key, Store};
use futures::stream::{FuturesUnordered, Stream};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Spans of one request.
const MOST_SPANS: usize = 512;
/// A span waits this long for others to go with it, unless somebody waits for it.
const LINGER: Duration = Duration::from_millis(100);
/// Requests under way at once.
const IN_FLIGHT: usize = 4;

/// What one backend makes of spans.
pub(crate) trait Protocol: Send {
    /// A question to be asked before the first spans are sent; an answer other than success changes nothing.
    fn opening(&mut self) -> Option<Request> {
        None
    }

    /// The answer to it.
    fn opened(&mut self, _answer: &Answer) {}

    /// Spans that one request may hold.
    fn most_spans(&self) -> usize {
        MOST_SPANS
    }

    /// Bytes that one request may have, if the backend says so.
    fn most_bytes(&self) -> usize {
        usize::MAX
    }

    /// Takes note of a span that has started; parents come before their children.
    fn started(&mut self, _record: &SpanRecord<'_>) {}

    /// Whether the span is sent at all.
    fn wants(&mut self, _record: &SpanRecord<'_>) -> bool {
        true
    }

    /// One request that carries these spans; `buffer` is empty memory for its body.
    fn request(&mut self, spans: &[SpanRecord<'_>], buffer: Vec<u8>) -> Request;

    /// What an answer means.
    fn judge(&mut self, answer: &Answer) -> Verdict;

    /// What a span has to say on disk beside what is in it, so that it can be sent by another process.
    fn label(&self, _record: &SpanRecord<'_>) -> Label {
        Label::default()
    }
}

/// What to do about an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The request was taken; so many of its spans were refused.
    Delivered { refused: u64 },
    /// Try again, no sooner than the backend asks for.
    Retry(Option<Duration>),
    /// Try once more; after that it counts as refused.
    #[cfg_attr(not(feature = "otlp"), allow(dead_code, reason = "only OpenTelemetry's protocol asks for it"))]
    RetryOnce,
    /// Try again at once: the next request will be made another way.
    Again,
    /// The key is wrong: hold everything and ask again later.
    Pause,
    /// The request is too large.
    Split,
    /// It will never be taken.
    GiveUp,
}

/// Bounds of one destination.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchLimits {
    /// Bytes of one request's body.
    pub(crate) body: usize,
    /// How long a span is kept while it cannot be delivered.
    pub(crate) age: Duration,
}

struct Waiting {
    key: Key,
    since: Duration,
    /// Answers that count against it.
    strikes: u8,
}

type Exchange = Pin<Box<dyn Future<Output = (u64, Result<Answer, TransportError>)> + Send>>;
type Opening = Pin<Box<dyn Future<Output = Result<Answer, TransportError>> + Send>>;

/// The destination.
pub(crate) struct Batches<P> {
    protocol: P,
    transport: Transport,
    service: Arc<ServiceSettings>,
    limits: BatchLimits,
    counters: Arc<Counters>,
    waiting: VecDeque<Waiting>,
    under_way: FuturesUnordered<Exchange>,
    /// The spans of the requests under way, by the number of each.
    sent: Vec<(u64, Vec<Waiting>)>,
    requests: u64,
    /// The question before the first spans, once there are any.
    opening: Option<Opening>,
    asked: bool,
    gate: Gate,
    hurried: bool,
    most_spans: usize,
    shelf: Shelf,
}

impl<P: Protocol> Batches<P> {
    pub(crate) fn new(
        name: &'static str,
        protocol: P,
        transport: Transport,
        service: Arc<ServiceSettings>,
        limits: BatchLimits,
        spool: Option<Spool>,
    ) -> Self {
        Self {
            shelf: Shelf::new(spool),
            protocol,
            transport,
            service,
            limits,
            counters: Arc::new(Counters::new(name)),
            waiting: VecDeque::new(),
            under_way: FuturesUnordered::new(),
            sent: Vec::new(),
            requests: 0,
            opening: None,
            asked: false,
            gate: Gate::default(),
            hurried: false,
            most_spans: MOST_SPANS,
        }
    }

    /// Whether a request should be made now.
    fn is_due(&self, now: Duration) -> bool {
        let Some(oldest) = self.waiting.front() else { return false };
        // After a failure one request at a time asks whether the outage is over.
        let places = if self.gate.is_failing() { 1 } else { IN_FLIGHT };
        self.gate.is_open(now)
            && self.opening.is_none()
            && self.under_way.len() < places
            && (self.hurried || self.waiting.len() >= self.most_spans() || now >= oldest.since + LINGER)
    }

    fn most_spans(&self) -> usize {
        self.most_spans.min(self.protocol.most_spans())
    }

    /// Asks what has to be known first; `false` when nothing has to be.
    fn open(&mut self) -> bool {
        if std::mem::replace(&mut self.asked, true) {
            return false;
        }
        let Some(request) = self.protocol.opening() else { return false };
        let transport = self.transport.clone();
        self.opening = Some(Box::pin(async move { transport.send(request).await }));
        true
    }

    fn send(&mut self, store: &Store) {
        let most_bytes = self.limits.body.min(self.protocol.most_bytes());
        let mut count = 0;
        let mut bytes = 0;
        // Names, escapes and the repetition of content under several keys make a body some times larger than what was captured.
        while count < self.waiting.len().min(self.most_spans()) && (count == 0 || bytes < most_bytes / 4) {
            bytes += store.span(self.waiting[count].key).bytes();
            count += 1;
        }
        let mut request = self.encode(store, count);
        while request.body.len() > most_bytes && count > 1 {
            count /= 2;
            request = self.encode(store, count);
        }
        let batch: Vec<Waiting> = self.waiting.drain(..count).collect();
        self.counters.request();
        self.requests += 1;
        let (transport, number) = (self.transport.clone(), self.requests);
        self.sent.push((number, batch));
        self.under_way.push(Box::pin(async move { (number, transport.send(request).await) }));
    }

    fn encode(&mut self, store: &Store, count: usize) -> Request {
        let records: Vec<SpanRecord<'_>> = self
            .waiting
            .iter()
            .take(count)
            .map(|waiting| SpanRecord { span: store.span(waiting.key), service: &self.service })
            .collect();
        self.protocol.request(&records, self.transport.buffer())
    }

    fn answered(
        &mut self,
        store: &mut Store,
        now: Duration,
        batch: Vec<Waiting>,
        answer: Result<Answer, TransportError>,
    ) {
        let verdict = match &answer {
            Ok(answer) => self.protocol.judge(answer),
            Err(TransportError::Unsendable(_)) => Verdict::GiveUp,
            Err(_) => Verdict::Retry(None),
        };
        let name = self.counters.exporter;
        let said = match &answer {
            Ok(answer) => format!("it answered {} {}", answer.status, answer.excerpt()).trim_end().to_owned(),
            Err(error) => error.to_string(),
        };
        match verdict {
            Verdict::Delivered { refused } => {
                self.gate.succeeded(now);
                self.most_spans = (self.most_spans * 2).min(MOST_SPANS);
                let refused = refused.min(batch.len() as u64);
                if refused > 0 {
                    diag::warn(
                        "export-refused",
                        format_args!("{name} refused {refused} of {} spans; {said}", batch.len()),
                    );
                }
                self.counters.deliver(batch.len() as u64 - refused);
                self.counters.drop_spans(DropReason::Rejected, refused);
                self.release(store, batch);
            }
            Verdict::Again => self.put_back(batch),
            Verdict::Split if batch.len() > 1 => {
                self.most_spans = (batch.len() / 2).max(1);
                self.put_back(batch);
            }
            Verdict::Split => {
                diag::warn("export-size", format_args!("{name} finds one span too large; {said}"));
                self.give_up(store, DropReason::Size, batch);
            }
            Verdict::GiveUp => {
                diag::warn("export-refused", format_args!("{name} refused {} spans; {said}", batch.len()));
                self.give_up(store, DropReason::Rejected, batch);
            }
            Verdict::RetryOnce => {
                let (mut again, never): (Vec<_>, Vec<_>) = batch.into_iter().partition(|waiting| waiting.strikes == 0);
                again.iter_mut().for_each(|waiting| waiting.strikes += 1);
                if !never.is_empty() {
                    diag::warn("export-refused", format_args!("{name} failed twice on {} spans; {said}", never.len()));
                }
                self.give_up(store, DropReason::Rejected, never);
                self.failed(again, None, now, &said);
            }
            Verdict::Retry(wish) => self.failed(batch, wish, now, &said),
            Verdict::Pause => {
                diag::warn(
                    "export-denied",
                    format_args!("{name} denies access; spans are kept and it is asked again; {said}"),
                );
                self.counters.failure();
                self.put_back(batch);
                self.gate.stuck(now);
            }
        }
    }

    fn failed(&mut self, batch: Vec<Waiting>, wish: Option<Duration>, now: Duration, said: &str) {
        self.counters.failure();
        diag::warn("export-failed", format_args!("{} failed and will be tried again; {said}", self.counters.exporter));
        self.put_back(batch);
        self.gate.failed(wish, now);
    }

    fn put_back(&mut self, batch: Vec<Waiting>) {
        for waiting in batch.into_iter().rev() {
            self.waiting.push_front(waiting);
        }
    }

    fn give_up(&mut self, store: &mut Store, reason: DropReason, batch: Vec<Waiting>) {
        self.counters.drop_spans(reason, batch.len() as u64);
        self.release(store, batch);
    }

    /// The fate of these is decided.
    fn release(&mut self, store: &mut Store, batch: Vec<Waiting>) {
        let mut restored = 0;
        for waiting in batch {
            restored += u64::from(is_restored(store, &waiting));
            store.release_span(waiting.key);
        }
        self.shelf.done(restored);
    }

    /// Moves the oldest spans to the disk until `bytes` are free; says how many bytes that were.
    fn shelve(&mut self, store: &mut Store, bytes: usize) -> usize {
        let (mut freed, mut count) = (0, 0);
        if !self.shelf.is_there() {
            return 0;
        }
        let facts: Vec<_> = spool::facts(&self.service).collect();
        while freed < bytes {
            // What was read back is still in its file.
            let Some(waiting) = self.waiting.front().filter(|waiting| !is_restored(store, waiting)) else { break };
            let key = waiting.key;
            let mut label = self.protocol.label(&SpanRecord { span: store.span(key), service: &self.service });
            label.flags = StartFlags::SPOOLED;
            if !self.shelf.write(store, key, &label, &facts) {
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

    /// Reads spans back from the disk, when there is time and room for them.
    fn restore(&mut self, store: &mut Store, now: Duration) {
        if self.gate.is_failing() || !self.gate.is_open(now) || self.waiting.len() >= self.most_spans() {
            return;
        }
        let Some(changes) = self.shelf.restore(store, &self.counters, now) else { return };
        for &key in &changes.started {
            self.protocol.started(&SpanRecord { span: store.span(key), service: &self.service });
        }
        self.waiting.extend(changes.ended.iter().map(|&key| Waiting { key, since: now, strikes: 0 }));
    }

    /// Lets go of what has waited too long.
    fn expire(&mut self, store: &mut Store, now: Duration) {
        let age = self.limits.age;
        let old = self.waiting.iter().take_while(|waiting| now > waiting.since + age).count();
        if old > 0 {
            let old = self.waiting.drain(..old).collect();
            self.give_up(store, DropReason::Age, old);
        }
    }
}

fn is_restored(store: &Store, waiting: &Waiting) -> bool {
    store.span(waiting.key).flags.has(StartFlags::SPOOLED)
}

impl<P: Protocol> Destination for Batches<P> {
    fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    fn changed(&mut self, store: &mut Store, changes: &Changes, now: Duration) {
        self.counters.accept(changes.accepted);
        for &key in &changes.started {
            self.protocol.started(&SpanRecord { span: store.span(key), service: &self.service });
        }
        for &key in &changes.ended {
            if self.protocol.wants(&SpanRecord { span: store.span(key), service: &self.service }) {
                self.waiting.push_back(Waiting { key, since: now, strikes: 0 });
            } else {
                self.counters.drop_spans(DropReason::Filtered, 1);
                store.release_span(key);
            }
        }
    }

    fn pump(&mut self, store: &mut Store, now: Duration) {
        self.expire(store, now);
        self.restore(store, now);
        while self.is_due(now) && !self.open() {
            self.send(store);
        }
        if self.waiting.is_empty() {
            self.hurried = false;
        }
    }

    fn poll(&mut self, store: &mut Store, now: Duration, cx: &mut Context<'_>) -> Poll<()> {
        let mut progress = Poll::Pending;
        if let Some(Poll::Ready(answer)) = self.opening.as_mut().map(|opening| opening.as_mut().poll(cx)) {
            self.opening = None;
            if let Ok(answer) = answer.as_ref()
                && answer.status.is_success()
            {
                self.protocol.opened(answer);
            }
            progress = Poll::Ready(());
        }
        while let Poll::Ready(Some((number, answer))) = Pin::new(&mut self.under_way).poll_next(cx) {
            if let Some(at) = self.sent.iter().position(|(sent, _)| *sent == number) {
                let (_, batch) = self.sent.swap_remove(at);
                self.answered(store, now, batch, answer);
            }
            progress = Poll::Ready(());
        }
        progress
    }

    fn deadline(&self) -> Option<Duration> {
        let oldest = self.waiting.front()?;
        let busy = self.gate.is_failing() || self.under_way.len() >= IN_FLIGHT;
        if self.opening.is_some() || busy && !self.under_way.is_empty() {
            // An answer comes first.
            return None;
        }
        Some(self.gate.opens_at().max(if self.hurried { oldest.since } else { oldest.since + LINGER }))
    }

    fn is_idle(&self) -> bool {
        // What is on disk counts as settled while the backend is not well; else it goes out as well.
        let disk = self.shelf.is_empty() || self.gate.is_failing() || self.gate.opens_at() > Duration::ZERO;
        self.waiting.is_empty() && self.under_way.is_empty() && disk
    }

    fn spill(&mut self, store: &mut Store, bytes: usize) {
        // While the backend is well it is faster than the disk and back.
        if self.gate.is_failing() || self.gate.opens_at() > Duration::ZERO {
            self.shelve(store, bytes);
        }
    }

    fn hurry(&mut self, now: Duration) {
        self.hurried = true;
        self.gate.hurry(now);
    }

    fn relieve(&mut self, store: &mut Store, bytes: usize) {
        let mut freed = self.shelve(store, bytes);
        let mut dropped = Vec::new();
        while freed < bytes {
            let Some(waiting) = self.waiting.pop_front() else { break };
            freed += store.span(waiting.key).bytes();
            dropped.push(waiting);
        }
        self.give_up(store, DropReason::QueueFull, dropped);
    }

    fn shut_down(&mut self, store: &mut Store) {
        // What is under way may have arrived; nobody can tell any more, so it is kept as well.
        self.under_way.clear();
        for (_, batch) in std::mem::take(&mut self.sent) {
            self.put_back(batch);
        }
        if self.shelf.is_there() {
            let (restored, own): (Vec<_>, Vec<_>) =
                std::mem::take(&mut self.waiting).into_iter().partition(|waiting| is_restored(store, waiting));
            // Its file stays.
            self.counters.spool(restored.len() as u64);
            for waiting in restored {
                store.release_span(waiting.key);
            }
            self.waiting = own.into();
            self.shelve(store, usize::MAX);
            self.shelf.shut_down();
        }
        let lost = self.counters.account(0).queued;
        self.counters.drop_spans(DropReason::Shutdown, lost);
        for waiting in self.waiting.drain(..) {
            store.release_span(waiting.key);
        }
    }
}
