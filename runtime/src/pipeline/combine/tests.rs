//! Random programs against a backend that refuses whatever the contract forbids.

use super::node::NONE;
use super::*;
use crate::model::{Field, Outcome, Parts, SpanId};
use crate::pipeline::record::{self, Header, Kind};
use std::collections::{HashMap, HashSet};

/// A small generator, so that a failing seed can be run again.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// What the backend has accepted. Panics on whatever a strict one would refuse.
#[derive(Default)]
struct Backend {
    /// Created traces and whether they are complete.
    traces: HashMap<[u8; 16], bool>,
    /// Spans with their trace and whether their end has arrived.
    spans: HashMap<[u8; 16], ([u8; 16], bool)>,
    completions: HashMap<[u8; 16], u32>,
}

impl Backend {
    /// Checks a request as it arrives: everything that it depends on must have been accepted before.
    fn arrives(&self, combine: &Combine, store: &Store, step: &Step) {
        match step.kind {
            StepKind::CreateTraces { .. } => self.arrives_nested(combine, store, step, None),
            StepKind::CreateSpans { parent } => {
                let trace = combine.trace_id(combine.node(parent).trace);
                assert_eq!(self.traces.get(&trace), Some(&false), "spans for a trace that is not there, or complete");
                let parent = combine.wire_id(parent);
                let known = parent == trace || self.spans.get(&parent).is_some_and(|(of, _)| *of == trace);
                assert!(known, "spans under a parent that was not accepted");
                self.arrives_nested(combine, store, step, Some(trace));
            }
            StepKind::UpdateSpan { node } => {
                let (trace, ended) = self.spans[&combine.wire_id(node)];
                assert!(!ended, "an update of a span that was whole");
                assert!(!self.traces[&trace], "an update in a complete trace");
            }
            StepKind::CompleteTrace { trace } => {
                let id = combine.trace_id(trace);
                assert_eq!(self.traces.get(&id), Some(&false), "completes what is not there, or is complete");
                assert!(
                    self.spans.values().all(|(of, ended)| *of != id || *ended),
                    "completes a trace with open spans"
                );
            }
        }
    }

    fn arrives_nested(&self, combine: &Combine, store: &Store, step: &Step, trace: Option<[u8; 16]>) {
        let mut path: Vec<NodeKey> = Vec::new();
        for &(key, depth) in &step.items {
            path.truncate(depth as usize);
            let node = combine.node(key);
            if node.span == Key::MAX {
                assert_eq!(depth, 0);
                assert!(!self.traces.contains_key(&node.id), "the trace is there already");
            } else {
                assert!(!self.spans.contains_key(&combine.wire_id(key)), "the span is there already");
                if let Some(&outer) = path.last() {
                    assert_eq!(node.attach, outer, "nested under another than its parent");
                    assert!(store.span(node.span).is_ended(), "an open span was nested");
                } else {
                    assert!(trace.is_some(), "a span beside traces");
                }
            }
            path.push(key);
        }
    }

    fn accepts(&mut self, combine: &Combine, step: &Step) {
        for &(key, depth) in &step.items {
            let node = combine.node(key);
            if node.span == Key::MAX {
                self.traces.insert(node.id, false);
            } else {
                let trace = combine.trace_id(node.trace);
                assert!(self.spans.insert(combine.wire_id(key), (trace, node.sent_whole)).is_none());
            }
            let _ = depth;
        }
        match step.kind {
            StepKind::CreateTraces { complete: true } => {
                for &(key, _) in step.items.iter().filter(|(_, depth)| *depth == 0) {
                    self.complete(combine.node(key).id);
                }
            }
            StepKind::UpdateSpan { node } => self.spans.get_mut(&combine.wire_id(node)).unwrap().1 = true,
            StepKind::CompleteTrace { trace } => self.complete(combine.trace_id(trace)),
            _ => {}
        }
    }

    fn complete(&mut self, trace: [u8; 16]) {
        self.traces.insert(trace, true);
        *self.completions.entry(trace).or_default() += 1;
    }
}

