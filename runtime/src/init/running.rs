//! The pipeline that runs in this process, if one does.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::builder::ConfigBuilder;
use super::destinations::{self, Destinations};
use super::guard::Guard;
use crate::capture;
use crate::config::{Mode, PropagatorKind, RedactionRule, SamplingSettings, ServiceSettings, Settings};
use crate::diag;
use crate::error::InitError;
use crate::http::{AllowedHosts, allow_hosts};
use crate::pipeline::hook::Hook;
use crate::pipeline::queue::Queue;
use crate::pipeline::redact::Redaction;
use crate::pipeline::spool::Journal;
use crate::pipeline::worker::{Rules, Waker, Worker};
use crate::pipeline::{flush, fork, global};
use crate::propagation::{self, Propagators};
use crate::sampling::Sampler;
use crate::status::{ExporterStatus, Status};

/// Sixteenths of the memory budget: what waits to be taken in while nothing else is in memory, which shrinks as spans wait for their
/// requests, and what those may take. The rest is for the bodies of requests and for what the allocator holds back.
const HAND_OFF: usize = 8;
const SPANS: usize = 5;

static RUNNING: Mutex<Option<Running>> = Mutex::new(None);

/// A running pipeline, or the place of one that was switched off by a setting.
#[derive(Clone)]
pub(super) struct Running {
    id: u32,
    pub(super) worker: Option<Arc<Worker>>,
    mode: Mode,
    service: Arc<ServiceSettings>,
    /// What it was made from, for the child of a fork.
    plan: Arc<Plan>,
}

/// What a pipeline is made from.
struct Plan {
    settings: Settings,
    redaction: Vec<RedactionRule>,
    hook: Option<Hook>,
    /// The program gave exporters of its own, of which there is only one each.
    has_own_exporters: bool,
}

impl Running {
    /// What Galileo routes spans by, under the names of its attributes.
    #[cfg(feature = "opentelemetry")]
    pub(super) fn routes(&self) -> Vec<(&'static str, String)> {
        use crate::config::Named;
        let settings = &self.plan.settings;
        if let Some(galileo) = &settings.galileo {
            let named = |what: &Named, name, id| match what {
                Named::Name(text) => (name, text.clone()),
                Named::Id(text) => (id, text.clone()),
            };
            let stream = match &galileo.experiment_id {
                Some(id) => ("galileo.experiment.id", id.clone()),
                None => named(&galileo.log_stream, "galileo.logstream.name", "galileo.logstream.id"),
            };
            return vec![named(&galileo.project, "galileo.project.name", "galileo.project.id"), stream];
        }
        let headers = settings.otlp.iter().flat_map(|otlp| &otlp.headers);
        let known = headers.filter_map(|(header, value)| {
            let key = match header.as_str() {
                "project" => "galileo.project.name",
                "logstream" => "galileo.logstream.name",
                "experimentid" => "galileo.experiment.id",
                _ => return None,
            };
            Some((key, value.to_str().ok()?.to_owned()))
        });
        known.collect()
    }

