//! The Galileo destination: logs in once, then turns what the combiner hands out into concurrent requests and its answers back into
//! the combiner's terms.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::stream::{FuturesUnordered, Stream as _};
use http::header::{CONTENT_ENCODING, HeaderMap, HeaderValue};

use super::account::{AccountError, Target};
use super::answer::{Verdict, judge, of_account};
use super::client::{Client, SendError};
use super::disk::Disk;
use super::session::{self, Session, Sessions, Wish};
use super::wire::Source;
use crate::config::{CompressionSetting, GalileoSettings, Limits, Mode, ServiceSettings};
use crate::diag;
use crate::export::gzip::Gzip;
use crate::export::transport::{Answer, Request, Transport, TransportError};
use crate::pipeline::combine::{Combine, Eviction, Finding, Refusal, Step, StepKind, StepLimits};
use crate::pipeline::destination::Destination;
use crate::pipeline::gate::Gate;
use crate::pipeline::spool::Spool;
use crate::pipeline::stats::{Counters, DropReason};
use crate::pipeline::store::{Changes, Store};

/// Requests at a time while the backend is well.
const PARALLEL: usize = 4;
/// A request is closed when its spans have brought this much, unless the user's limit is lower.
const FULL: usize = 512 * 1024;
/// Levels of nesting in one request; more than this would trouble readers of JSON that guard their stack.
const DEPTH: u32 = 12;
/// Requests that run out of time get more of it, up to this.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Sends spans to a Galileo backend.
pub(crate) struct GalileoDestination {
    settings: GalileoSettings,
    client: Client,
    target: Option<Target>,
    asking_for_target: bool,
    combine: Combine,
    service: Arc<ServiceSettings>,
    counters: Arc<Counters>,
    sessions: Sessions,
    /// Steps whose session is being asked for.
    parked: VecDeque<(Wish, Step)>,
    jobs: FuturesUnordered<Job>,
    sending: usize,
    limits: Limits,
    timeout: Duration,
    gzip: Option<Gzip>,
    gate: Gate,
    /// A new token was fetched after a refusal and has not been accepted since.
    renewed: bool,
    disk: Disk,
}

type Job = Pin<Box<dyn Future<Output = Done> + Send>>;

enum Done {
    Target(Result<Target, AccountError>),
    Session(Wish, Result<Option<String>, SendError>),
    Answer(Step, Result<Answer, SendError>),
}

impl GalileoDestination {
    pub(crate) fn new(
        settings: GalileoSettings,
        transport: Transport,
        mode: Mode,
        linger: Duration,
        limits: Limits,
        service: Arc<ServiceSettings>,
        spool: Option<Spool>,
    ) -> Self {
        let gzip = match settings.compression {
            CompressionSetting::None => None,
            CompressionSetting::Gzip => Some(Gzip::always()),
            CompressionSetting::Auto => (!settings.api.is_loopback()).then(Gzip::frugal),
        };
        Self {
            client: Client::new(settings.clone(), transport),
            target: None,
            asking_for_target: false,
            combine: Combine::new(mode, linger),
            service,
            counters: Arc::new(Counters::new("galileo")),
            sessions: Sessions::default(),
            parked: VecDeque::new(),
            jobs: FuturesUnordered::new(),
            sending: 0,
            limits,
            timeout: settings.request_timeout,
            gzip,
            gate: Gate::default(),
            renewed: false,
            disk: Disk::new(spool),
            settings,
        }
    }

    /// Turns a step into a request, unless its session has to be asked for first.
    fn start(&mut self, store: &Store, step: Step) {
        let Some(target) = self.target.clone() else { return };
        let mut session = None;
        if let (StepKind::CreateTraces { .. }, Some(&(first, _))) = (step.kind, step.items.first()) {
            let trace = self.combine.node(first).trace;
            match self.sessions.find(self.combine.session_parts(store, trace)) {
                Session::None => {}
                Session::Id(id) => session = Some(id),
                Session::Unknown(wish) => {
                    if !self.parked.iter().any(|(known, _)| *known == wish) {
                        self.ask_for_session(target, wish.clone());
                    }
                    self.parked.push_back((wish, step));
                    return;
                }
            }
        }
        let mut body = self.client.buffer();
        let source = Source { combine: &self.combine, store, service: &self.service, target: &target };
        let route = source.write(&step, session.as_deref(), &mut body);
        let (method, url) = (route.method(), route.url(&self.settings, &target));
        if diag::says(diag::LogLevel::Debug) {
            diag::debug(format_args!("{method} {url} ({} bytes)", body.len()));
        }
        let mut headers = HeaderMap::new();
        if let Some(packed) = self.gzip.as_mut().and_then(|gzip| gzip.pack(&body)) {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            body = packed;
        }
        self.counters.request();
        self.sending += 1;
        let request = Request { method, url, headers, body: Bytes::from(body), timeout: self.timeout };
        let client = self.client.clone();
        self.jobs.push(Box::pin(async move {
            let result = client.send(target.ingest, request).await;
            Done::Answer(step, result)
        }));
    }