/// A program that opens and ends spans in random order.
struct Program {
    chance: Chance,
    open: Vec<(TraceId, SpanId)>,
    /// Ended spans under which late work may begin.
    ended: Vec<(TraceId, SpanId)>,
    roots: Vec<TraceId>,
    spans: u64,
}

impl Program {
    fn record(&mut self, kind: Kind, trace: TraceId, span: SpanId, parent: SpanId, flags: u8) -> Vec<u8> {
        let mut parts = Vec::new();
        let text = "x".repeat(self.chance.below(400) as usize);
        Parts::new(&mut parts).text(Field::Tag, "", &text);
        let span_type = self.chance.below(6) as u8;
        let detail = if kind == Kind::End { Outcome::Ok as u8 } else { span_type };
        let header = Header {
            kind,
            detail,
            flags: StartFlags(flags),
            callsite: 0,
            trace,
            span,
            parent,
            time: 1_000 + self.spans,
        };
        let mut bytes = header.encode(parts.len() as u32).to_vec();
        bytes.extend_from_slice(&parts);
        bytes
    }

    fn act(&mut self, late: bool) -> Vec<Vec<u8>> {
        let pick = self.chance.below(10);
        if self.open.is_empty() || pick == 0 {
            let (trace, span) = (TraceId::random(), SpanId::random());
            self.roots.push(trace);
            self.open.push((trace, span));
            self.spans += 1;
            return vec![self.record(Kind::Start, trace, span, SpanId::NONE, StartFlags::ROOT | StartFlags::ENTRY)];
        }
        let at = self.chance.below(self.open.len() as u64) as usize;
        match pick {
            1..=4 => {
                let (trace, parent) = self.open[at];
                vec![self.child(trace, parent)]
            }
            5 => {
                let (trace, span) = self.open[at];
                vec![self.record(Kind::Propagated, trace, span, SpanId::NONE, 0)]
            }
            6 if late && !self.ended.is_empty() => {
                // Work that begins under a span that is over.
                let (trace, parent) = self.ended[self.chance.below(self.ended.len() as u64) as usize];
                vec![self.child(trace, parent)]
            }
            _ => vec![self.end(at)],
        }
    }

    fn child(&mut self, trace: TraceId, parent: SpanId) -> Vec<u8> {
        let span = SpanId::random();
        self.open.push((trace, span));
        self.spans += 1;
        self.record(Kind::Start, trace, span, parent, 0)
    }

    fn end(&mut self, at: usize) -> Vec<u8> {
        let (trace, span) = self.open.swap_remove(at);
        self.ended.push((trace, span));
        self.record(Kind::End, trace, span, SpanId::NONE, 0)
    }
}

/// What a run allows to happen.
#[derive(Clone, Copy)]
struct Weather {
    mode: Mode,
    /// Spans may begin under spans that are over, in traces that may be complete.
    late: bool,
    /// Requests fail for a while.
    failures: bool,
    /// The backend refuses groups, and takes the same records alone.
    no_groups: bool,
}

struct Run {
    store: Store,
    combine: Combine,
    backend: Backend,
    accepted: u64,
    delivered: u64,
    now: Duration,
}

const LINGER: Duration = Duration::from_secs(2);

impl Run {
    fn look(&mut self, records: &[Vec<u8>]) {
        let mut changes = Changes::default();
        for bytes in records {
            let (record, _) = record::decode(bytes).unwrap();
            self.store.take(&record, 0, self.now, &mut changes);
        }
        self.store.settle(&mut changes);
        self.accepted += changes.accepted;
        self.combine.changed(&mut self.store, &changes, self.now);
    }

