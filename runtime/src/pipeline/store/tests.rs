use super::*;
use crate::model::{Field, Outcome, Parts, SpanType};
use crate::pipeline::record::{self, Header};

fn record(kind: Kind, trace: TraceId, span: SpanId, parent: SpanId, flags: u8, text: &str) -> Vec<u8> {
    let mut parts = Vec::new();
    if !text.is_empty() {
        Parts::new(&mut parts).text(Field::Tag, "", text);
    }
    let header = Header {
        kind,
        detail: if kind == Kind::End { Outcome::Error as u8 } else { SpanType::Tool as u8 },
        flags: StartFlags(flags),
        callsite: 0,
        trace,
        span,
        parent,
        time: if kind == Kind::End { 150 } else { 100 },
    };
    let mut bytes = header.encode(parts.len() as u32).to_vec();
    bytes.extend_from_slice(&parts);
    bytes
}

/// Takes in records as one look and returns what changed.
fn look(store: &mut Store, records: &[Vec<u8>]) -> Changes {
    let mut changes = Changes::default();
    for bytes in records {
        let (record, _) = record::decode(bytes).unwrap();
        store.take(&record, 1_000, Duration::ZERO, &mut changes);
    }
    store.settle(&mut changes);
    changes
}

fn tags(store: &Store, key: Key) -> Vec<&str> {
    store.span(key).parts().map(|part| part.text()).collect()
}

const ROOT: u8 = StartFlags::ROOT | StartFlags::ENTRY;

#[test]
fn records_of_a_span_are_joined_in_whatever_order_they_come() {
    let (trace, span) = (TraceId::random(), SpanId::random());
    let start = record(Kind::Start, trace, span, SpanId::NONE, ROOT, "start");
    let note = record(Kind::Note, trace, span, SpanId::NONE, 0, "note");
    let end = record(Kind::End, trace, span, SpanId::NONE, 0, "end");
    for order in [[&start, &note, &end], [&end, &start, &note], [&note, &end, &start], [&note, &start, &end]] {
        let mut store = Store::new(1, 0);
        let changes = look(&mut store, &order.map(Clone::clone));
        assert_eq!((changes.started.len(), changes.ended.len(), changes.accepted), (1, 1, 1));
        let key = changes.ended[0];
        assert_eq!(tags(&store, key)[0], "start", "the START's values come first");
        assert_eq!(tags(&store, key).len(), 3);
        let span = store.span(key);
        assert_eq!((span.duration(), span.started_at, span.outcome), (50, 1_100, Some(Outcome::Error)));
        store.release_span(key);
        assert_eq!((store.len(), store.bytes()), (0, 0));
    }
}

#[test]
fn an_error_that_was_recorded_fails_a_span_that_returns_a_value() {
    let (trace, span) = (TraceId::random(), SpanId::random());
    let header = |kind, detail| Header {
        kind,
        detail,
        flags: StartFlags(ROOT),
        callsite: 0,
        trace,
        span,
        parent: SpanId::NONE,
        time: 100,
    };
    let start = header(Kind::Start, SpanType::Tool as u8).encode(0);
    let mut parts = Vec::new();
    Parts::new(&mut parts).text(Field::Error, "", "half of it failed");
    let mut note = header(Kind::Note, 0).encode(parts.len() as u32);
    note.extend_from_slice(&parts);
    let end = header(Kind::End, Outcome::Ok as u8).encode(0);
    for order in [[&start, &note, &end], [&start, &end, &note], [&note, &end, &start]] {
        let mut store = Store::new(1, 0);
        let changes = look(&mut store, &order.map(Clone::clone));
        assert_eq!(store.span(changes.ended[0]).outcome, Some(Outcome::Error));
    }
    let mut store = Store::new(1, 0);
    let changes = look(&mut store, &[start, end]);
    assert_eq!(store.span(changes.ended[0]).outcome, Some(Outcome::Ok));
}

#[test]
fn a_child_is_told_of_after_its_parent_even_when_it_is_seen_one_look_earlier() {
    let mut store = Store::new(1, 0);
    let trace = TraceId::random();
    let (root, child, grandchild) = (SpanId::random(), SpanId::random(), SpanId::random());
    let changes = look(
        &mut store,
        &[
            record(Kind::Start, trace, grandchild, child, 0, ""),
            record(Kind::End, trace, grandchild, SpanId::NONE, 0, ""),
            record(Kind::Start, trace, child, root, 0, ""),
        ],
    );
    assert!(changes.started.is_empty() && store.is_unsettled());
    let changes = look(&mut store, &[record(Kind::Start, trace, root, SpanId::NONE, ROOT, "")]);
    let told: Vec<_> = changes.started.iter().map(|&key| store.span(key).id).collect();
    assert_eq!(told, [root, child, grandchild]);
    assert!(!store.is_unsettled());
}

