//! Where the time of a trace went: own time of each span, and the critical path.

use crate::model::TraceView;

/// The times of one trace, by index in [`TraceView::spans`].
#[derive(Debug, Default)]
pub struct Timing {
    /// When each span ended, or `now` for one that is open.
    pub end: Vec<i64>,
    /// Time in which none of the span's children ran.
    pub own: Vec<i64>,
    /// Stretches of the critical path on each span, from late to early.
    pub critical: Vec<Vec<(i64, i64)>>,
    /// Start of the trace: the earliest start that is known.
    pub start: i64,
    /// The last end.
    pub stop: i64,
}

impl Timing {
    /// Works out the times. `now` is the end of spans that are still open.
    #[must_use]
    pub fn of(trace: &TraceView, now: i64) -> Timing {
        let spans = &trace.spans;
        let end: Vec<i64> = spans
            .iter()
            .map(|span| match span.duration_ns {
                Some(duration) => span.start_ns.saturating_add(duration.max(0)),
                None if span.open => now.max(span.start_ns),
                None => span.start_ns,
            })
            .collect();
        let start = spans.iter().map(|span| span.start_ns).chain([trace.summary.start_ns]).min().unwrap_or(now);
        let known = trace.summary.duration_ns.map(|duration| trace.summary.start_ns.saturating_add(duration));
        let stop = end.iter().copied().chain(known).max().unwrap_or(start);
        let own = (0..spans.len()).map(|index| own_time(trace, &end, index)).collect();
        let mut timing = Timing { end, own, critical: vec![Vec::new(); spans.len()], start, stop };
        timing.trace_path(trace);
        timing
    }

    /// How long the critical path was on the span itself.
    #[must_use]
    pub fn on_path(&self, index: usize) -> i64 {
        self.critical[index].iter().map(|(from, to)| to - from).sum()
    }

    /// The span with the largest own time on the critical path, and that time.
    #[must_use]
    pub fn bottleneck(&self) -> Option<(usize, i64)> {
        let time = |index: usize| self.on_path(index);
        (0..self.critical.len())
            .map(|index| (index, time(index)))
            .filter(|(_, time)| *time > 0)
            .max_by_key(|(index, time)| (*time, std::cmp::Reverse(*index)))
    }

    /// Walks back from the end of the trace. At each moment the path is on the deepest span that the end had to wait for: of a span's
    /// children the one that ended last before that moment, and the span itself in the gaps. A child that outlives its parent
    /// counts up to the parent's end, since nothing in the parent waited for the rest.
    fn trace_path(&mut self, trace: &TraceView) {
        let mut roots: Vec<usize> = (0..trace.spans.len()).filter(|&index| trace.spans[index].depth == 0).collect();
        roots.sort_by_key(|&index| (self.end[index], index));
        let mut work = Vec::new();
        self.cover(trace, &roots, (i64::MIN, self.stop), &mut work, None);
        while let Some((index, from, to)) = work.pop() {
            let mut children = trace.spans[index].children.clone();
            children.sort_by_key(|&child| (self.end[child].min(to), child));
            self.cover(trace, &children, (from, to), &mut work, Some(index));
        }
    }

    fn cover(
        &mut self,
        trace: &TraceView,
        spans: &[usize],
        (from, to): (i64, i64),
        work: &mut Vec<(usize, i64, i64)>,
        owner: Option<usize>,
    ) {
        let mut at = to;
        for &span in spans.iter().rev() {
            let start = trace.spans[span].start_ns.max(from);
            let end = self.end[span].min(to);
            if end > at || end <= start {
                continue;
            }
            if let Some(owner) = owner.filter(|_| at > end) {
                self.critical[owner].push((end, at));
            }
            work.push((span, start, end));
            at = start;
        }
        if let Some(owner) = owner.filter(|_| at > from) {
            self.critical[owner].push((from, at));
        }
    }
}

fn own_time(trace: &TraceView, end: &[i64], index: usize) -> i64 {
    let span = &trace.spans[index];
    let stop = end[index];
    let mut covered = 0;
    let mut from = span.start_ns;
    // Children come by start, so one pass joins the stretches that overlap.
    for &child in &span.children {
        let (begin, until) = (trace.spans[child].start_ns.clamp(from, stop.max(from)), end[child].min(stop));
        if until > begin {
            covered += until - begin;
            from = until;
        }
    }
    (stop - span.start_ns - covered).max(0)
}