    /// Sends and answers until nothing can be sent, or `most` answers were given.
    fn serve(&mut self, chance: &mut Chance, weather: Weather, most: usize) {
        let limits = StepLimits {
            bytes: 2_000 + chance.below(20_000) as usize,
            depth: 1 + chance.below(5) as u32,
            single: false,
        };
        let mut flying: Vec<Step> = Vec::new();
        for _ in 0..most {
            while flying.len() < 4 {
                let Some(step) = self.combine.next(&mut self.store, limits, self.now) else { break };
                if !self.is_too_late(&step) {
                    self.backend.arrives(&self.combine, &self.store, &step);
                }
                flying.push(step);
            }
            if flying.is_empty() {
                break;
            }
            let step = flying.swap_remove(chance.below(flying.len() as u64) as usize);
            self.answer(chance, weather, step);
        }
        for step in flying {
            self.combine.refused(&mut self.store, step, Refusal::Later, self.now);
        }
        self.delivered += self.combine.take_tally().delivered;
    }

    /// Whether a strict backend says that the trace is complete.
    fn is_too_late(&self, step: &Step) -> bool {
        let trace = match step.kind {
            StepKind::CreateSpans { parent } => self.combine.node(parent).trace,
            StepKind::UpdateSpan { node } => self.combine.node(node).trace,
            _ => return false,
        };
        self.backend.traces.get(&self.combine.trace_id(trace)) == Some(&true)
    }

    fn answer(&mut self, chance: &mut Chance, weather: Weather, step: Step) {
        let refusal = if self.is_too_late(&step) {
            assert!(weather.late);
            Some(Refusal::Complete)
        } else if weather.no_groups && step.items.len() > 1 {
            Some(Refusal::Never)
        } else if weather.failures && chance.one_in(4) {
            Some(if chance.one_in(3) && step.items.len() > 1 { Refusal::TooLarge } else { Refusal::Later })
        } else {
            None
        };
        match refusal {
            Some(refusal) => {
                self.combine.refused(&mut self.store, step, refusal, self.now);
            }
            None => {
                self.backend.accepts(&self.combine, &step);
                self.combine.accepted(&mut self.store, step, self.now);
            }
        }
    }
}

fn run(seed: u64, weather: Weather) -> Run {
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let program = Chance(chance.next() | 1);
    let mut program = Program { chance: program, open: Vec::new(), ended: Vec::new(), roots: Vec::new(), spans: 0 };
    let mut run = Run {
        store: Store::new(1, 1),
        combine: Combine::new(weather.mode, LINGER),
        backend: Backend::default(),
        accepted: 0,
        delivered: 0,
        now: Duration::ZERO,
    };
    for _ in 0..40 {
        let mut records: Vec<Vec<u8>> = Vec::new();
        for _ in 0..chance.below(12) {
            records.extend(program.act(weather.late));
        }
        if chance.one_in(3) && records.len() > 1 {
            // Two threads: what the second one pushed is seen first.
            let at = chance.below(records.len() as u64) as usize;
            records.rotate_left(at);
        }
        run.look(&records);
        run.now += Duration::from_millis(chance.below(1_500));
        let most = chance.below(8) as usize;
        run.serve(&mut chance, weather, most);
    }
    let rest: Vec<Vec<u8>> = (0..program.open.len()).map(|_| program.end(0)).collect();
    run.look(&rest);
    run.look(&[]);
    for _ in 0..200 {
        run.now += LINGER;
        run.serve(&mut chance, weather, 10_000);
    }
    assert_eq!(run.accepted, program.spans, "seed {seed}");
    assert_eq!(run.delivered, run.accepted, "seed {seed}: spans were lost");
    assert!(run.combine.is_idle(), "seed {seed}: work is left");
    assert_eq!((run.store.len(), run.store.bytes(), run.combine.live_traces), (0, 0, 0), "seed {seed}: memory is left");
    assert_eq!(run.combine.free.len(), run.combine.nodes.len(), "seed {seed}: nodes leak");
    assert!(run.backend.traces.values().all(|complete| *complete), "seed {seed}: a trace is not complete");
    assert!(run.backend.completions.values().all(|times| *times == 1), "seed {seed}: a trace is completed twice");
    for trace in &program.roots {
        assert!(run.backend.traces.contains_key(&trace.to_bytes()), "seed {seed}: a trace was not created");
    }
    run
}

