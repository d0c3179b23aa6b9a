//! Small cases, each with the requests that come of it.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::{LINGER, Run};
use crate::config::Mode;
use crate::model::{SpanId, TraceId};
use crate::pipeline::combine::{Refusal, Step, StepKind, StepLimits};
use crate::pipeline::record::{Header, Kind, StartFlags};
use crate::pipeline::store::Key;

/// Lines of what each request creates, for small cases.
fn words(run: &Run, step: &Step) -> String {
    let names: Vec<String> = step
        .items
        .iter()
        .map(|(key, depth)| format!("{depth}{}", if run.combine.node(*key).span == Key::MAX { "t" } else { "s" }))
        .collect();
    format!("{:?} {}", step.kind, names.join(" "))
}

fn plain(kind: Kind, detail: u8, trace: TraceId, span: SpanId, parent: SpanId, flags: u8) -> Vec<u8> {
    Header { kind, detail, flags: StartFlags(flags), callsite: 0, trace, span, parent, time: 1 }.encode(0).to_vec()
}

const WIDE: StepLimits = StepLimits { bytes: 1 << 20, depth: 12, single: false };
const ROOT: u8 = StartFlags::ROOT | StartFlags::ENTRY;

#[test]
fn short_traces_travel_whole_and_together() {
    let mut run = Run::new(Mode::Distributed);
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
    let mut run = Run::new(Mode::Distributed);
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
    let mut run = Run::new(Mode::Distributed);
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
    let mut run = Run::new(Mode::Batch);
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
    let mut run = Run::new(Mode::Distributed);
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
        let mut run = Run::new(mode);
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
    let mut run = Run::new(Mode::Batch);
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
}