#[test]
fn a_parent_that_never_comes_delays_its_child_by_one_look() {
    let mut store = Store::new(1, 0);
    let (trace, lost, child) = (TraceId::random(), SpanId::random(), SpanId::random());
    assert!(look(&mut store, &[record(Kind::Start, trace, child, lost, 0, "")]).started.is_empty());
    assert_eq!(look(&mut store, &[]).started.len(), 1);
}

#[test]
fn an_end_without_a_start_is_forgotten_after_one_look() {
    let mut store = Store::new(1, 0);
    look(&mut store, &[record(Kind::End, TraceId::random(), SpanId::random(), SpanId::NONE, 0, "x")]);
    assert_eq!(store.len(), 1);
    let changes = look(&mut store, &[]);
    assert_eq!((store.len(), store.bytes(), changes.started.len()), (0, 0, 0));
}

#[test]
fn a_trace_is_forgotten_when_nobody_keeps_it_and_known_when_work_comes_late() {
    let mut store = Store::new(1, 1);
    let (trace, root, late) = (TraceId::random(), SpanId::random(), SpanId::random());
    let changes = look(
        &mut store,
        &[
            record(Kind::Hold, trace, SpanId::NONE, SpanId::NONE, 0, ""),
            record(Kind::Start, trace, root, SpanId::NONE, ROOT, ""),
            record(Kind::End, trace, root, SpanId::NONE, 0, ""),
        ],
    );
    let key = changes.traces[0];
    assert!(store.trace(key).is_shared(), "held before its START was seen");
    store.release_span(changes.ended[0]);
    assert_eq!(store.trace(key).id, trace, "a keeper is left");
    store.release_trace(key, true);
    let changes = look(&mut store, &[record(Kind::Start, trace, late, root, 0, "")]);
    let again = store.trace(changes.traces[0]);
    assert!(again.late && again.flags.has(StartFlags::ROOT));
    assert_eq!(changes.started.len(), 1, "its parent is not waited for");
}

#[test]
fn slots_are_used_again() {
    let mut store = Store::new(1, 0);
    for _ in 0..10_000 {
        let (trace, span) = (TraceId::random(), SpanId::random());
        let start = record(Kind::Start, trace, span, SpanId::NONE, ROOT, "text");
        let changes = look(&mut store, &[start, record(Kind::End, trace, span, SpanId::NONE, 0, "")]);
        store.release_span(changes.ended[0]);
    }
    assert_eq!((store.spans.len(), store.traces.len()), (1, 1));
}

/// f34: the wall clock may be set while a span is open; only its start moves with it, and no duration is negative.
#[test]
fn f34_a_clock_that_jumps_moves_times_and_no_durations() {
    const HOUR: i64 = 3_600_000_000_000;
    const DAY: i64 = 24 * HOUR;
    let base = 1_700_000_000_000_000_000_u64;
    for (drift, at, ended, started_at, duration) in [
        (0, base, base + 50, base, 50),
        (-HOUR, base, base + 50, base - HOUR as u64, 50),
        (DAY, base, base + 50, base + DAY as u64, 50),
        (-HOUR, 100, 150, 0, 50),
        (0, base, base - 50, base, 0),
        (i64::MAX, u64::MAX - 1, u64::MAX, u64::MAX, 1),
    ] {
        let (trace, span) = (TraceId::random(), SpanId::random());
        let mut store = Store::new(1, 0);
        let mut changes = Changes::default();
        for (kind, time) in [(Kind::Start, at), (Kind::End, ended)] {
            let bytes = record(kind, trace, span, SpanId::NONE, ROOT, "");
            let (mut record, _) = record::decode(&bytes).unwrap();
            record.header.time = time;
            store.take(&record, drift, Duration::ZERO, &mut changes);
        }
        store.settle(&mut changes);
        let span = store.span(changes.ended[0]);
        assert_eq!((span.started_at, span.duration()), (started_at, duration), "drift {drift}");
    }
}