const CALM: Weather = Weather { mode: Mode::Distributed, late: false, failures: false, no_groups: false };

#[test]
fn every_program_is_delivered_in_order_and_completed_once() {
    for seed in 1..300 {
        for mode in [Mode::Distributed, Mode::Batch] {
            run(seed, Weather { mode, ..CALM });
        }
    }
}

#[test]
fn failures_change_nothing_but_the_time() {
    for seed in 1..300 {
        for mode in [Mode::Distributed, Mode::Batch] {
            run(seed, Weather { mode, failures: true, ..CALM });
        }
    }
}

#[test]
fn a_backend_that_takes_no_groups_gets_one_span_a_request() {
    for seed in 1..100 {
        for mode in [Mode::Distributed, Mode::Batch] {
            assert!(run(seed, Weather { mode, no_groups: true, ..CALM }).combine.single, "seed {seed}");
        }
    }
}

#[test]
fn work_that_outlives_its_trace_goes_into_a_linked_one() {
    let mut linked = 0;
    for seed in 1..300 {
        for failures in [false, true] {
            let run = run(seed, Weather { late: true, failures, ..CALM });
            linked += run.backend.traces.len();
        }
    }
    assert!(linked > 0);
}

/// Lines of what each request creates, for small cases.
fn words(run: &Run, step: &Step) -> String {
    let names: Vec<String> = step
        .items
        .iter()
        .map(|(key, depth)| format!("{depth}{}", if run.combine.node(*key).span == Key::MAX { "t" } else { "s" }))
        .collect();
    format!("{:?} {}", step.kind, names.join(" "))
}

fn small(mode: Mode) -> Run {
    Run {
        store: Store::new(1, 1),
        combine: Combine::new(mode, LINGER),
        backend: Backend::default(),
        accepted: 0,
        delivered: 0,
        now: Duration::ZERO,
    }
}

fn plain(kind: Kind, detail: u8, trace: TraceId, span: SpanId, parent: SpanId, flags: u8) -> Vec<u8> {
    Header { kind, detail, flags: StartFlags(flags), callsite: 0, trace, span, parent, time: 1 }.encode(0).to_vec()
}

const WIDE: StepLimits = StepLimits { bytes: 1 << 20, depth: 12, single: false };
const ROOT: u8 = StartFlags::ROOT | StartFlags::ENTRY;

#[test]
fn short_traces_travel_whole_and_together() {
    let mut run = small(Mode::Distributed);
    let mut records = Vec::new();
    for _ in 0..3 {
        let (trace, root, child) = (TraceId::random(), SpanId::random(), SpanId::random());
        records.push(plain(Kind::Start, 0, trace, root, SpanId::NONE, ROOT));
        records.push(plain(Kind::Start, 4, trace, child, root, 0));
        records.push(plain(Kind::End, 0, trace, child, SpanId::NONE, 0));
        records.push(plain(Kind::End, 0, trace, root, SpanId::NONE, 0));
    }
    run.look(&records);
    let step = run.combine.next(&mut run.store, WIDE, run.now).unwrap();
    assert_eq!(words(&run, &step), "CreateTraces { complete: true } 0t 1s 2s 0t 1s 2s 0t 1s 2s");
    assert!(run.combine.next(&mut run.store, WIDE, run.now).is_none());
    run.combine.accepted(&mut run.store, step, run.now);
    assert_eq!((run.combine.take_tally().delivered, run.store.len()), (6, 0));
}