    /// Whether both are what one `init` has started.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

fn lock() -> MutexGuard<'static, Option<Running>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Panics while the lock is held, as a mistake of ours would.
#[cfg(test)]
pub(super) fn poison() {
    let _ = std::panic::catch_unwind(|| {
        let _held = lock();
        panic!("injected while the lock is held");
    });
    assert!(RUNNING.is_poisoned());
}

/// The pipeline that runs now.
pub(super) fn current() -> Option<Running> {
    lock().clone()
}

/// Starts the pipeline that `settings` describe.
pub(super) fn start(settings: Settings, builder: ConfigBuilder) -> Result<Guard, InitError> {
    let mut running = lock();
    if running.is_some() {
        return Err(InitError::AlreadyRunning);
    }
    diag::set_level(settings.log_level);
    let id = global::next_generation();
    let service = Arc::new(settings.service.clone());
    #[cfg(all(unix, feature = "signal"))]
    if builder.flush_on_signal {
        super::signal::watch(settings.flush_timeout);
    }
    let ConfigBuilder { exporters, propagators, sampler, redaction, hook, .. } = builder;
    let plan = Arc::new(Plan { settings: settings.clone(), redaction, hook, has_own_exporters: !exporters.is_empty() });
    let mut started = Running { id, worker: None, mode: settings.mode, service, plan };
    if settings.recording {
        let destinations = destinations::all(&settings, exporters, &started.service)?;
        if !destinations.all.is_empty() {
            // Made before anything global changes, so that a failure leaves no trace.
            started.worker = start_worker(&started.plan, destinations, &started.service, id);
        }
    }
    if let Some(worker) = &started.worker {
        capture::set_limit(settings.limits.value);
        propagation::install(propagators.unwrap_or_else(|| match &settings.propagation.formats {
            Some(kinds) => named_propagators(kinds),
            // Whoever sends runs continues them in the services that it calls.
            None if settings.langsmith.is_some() => Propagators::default().with_langsmith_headers(),
            None => Propagators::default(),
        }));
        if let Some(hosts) = &settings.propagation.hosts {
            allow_hosts(AllowedHosts::only(hosts));
        }
        let sampler = sampler.unwrap_or_else(|| sampler_of(settings.sampling));
        flush::install(Arc::downgrade(worker), settings.flush_before_response, settings.flush_timeout);
        fork::watch(restart_in_child);
        global::install(worker.queue(), settings.mode == Mode::Distributed, sampler);
    }
    *running = Some(started.clone());
    Ok(Guard::new(started, settings.flush_timeout))
}

/// Starts the worker. Without a thread nothing is recorded, and that is said; the program runs on.
fn start_worker(
    plan: &Plan,
    destinations: Destinations,
    service: &ServiceSettings,
    generation: u32,
) -> Option<Arc<Worker>> {
    let settings = &plan.settings;
    let redaction = Redaction::new(settings.redact_values, plan.redaction.clone());
    // What goes to disk on the calling thread is masked there, and what the worker gets is masked again, by the worker.
    let journal = Journal::new(&settings.spool, &destinations.folders, service, redaction.clone()).map(Arc::new);
    let waker = Waker::new();
    let limit = settings.limits.queue;
    let queue = Queue::new(generation, limit / 16 * HAND_OFF, waker.callback()).with_journal(journal);
    let memory = limit / 16 * SPANS;
    let rules = Rules { memory, redaction, hook: plan.hook.clone(), spool: settings.spool.clone() };
    match Worker::start(Arc::new(queue), waker, destinations.all, rules) {
        Ok(worker) => Some(Arc::new(worker)),
        Err(error) => {
            diag::error(
                "no-thread",
                format_args!("the worker thread could not be started, nothing is recorded: {error}"),
            );
            None
        }
    }
}

/// This process is the child of a fork: it has the pipeline's memory and not its thread. Starts another one, with ids and a spool of its
/// own; what the parent has not sent is the parent's to send.
fn restart_in_child() {
    let worker = renewed();
    global::replace(worker.as_ref().map(|worker| worker.queue()));
    if worker.is_none() {
        diag::warn(
            "forked",
            format_args!(
                "this process was forked from one that records, and cannot record itself: fork before `init`, or use no exporter of your own"
            ),
        );
    }
}

fn renewed() -> Option<Arc<Worker>> {
    // A thread of the parent's may have held the lock when this process was made: then it is held for ever.
    let mut running = RUNNING.try_lock().ok()?;
    let running = running.as_mut()?;
    if running.plan.has_own_exporters {
        running.worker = None;
        return None;
    }
    let settings = &running.plan.settings;
    let destinations = destinations::all(settings, Vec::new(), &running.service).ok()?;
    let worker = start_worker(&running.plan, destinations, &running.service, global::next_generation());
    if let Some(worker) = &worker {
        flush::install(Arc::downgrade(worker), settings.flush_before_response, settings.flush_timeout);
    }
    running.worker.clone_from(&worker);
    worker
}

fn named_propagators(kinds: &[PropagatorKind]) -> Propagators {
    use propagation::{BaggagePropagator, GalileoPropagator, LangSmithPropagator, TraceContextPropagator};
    kinds.iter().fold(Propagators::none(), |all, kind| match kind {
        PropagatorKind::Galileo => all.with(GalileoPropagator),
        PropagatorKind::TraceContext => all.with(TraceContextPropagator),
        PropagatorKind::Baggage => all.with(BaggagePropagator),
        PropagatorKind::LangSmith => all.with(LangSmithPropagator),
    })
}

fn sampler_of(settings: SamplingSettings) -> Sampler {
    let sampler = Sampler::ratio(settings.ratio);
    if settings.parent_based { sampler.parent_based() } else { sampler }
}

/// Takes the pipeline out, if it is still the one with this guard; spans that are open go on, unrecorded.
pub(super) fn stop(started: &Running) {
    if let Some(worker) = &started.worker {
        global::uninstall(worker.queue());
    }
    let mut running = lock();
    if running.as_ref().is_some_and(|running| running.id == started.id) {
        *running = None;
    }
}

/// What the SDK is doing right now.
///
/// ```
/// assert!(!galileo::status().recording, "nothing was started");
/// ```
#[must_use]
pub fn status() -> Status {
    let rejected_headers = propagation::rejected_headers();
    let Some(running) = current() else { return Status { rejected_headers, ..Status::default() } };
    let mut status = Status {
        rejected_headers,
        recording: running.worker.is_some(),
        mode: Some(running.mode),
        service_name: running.service.name.clone(),
        cut_spans: 0,
        exporters: Vec::new(),
        worker_restarts: running.worker.as_ref().map_or(0, |worker| worker.restarts()),
        unwritten_records: running.worker.as_ref().and_then(|w| w.queue().journal()).map_or(0, |j| j.unwritten()),
        values_cut: running.worker.as_ref().map_or(0, |worker| worker.queue().cut()),
    };
    if let Some(worker) = &running.worker {
        status.cut_spans = worker.queue().cut();
        let accounts = worker.accounts();
        status.exporters = worker
            .counters()
            .iter()
            .zip(accounts)
            .map(|(counters, account)| ExporterStatus::of(counters, account))
            .collect();
    }
    status
}
