//! How far the clocks of the services in a trace are apart, as far as calls between them tell. A call lies within the span that made it,
//! so each call bounds how much the callee's clock can be off. What was recorded is never changed.

use std::collections::{BTreeMap, HashMap};

use crate::model::{Skew, SpanNode};

/// Differences below this are what clocks on a network do.
const LEAST_NS: i64 = 1_000_000;

/// What the calls from one service to another say about how far the callee's clock is ahead of the caller's.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    least: i64,
    most: i64,
    calls: u64,
}

impl Bounds {
    /// Nothing when no difference explains the calls as well; else the middle of what is possible.
    fn ahead(self) -> i64 {
        if self.least <= 0 && self.most >= 0 {
            return 0;
        }
        // Calls that contradict each other (work that outlives its caller) leave the bound that holds for all starts.
        if self.least > self.most { self.most } else { self.least + (self.most - self.least) / 2 }
    }
}

/// The services whose clocks are off, against the clock of the service at the root. Spans are in the order of the tree.
pub(super) fn estimate(spans: &[SpanNode]) -> Vec<Skew> {
    let mut edges: BTreeMap<(&str, &str), Bounds> = BTreeMap::new();
    let mut order: Vec<(&str, &str)> = Vec::new();
    for span in spans {
        let Some(parent) = span.parent_index.and_then(|index| spans.get(index)) else { continue };
        let (Some(caller), Some(callee)) = (parent.service.as_deref(), span.service.as_deref()) else { continue };
        if caller == callee {
            continue;
        }
        // The callee began after the caller: its clock shows at most so much less. It ended before the caller: at most so much more.
        let most = span.start_ns.saturating_sub(parent.start_ns);
        let least = match (span.duration_ns, parent.duration_ns) {
            (Some(own), Some(whole)) if own <= whole => {
                (span.start_ns.saturating_add(own)).saturating_sub(parent.start_ns.saturating_add(whole))
            }
            _ => i64::MIN / 2,
        };
        let bounds = edges.entry((caller, callee)).or_insert_with(|| {
            order.push((caller, callee));
            Bounds { least, most, calls: 0 }
        });
        bounds.least = bounds.least.max(least);
        bounds.most = bounds.most.min(most);
        bounds.calls += 1;
    }
    let mut known: HashMap<&str, i64> = HashMap::new();
    if let Some(root) = spans.first().and_then(|span| span.service.as_deref()) {
        known.insert(root, 0);
    }
    let mut skews = Vec::new();
    // Callers come before their callees, as the tree has them in this order.
    for (caller, callee) in order {
        let base = *known.entry(caller).or_insert(0);
        let bounds = edges[&(caller, callee)];
        let ahead = base.saturating_add(bounds.ahead());
        if known.contains_key(callee) {
            continue;
        }
        known.insert(callee, ahead);
        if ahead.abs() >= LEAST_NS {
            skews.push(Skew {
                service: callee.to_owned(),
                against: caller.to_owned(),
                ahead_ns: ahead,
                calls: bounds.calls,
            });
        }
    }
    skews
}