    fn ask_for_target<F>(&mut self, ask: impl FnOnce(Client) -> F)
    where
        F: Future<Output = Result<Target, AccountError>> + Send + 'static,
    {
        self.asking_for_target = true;
        let answer = ask(self.client.clone());
        self.jobs.push(Box::pin(async move { Done::Target(answer.await) }));
    }

    fn ask_for_session(&mut self, target: Target, wish: Wish) {
        let (client, settings, timeout) = (self.client.clone(), self.settings.clone(), self.timeout);
        self.jobs.push(Box::pin(async move {
            let result = session::ask(client, settings, target, &wish, timeout).await;
            Done::Session(wish, result)
        }));
    }

    fn answered(&mut self, store: &mut Store, step: Step, result: Result<Answer, SendError>, now: Duration) {
        self.sending -= 1;
        let verdict = judge(&result, SystemTime::now());
        if matches!(result, Err(SendError::Transport(TransportError::Timeout))) {
            self.timeout = (self.timeout * 2).min(LONGEST_TIMEOUT.max(self.settings.request_timeout));
        }
        let finding = match verdict {
            Verdict::Accepted => {
                self.gate.succeeded(now);
                self.renewed = false;
                self.timeout = self.settings.request_timeout;
                self.combine.accepted(store, step, now)
            }
            Verdict::Refused(refusal, reason) => self.refused(store, step, refusal, &reason, now),
            Verdict::Unauthorized(reason) if !self.renewed && !self.uses_key() => {
                diag::info("galileo-token", format_args!("the token was refused ({reason}); logging in again"));
                self.renewed = true;
                self.ask_for_target(Client::target_with_new_token);
                self.combine.refused(store, step, Refusal::Later, now)
            }
            Verdict::Unauthorized(reason) | Verdict::Stuck(reason) => {
                self.stuck(&reason, now);
                self.combine.refused(store, step, Refusal::Later, now)
            }
            Verdict::Later { wish, reason } => {
                self.later(wish, &reason, now);
                self.combine.refused(store, step, Refusal::Later, now)
            }
        };
        self.tell(finding);
        self.settle_accounts();
    }

    /// Whether requests carry the key itself, so that logging in again changes nothing.
    fn uses_key(&self) -> bool {
        self.target.as_ref().is_some_and(|target| target.ingest)
    }

    fn refused(&mut self, store: &mut Store, step: Step, refusal: Refusal, reason: &str, now: Duration) -> Finding {
        self.counters.failure();
        match (refusal, step.kind) {
            // Creating a trace depends on nothing: something about the project or the route is wrong.
            (Refusal::Unknown, StepKind::CreateTraces { .. }) => {
                self.later(None, reason, now);
                return self.combine.refused(store, step, Refusal::Later, now);
            }
            (Refusal::Never, _) => {
                diag::warn("galileo-refused", format_args!("the backend refused a request for good: {reason}"))
            }
            (Refusal::Unknown, _) => diag::debug(format_args!("the backend does not know the parent yet: {reason}")),
            _ => {}
        }
        self.combine.refused(store, step, refusal, now)
    }

    fn later(&mut self, wish: Option<Duration>, reason: &str, now: Duration) {
        self.counters.failure();
        if self.gate.failed(wish, now) {
            diag::warn("galileo-later", format_args!("Galileo cannot be reached or is not well, spans wait: {reason}"));
        }
    }

    fn stuck(&mut self, reason: &str, now: Duration) {
        self.counters.failure();
        self.gate.stuck(now);
        diag::error(
            "galileo-stuck",
            format_args!("Galileo does not let us in; spans are kept and it is asked again every minute: {reason}"),
        );
    }

    fn tell(&self, finding: Finding) {
        match finding {
            Finding::None | Finding::Dropped => {}
            Finding::WantsSingleSpans => diag::warn(
                "galileo-single",
                format_args!(
                    "the backend refuses grouped or nested spans and takes the same spans alone; from now on each goes alone \
                     (GALILEO_SINGLE_SPANS=true starts that way)"
                ),
            ),
            Finding::Linked => diag::warn(
                "galileo-linked",
                format_args!("spans arrived after their trace was complete; they go into a linked trace"),
            ),
        }
    }

    fn settle_accounts(&mut self) {
        self.disk.done(self.combine.take_restored_done());
        let tally = self.combine.take_tally();
        self.counters.deliver(tally.delivered);
        for (reason, count) in tally.dropped.reasons() {
            self.counters.drop_spans(reason, count);
        }
    }

    fn take_done(&mut self, store: &mut Store, done: Done, now: Duration) {
        match done {
            Done::Target(result) => {
                self.asking_for_target = false;
                match result {
                    Ok(target) => {
                        diag::info(
                            "galileo-ready",
                            format_args!("logging to project {} at {}", target.project_id, self.settings.api),
                        );
                        self.gate.succeeded(now);
                        self.target = Some(target);
                    }
                    Err(error) => match of_account(&error) {
                        Verdict::Later { wish, reason } => self.later(wish, &reason, now),
                        Verdict::Stuck(reason) => self.stuck(&reason, now),
                        _ => {}
                    },
                }
            }
            Done::Session(wish, result) => self.session_known(store, wish, result, now),
            Done::Answer(step, result) => self.answered(store, step, result, now),
        }
    }

