//! What the traces that a console holds tell about missing links and missing spans.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::Check;
use crate::model::{Id, Orphan, TraceView};

/// The newest traces that are looked at.
pub(crate) const TRACES: usize = 200;

/// A trace that has been quiet for so long is not waited for.
const QUIET_NS: i64 = 60_000_000_000;

/// How far clocks of two services may differ for one call to lie within another.
const SLACK_NS: i64 = 50_000_000;

/// Requests of senders that were refused, by route, status and reason.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refusals {
    counts: Arc<Mutex<BTreeMap<(String, u16, String), u64>>>,
}

impl Refusals {
    /// Kinds of refusals that are kept apart.
    const MOST: usize = 100;

    pub(crate) fn note(&self, route: &str, status: u16, reason: &str) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (route.to_owned(), status, reason.chars().take(200).collect());
        if counts.len() < Self::MOST || counts.contains_key(&key) {
            *counts.entry(key).or_default() += 1;
        }
    }

    fn checks(&self) -> Vec<Check> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let fix = |status: u16| match status {
            401 | 403 => "give the sender this console's token as its key",
            404 => "point the sender at this console's address without a path, or at /v1/traces for OTLP",
            413 => "send less in one request: smaller batches, or cut large inputs and outputs",
            415 => {
                "send JSON to the Galileo API, and protobuf or JSON to /v1/traces, plain or compressed as the console offers"
            }
            421 => "name the host by which senders call this console with --allow-host",
            422 => "the record breaks the published schema: the reason says where; use a current SDK",
            503 => {
                "the disk is full or the database is locked: `galileo-console status` and the console's own output tell"
            }
            _ => "the console's own output tells more",
        };
        counts
            .iter()
            .map(|((route, status, reason), count)| {
                Check::failed(
                    "spans",
                    format!("{count} requests to `{route}` were refused with {status}: {reason}"),
                    fix(*status),
                )
            })
            .collect()
    }
}

/// Everything that the console knows about missing links and spans. `waiting` is the number of updates whose span never came.
pub(crate) fn checks(views: &[TraceView], refusals: &Refusals, waiting: i64, now_ns: i64) -> Vec<Check> {
    let mut links = links(views);
    if links.is_empty() {
        links.push(match views.iter().filter(|view| view.summary.services.len() > 1).count() {
            0 => Check::warning(
                "links",
                "no trace has spans of more than one service",
                "if one request crosses services, name both addresses: `galileo-console doctor --hop CALLER CALLEE`",
            ),
            several => Check::ok(
                "links",
                format!("{several} of {} traces join several services, and no span lacks its parent", views.len()),
            ),
        });
    }
    let mut spans = missing(views, now_ns);
    if waiting > 0 {
        spans.push(Check::warning(
            "spans",
            format!("{waiting} updates are here for spans that never came"),
            "the request that should have made those spans was lost or refused: look for refusals here and at `galileo::status()` of the sender",
        ));
    }
    spans.extend(refusals.checks());
    if spans.is_empty() {
        spans.push(match views {
            [] => Check::warning(
                "spans",
                "nothing has arrived",
                "set GALILEO_API_URL (or the OTLP endpoint) of your services to this console, call `init`, and keep its guard until the end of `main`",
            ),
            _ => Check::ok("spans", format!("nothing is missing in the latest {} traces", views.len())),
        });
    }
    links.extend(spans);
    links
}

fn links(views: &[TraceView]) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut lost: BTreeMap<String, (usize, BTreeSet<Id>)> = BTreeMap::new();
    let mut strayed: BTreeMap<String, (usize, BTreeSet<Id>)> = BTreeMap::new();
    for view in views {
        for span in &view.spans {
            let groups = match span.orphan {
                Some(Orphan::MissingParent) => &mut lost,
                Some(Orphan::ParentInTrace(_)) => &mut strayed,
                _ => continue,
            };
            let group = groups.entry(span.service.clone().unwrap_or_default()).or_default();
            group.0 += 1;
            group.1.insert(view.summary.id);
        }
    }
    for (service, (count, traces)) in lost {
        checks.push(
            Check::failed(
                "links",
                format!("{count} spans of `{service}` name a parent that never arrived"),
                "its caller is not traced here: let the caller send to this console too, record every trace there (sample rate 1), and flush before it exits",
            )
            .in_traces(traces),
        );
    }
    for (service, (count, traces)) in strayed {
        checks.push(
            Check::failed(
                "links",
                format!("{count} spans of `{service}` name a parent that lies in another trace"),
                "trace and parent come from different headers: let one library write the headers of a request, and do not keep a context over requests",
            )
            .in_traces(traces),
        );
    }
    checks.extend(islands(views));
    checks
}