#[test]
fn an_open_workflow_is_announced_and_a_tool_waits_for_its_end_or_its_first_child() {
    let mut run = small(Mode::Distributed);
    let (trace, root, tool, child) = (TraceId::random(), SpanId::random(), SpanId::random(), SpanId::random());
    run.look(&[plain(Kind::Start, 0, trace, root, SpanId::NONE, ROOT), plain(Kind::Start, 4, trace, tool, root, 0)]);
    let mut sent = Vec::new();
    let mut drain = |run: &mut Run| {
        while let Some(step) = run.combine.next(&mut run.store, WIDE, run.now) {
            sent.push(words(run, &step));
            run.combine.accepted(&mut run.store, step, run.now);
        }
        std::mem::take(&mut sent)
    };
    assert_eq!(drain(&mut run).len(), 2, "the trace, then the workflow; the tool waits");
    run.look(&[plain(Kind::Start, 2, trace, child, tool, 0)]);
    assert_eq!(drain(&mut run).len(), 1, "a child began, so the tool is announced; the llm child goes whole");
    run.look(&[
        plain(Kind::End, 0, trace, child, SpanId::NONE, 0),
        plain(Kind::End, 0, trace, tool, SpanId::NONE, 0),
        plain(Kind::End, 0, trace, root, SpanId::NONE, 0),
    ]);
    let rest = drain(&mut run);
    assert_eq!(rest.len(), 4, "the child, two updates, the completion: {rest:?}");
    assert!(rest[3].starts_with("CompleteTrace"));
}

#[test]
fn a_downstream_service_sends_only_its_own_spans() {
    let mut run = small(Mode::Distributed);
    let (trace, caller, own) = (TraceId::random(), SpanId::random(), SpanId::random());
    let flags = StartFlags::ENTRY | StartFlags::REMOTE_TRACE;
    run.look(&[plain(Kind::Start, 0, trace, own, caller, flags), plain(Kind::End, 0, trace, own, SpanId::NONE, 0)]);
    let step = run.combine.next(&mut run.store, WIDE, run.now).unwrap();
    let StepKind::CreateSpans { parent } = step.kind else { panic!("{:?}", step.kind) };
    assert_eq!(run.combine.wire_id(parent), caller.to_bytes());
    assert_eq!(run.combine.trace_id(run.combine.node(parent).trace), trace.to_bytes());
    // The caller's span is not there yet.
    run.combine.refused(&mut run.store, step, Refusal::Unknown, run.now);
    assert!(run.combine.next(&mut run.store, WIDE, run.now).is_none());
    assert_eq!(run.combine.deadline(), Some(Duration::from_millis(20)));
    run.now += Duration::from_millis(20);
    let step = run.combine.next(&mut run.store, WIDE, run.now).unwrap();
    run.combine.accepted(&mut run.store, step, run.now);
    assert!(run.combine.next(&mut run.store, WIDE, run.now).is_none(), "neither trace nor completion are ours");
    assert_eq!((run.combine.live_traces, run.store.len()), (0, 0));
}

#[test]
fn a_model_call_has_no_children_on_the_wire() {
    let mut run = small(Mode::Batch);
    let (trace, root, llm, tool) = (TraceId::random(), SpanId::random(), SpanId::random(), SpanId::random());
    run.look(&[
        plain(Kind::Start, 0, trace, root, SpanId::NONE, ROOT),
        plain(Kind::Start, 2, trace, llm, root, 0),
        plain(Kind::Start, 4, trace, tool, llm, 0),
        plain(Kind::End, 0, trace, tool, SpanId::NONE, 0),
        plain(Kind::End, 0, trace, llm, SpanId::NONE, 0),
        plain(Kind::End, 0, trace, root, SpanId::NONE, 0),
    ]);
    let step = run.combine.next(&mut run.store, WIDE, run.now).unwrap();
    assert_eq!(words(&run, &step), "CreateTraces { complete: true } 0t 1s 2s 2s");
    let moved: Vec<bool> = step.items.iter().map(|(key, _)| run.combine.node(*key).moved).collect();
    assert_eq!(moved, [false, false, false, true], "in the order of their starts");
}