    fn session_known(
        &mut self,
        store: &mut Store,
        wish: Wish,
        result: Result<Option<String>, SendError>,
        now: Duration,
    ) {
        let (mine, others): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.parked).into_iter().partition(|(parked, _)| *parked == wish);
        self.parked = others;
        match result {
            Ok(id) => {
                if id.is_none() {
                    diag::warn(
                        "galileo-session",
                        format_args!("the backend gave no session; its traces go without one"),
                    );
                }
                self.sessions.learn(wish, id);
                for (_, step) in mine {
                    self.start(store, step);
                }
            }
            Err(error) => {
                for (_, step) in mine {
                    self.combine.refused(store, step, Refusal::Later, now);
                }
                match judge(&Err(error), SystemTime::now()) {
                    Verdict::Stuck(reason) => self.stuck(&reason, now),
                    Verdict::Later { wish, reason } => self.later(wish, &reason, now),
                    _ => self.later(None, "the session could not be asked for", now),
                }
            }
        }
    }

    fn evict(&mut self, store: &mut Store, bytes: usize) {
        let count = self.disk.evict(store, &mut self.combine, &self.service, bytes);
        self.counters.spool(count);
        self.settle_accounts();
    }

    fn step_limits(&self) -> StepLimits {
        StepLimits { bytes: FULL.min(self.limits.body / 2), depth: DEPTH, single: self.settings.single_spans }
    }
}

impl Destination for GalileoDestination {
    fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    fn keeps_traces(&self) -> bool {
        true
    }

    fn changed(&mut self, store: &mut Store, changes: &Changes, now: Duration) {
        self.counters.accept(changes.accepted);
        self.combine.changed(store, changes, now);
        self.settle_accounts();
    }

    fn pump(&mut self, store: &mut Store, now: Duration) {
        if !self.gate.is_open(now) || self.asking_for_target {
            return;
        }
        if self.target.is_none() {
            return self.ask_for_target(Client::target);
        }
        // What is in memory may itself be waiting for what is on the disk.
        let waits = self.sending == 0 && self.combine.has_nothing_ready();
        if !self.gate.is_failing() && (waits || store.bytes() < self.limits.queue / 8) {
            self.disk.restore(store, &mut self.combine, &self.counters, now);
        }
        // One request asks whether the outage is over; the rest follow it.
        let parallel = if self.gate.is_failing() { 1 } else { PARALLEL };
        while self.sending + self.parked.len() < parallel {
            let Some(step) = self.combine.next(store, self.step_limits(), now) else { break };
            self.start(store, step);
        }
        self.settle_accounts();
    }

    fn poll(&mut self, store: &mut Store, now: Duration, cx: &mut Context<'_>) -> Poll<()> {
        let mut any = false;
        while let Poll::Ready(Some(done)) = Pin::new(&mut self.jobs).poll_next(cx) {
            self.take_done(store, done, now);
            any = true;
        }
        if any { Poll::Ready(()) } else { Poll::Pending }
    }

    fn deadline(&self) -> Option<Duration> {
        let work = self.target.is_none() || !self.combine.has_nothing_ready();
        let opens_at = self.gate.opens_at();
        if work && opens_at > Duration::ZERO && self.jobs.is_empty() {
            return Some(opens_at);
        }
        self.combine.deadline().map(|own| own.max(opens_at))
    }

    fn is_idle(&self) -> bool {
        // What is on disk counts as settled while the backend is not well; else it goes out as well.
        let disk = self.disk.is_empty() || self.gate.is_failing() || self.target.is_none() && !self.asking_for_target;
        self.sending == 0 && self.parked.is_empty() && self.combine.is_idle() && disk
    }

    fn spill(&mut self, store: &mut Store, bytes: usize) {
        // While the backend is well it is faster than the disk and back.
        if self.gate.is_failing() || self.target.is_none() || self.gate.opens_at() > Duration::ZERO {
            self.evict(store, bytes);
        }
    }

    fn relieve(&mut self, store: &mut Store, bytes: usize) {
        self.combine.send_open_traces();
        let before = store.bytes();
        self.evict(store, bytes);
        // What the disk does not take.
        let freed = before - store.bytes();
        if freed < bytes {
            self.combine.evict(store, bytes - freed, Eviction::Drop);
        }
        self.settle_accounts();
    }

    fn hurry(&mut self, now: Duration) {
        self.gate.hurry(now);
    }

    fn stop_lingering(&mut self, store: &mut Store, now: Duration) {
        self.combine.stop_lingering(store, now);
        self.settle_accounts();
    }

    fn resume_lingering(&mut self) {
        self.combine.resume_lingering();
    }

    fn shut_down(&mut self, store: &mut Store) {
        self.settle_accounts();
        let spooled = self.disk.keep_all(store, &self.combine, &self.service);
        self.counters.spool(spooled);
        let left = self.counters.account(0).queued;
        self.counters.drop_spans(DropReason::Shutdown, left);
    }
}