/// Services whose requests begin traces of their own in the middle of a call of another service.
fn islands(views: &[TraceView]) -> Vec<Check> {
    let joined: BTreeSet<(&str, &str)> = views
        .iter()
        .flat_map(|view| {
            let names = &view.summary.services;
            names.iter().flat_map(move |one| names.iter().map(move |other| (one.as_str(), other.as_str())))
        })
        .collect();
    let mut pairs: BTreeMap<(&str, &str), BTreeSet<Id>> = BTreeMap::new();
    for inner in views {
        let Some(root) = inner.spans.first().filter(|root| root.parent_id.is_none() && inner.roots().count() == 1)
        else {
            continue;
        };
        let (Some(callee), Some(duration)) = (root.service.as_deref(), root.duration_ns) else { continue };
        let holder = views.iter().filter(|outer| outer.summary.id != inner.summary.id).find_map(|outer| {
            outer.spans.iter().find(|span| {
                span.children.is_empty()
                    && span
                        .service
                        .as_deref()
                        .is_some_and(|caller| caller != callee && !joined.contains(&(caller, callee)))
                    && span.start_ns - SLACK_NS <= root.start_ns
                    && span.duration_ns.is_some_and(|own| {
                        own >= duration && span.start_ns + own + SLACK_NS >= root.start_ns + duration
                    })
            })
        });
        if let Some(caller) = holder.and_then(|span| span.service.as_deref()) {
            pairs.entry((caller, callee)).or_default().insert(inner.summary.id);
        }
    }
    let one = |((caller, callee), traces): ((&str, &str), BTreeSet<Id>)| {
        Check::failed(
            "links",
            format!("{} traces of `{callee}` lie within calls of `{caller}` and are not linked to them", traces.len()),
            format!("`{caller}` has to send the tracing headers and `{callee}` to read them; `galileo-console doctor --hop CALLER CALLEE` tells which of them does not"),
        )
        .in_traces(traces)
    };
    pairs.into_iter().map(one).collect()
}

fn missing(views: &[TraceView], now_ns: i64) -> Vec<Check> {
    let mut open: BTreeMap<String, (usize, BTreeSet<Id>)> = BTreeMap::new();
    let mut empty = BTreeSet::new();
    for view in views {
        let last = view.spans.iter().map(|span| span.start_ns + span.duration_ns.unwrap_or(0)).max();
        if now_ns - last.unwrap_or(view.summary.start_ns) < QUIET_NS {
            continue;
        }
        if view.spans.is_empty() {
            empty.insert(view.summary.id);
        }
        for span in view.spans.iter().filter(|span| span.open) {
            let group = open.entry(span.service.clone().unwrap_or_default()).or_default();
            group.0 += 1;
            group.1.insert(view.summary.id);
        }
    }
    let mut checks: Vec<Check> = open
        .into_iter()
        .map(|(service, (count, traces))| {
            Check::failed(
                "spans",
                format!("{count} spans of `{service}` began and never ended"),
                "the process ended first: keep the guard of `init` until the end of `main`, shut down on signals, and await spawned work before that",
            )
            .in_traces(traces)
        })
        .collect();
    if !empty.is_empty() {
        checks.push(
            Check::failed(
                "spans",
                format!("{} traces arrived without any span", empty.len()),
                "their spans were refused or never sent: look for refusals here, and flush before the process exits",
            )
            .in_traces(empty),
        );
    }
    checks
}