#[test]
fn a_propagated_trace_waits_until_it_has_been_quiet() {
    let mut run = small(Mode::Distributed);
    let (trace, root) = (TraceId::random(), SpanId::random());
    run.look(&[
        plain(Kind::Start, 0, trace, root, SpanId::NONE, ROOT),
        plain(Kind::Propagated, 0, trace, root, SpanId::NONE, 0),
        plain(Kind::End, 0, trace, root, SpanId::NONE, 0),
    ]);
    let step = run.combine.next(&mut run.store, WIDE, run.now).unwrap();
    assert_eq!(words(&run, &step), "CreateTraces { complete: false } 0t 1s");
    run.combine.accepted(&mut run.store, step, run.now);
    assert!(run.combine.next(&mut run.store, WIDE, run.now).is_none());
    assert_eq!(run.combine.deadline(), Some(LINGER));
    assert!(!run.combine.is_idle(), "a flush waits for it");
    let step = run.combine.next(&mut run.store, WIDE, LINGER).unwrap();
    assert!(matches!(step.kind, StepKind::CompleteTrace { .. }));
}

#[test]
fn a_trace_begun_without_a_span_is_created_and_completed_by_its_own_record() {
    for mode in [Mode::Batch, Mode::Distributed] {
        let mut run = small(mode);
        let (trace, child) = (TraceId::random(), SpanId::random());
        let own = SpanId::from_bytes(trace.to_bytes());
        run.look(&[
            plain(Kind::Start, 0, trace, own, SpanId::NONE, ROOT),
            plain(Kind::Start, 0, trace, child, own, 0),
            plain(Kind::End, 0, trace, child, SpanId::NONE, 0),
            plain(Kind::End, 0, trace, own, SpanId::NONE, 0),
        ]);
        let step = run.combine.next(&mut run.store, WIDE, run.now).unwrap();
        assert_eq!(words(&run, &step), "CreateTraces { complete: true } 0t 1s");
        run.combine.accepted(&mut run.store, step, run.now);
        assert_eq!((run.combine.take_tally().delivered, run.store.len()), (2, 0), "the trace's own record counts");
    }
}

#[test]
fn a_record_that_is_refused_for_good_is_dropped_alone_and_its_children_go_to_its_parent() {
    let mut run = small(Mode::Batch);
    let (trace, root, bad, child) = (TraceId::random(), SpanId::random(), SpanId::random(), SpanId::random());
    run.look(&[
        plain(Kind::Start, 0, trace, root, SpanId::NONE, ROOT),
        plain(Kind::Start, 0, trace, bad, root, 0),
        plain(Kind::Start, 4, trace, child, bad, 0),
        plain(Kind::End, 0, trace, child, SpanId::NONE, 0),
        plain(Kind::End, 0, trace, bad, SpanId::NONE, 0),
        plain(Kind::End, 0, trace, root, SpanId::NONE, 0),
    ]);
    let mut under = HashMap::new();
    let mut seen = HashSet::new();
    while let Some(step) = run.combine.next(&mut run.store, WIDE, run.now) {
        let has_bad = step.items.iter().any(|(key, _)| run.combine.node(*key).id == bad.to_bytes());
        if has_bad {
            run.combine.refused(&mut run.store, step, Refusal::Never, run.now);
            continue;
        }
        if let StepKind::CreateSpans { parent } = step.kind {
            for (key, _) in &step.items {
                under.insert(run.combine.node(*key).id, run.combine.wire_id(parent));
            }
        }
        seen.insert(format!("{:?}", step.kind).split(' ').next().unwrap().to_owned());
        run.combine.accepted(&mut run.store, step, run.now);
    }
    let tally = run.combine.take_tally();
    assert_eq!((tally.delivered, tally.dropped.total()), (2, 1));
    assert_eq!(under[&child.to_bytes()], root.to_bytes());
    assert!(seen.contains("CompleteTrace") && !run.combine.single, "one bad record says nothing about groups");
    assert_eq!((run.store.len(), run.combine.live_traces), (0, 0));
    assert_eq!(NONE, NodeKey::MAX);
}
