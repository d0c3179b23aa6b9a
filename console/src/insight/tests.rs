//! Traces with known answers.

use serde_json::json;

use super::*;
use crate::model::{Detail, Sources, SpanType, Tokens, TraceSummary};

/// A span of `a` service: name, parent, start and end in milliseconds.
struct Row(&'static str, Option<usize>, i64, i64);

fn view(rows: &[Row]) -> TraceView {
    let mut spans: Vec<SpanNode> = rows
        .iter()
        .enumerate()
        .map(|(index, Row(name, parent, start, end))| SpanNode {
            id: id(index),
            parent_id: parent.map(id),
            orphan: None,
            span_type: if parent.is_some() { SpanType::Tool } else { SpanType::Workflow },
            name: (*name).to_owned(),
            service: Some("a".to_owned()),
            entry: parent.is_none(),
            start_ns: start * 1_000_000,
            duration_ns: Some((end - start) * 1_000_000),
            open: false,
            status_code: None,
            outcome: Outcome::Ok,
            error: None,
            error_origin: false,
            cached: false,
            model: None,
            tokens: Tokens::default(),
            sources: Sources::GALILEO,
            depth: 0,
            parent_index: *parent,
            children: Vec::new(),
            detail: Some(Box::new(Detail { input: Some(json!(format!("input {index}"))), ..Detail::default() })),
        })
        .collect();
    for index in 0..spans.len() {
        if let Some(parent) = spans[index].parent_index {
            spans[index].depth = spans[parent].depth + 1;
            spans[parent].children.push(index);
        }
    }
    let start_ns = spans.iter().map(|span| span.start_ns).min().unwrap();
    let end = spans.iter().map(|span| span.start_ns + span.duration_ns.unwrap()).max().unwrap();
    let summary = TraceSummary {
        id: id(99),
        name: "trace".into(),
        project_id: id(0),
        project_name: String::new(),
        log_stream_id: id(0),
        log_stream_name: String::new(),
        session_id: None,
        services: Vec::new(),
        start_ns,
        duration_ns: Some(end - start_ns),
        open: false,
        has_record: true,
        status_code: None,
        error_count: 0,
        span_count: spans.len() as u64,
        open_count: 0,
        tokens: Tokens::default(),
        input_preview: String::new(),
        output_preview: String::new(),
        version: 0,
    };
    TraceView { summary, detail: Detail::default(), spans, skews: Vec::new() }
}

fn id(index: usize) -> Id {
    Id([index as u8; 16]).as_v4()
}

fn fail(view: &mut TraceView, index: usize, text: &str) {
    view.spans[index].outcome = Outcome::Error;
    view.spans[index].error = Some(text.to_owned());
}

fn input(view: &mut TraceView, index: usize, input: serde_json::Value) {
    view.spans[index].detail.as_mut().unwrap().input = Some(input);
}

fn output(view: &mut TraceView, index: usize, output: serde_json::Value) {
    view.spans[index].detail.as_mut().unwrap().output = Some(output);
}

fn of(view: &TraceView, kind: Kind) -> Vec<(String, i64, usize)> {
    let found = findings(view, 0).into_iter().filter(|finding| finding.kind == kind);
    found.map(|finding| (finding.subject, finding.time_ns / 1_000_000, finding.spans.len())).collect()
}

fn path(view: &TraceView) -> Vec<(String, i64)> {
    let timing = Timing::of(view, 0);
    (0..view.spans.len()).map(|index| (view.spans[index].name.clone(), timing.on_path(index) / 1_000_000)).collect()
}

fn expect(found: &[(String, i64)], wanted: &[(&str, i64)]) {
    let wanted: Vec<(String, i64)> = wanted.iter().map(|(name, time)| ((*name).to_owned(), *time)).collect();
    assert_eq!(found, wanted);
}

#[test]
fn own_time_is_what_no_child_covers() {
    // Two children overlap, one outlives its parent.
    let view = view(&[
        Row("root", None, 0, 100),
        Row("a", Some(0), 10, 40),
        Row("b", Some(0), 30, 50),
        Row("c", Some(0), 80, 130),
    ]);
    let timing = Timing::of(&view, 0);
    let own: Vec<i64> = timing.own.iter().map(|own| own / 1_000_000).collect();
    assert_eq!(own, [10 + 30, 30, 20, 50]);
}

#[test]
fn the_critical_path_follows_the_child_that_ended_last() {
    // `fast` ran beside `slow` and made nobody wait; `tail` began after both.
    let rows = [
        Row("root", None, 0, 100),
        Row("slow", Some(0), 10, 60),
        Row("fast", Some(0), 10, 30),
        Row("tail", Some(0), 65, 90),
        Row("deep", Some(1), 20, 50),
    ];
    expect(&path(&view(&rows)), &[("root", 10 + 5 + 10), ("slow", 20), ("fast", 0), ("tail", 25), ("deep", 30)]);
}

#[test]
fn the_critical_path_adds_up_to_the_trace() {
    let rows = [
        Row("root", None, 5, 105),
        Row("a", Some(0), 0, 50),
        Row("b", Some(0), 40, 120),
        Row("c", Some(2), 60, 70),
        Row("d", Some(0), 51, 52),
    ];
    let view = view(&rows);
    let timing = Timing::of(&view, 0);
    let on_root: i64 = path(&view).iter().map(|(_, time)| time).sum();
    assert_eq!(on_root, 100, "as long as the root, however its children stick out");
    for stretches in &timing.critical {
        assert!(stretches.iter().all(|(from, to)| from < to));
    }
}

#[test]
fn a_very_deep_trace_does_not_exhaust_the_stack() {
    let rows: Vec<Row> =
        (0..200).map(|depth| Row("deep", (depth > 0).then(|| depth as usize - 1), depth, 1000 - depth)).collect();
    let view = view(&rows);
    assert_eq!(Timing::of(&view, 0).own.iter().sum::<i64>(), 1_000_000_000);
}

#[test]
fn an_open_span_reaches_to_the_present() {
    let mut view = view(&[Row("root", None, 0, 10), Row("model", Some(0), 4, 5)]);
    for span in &mut view.spans {
        (span.open, span.duration_ns) = (true, None);
    }
    let timing = Timing::of(&view, 50_000_000);
    assert_eq!(timing.bottleneck(), Some((1, 46_000_000)));
}

#[test]
fn the_bottleneck_has_the_most_own_time_on_the_path() {
    let view = view(&[Row("root", None, 0, 100), Row("wait", Some(0), 5, 95), Row("work", Some(1), 10, 80)]);
    assert_eq!(of(&view, Kind::Bottleneck), [("work".to_owned(), 70, 1)]);
}

#[test]
fn errors_are_named_by_where_they_began() {
    let mut view = view(&[
        Row("root", None, 0, 100),
        Row("search", Some(0), 10, 50),
        Row("store", Some(1), 20, 40),
        Row("store", Some(1), 41, 45),
    ]);
    for index in [0, 1] {
        fail(&mut view, index, "search failed");
    }
    fail(&mut view, 2, "timeout\n  at line 3");
    fail(&mut view, 3, "timeout");
    assert_eq!(of(&view, Kind::Error), [("store".to_owned(), 0, 2)]);
    assert_eq!(origins(&view), [2, 3]);
}

#[test]
fn a_marked_origin_counts_even_above_a_failed_child() {
    let mut view = view(&[Row("root", None, 0, 100), Row("handled", Some(0), 10, 50)]);
    fail(&mut view, 0, "no answer");
    fail(&mut view, 1, "ignored");
    view.spans[0].error_origin = true;
    assert_eq!(origins(&view), [0, 1]);
}

#[test]
fn calls_in_a_loop_could_run_together() {
    let view = view(&[
        Row("root", None, 0, 100),
        Row("fetch", Some(0), 0, 30),
        Row("fetch", Some(0), 30, 50),
        Row("fetch", Some(0), 51, 91),
    ]);
    assert_eq!(of(&view, Kind::Sequence), [("fetch".to_owned(), 50, 3)], "the longest stays");
}

#[test]
fn a_call_that_needs_an_earlier_answer_does_not_count() {
    let mut view = view(&[Row("root", None, 0, 100), Row("find", Some(0), 0, 40), Row("read", Some(0), 45, 95)]);
    assert_eq!(of(&view, Kind::Sequence), [], "an output that was not recorded may have been needed");
    output(&mut view, 1, json!("nothing that the next call uses"));
    assert_eq!(of(&view, Kind::Sequence), [("find to read".to_owned(), 40, 2)]);
    output(&mut view, 1, json!("{\"id\": \"document-4711\"}"));
    input(&mut view, 2, json!("{\"document\": \"document-4711\"}"));
    assert_eq!(of(&view, Kind::Sequence), []);
}

#[test]
fn calls_that_overlap_or_say_nothing_of_their_input_are_no_sequence() {
    let overlap = view(&[Row("root", None, 0, 100), Row("fetch", Some(0), 0, 50), Row("fetch", Some(0), 40, 90)]);
    assert_eq!(of(&overlap, Kind::Sequence), []);
    let mut silent = view(&[Row("root", None, 0, 100), Row("fetch", Some(0), 0, 50), Row("fetch", Some(0), 50, 90)]);
    silent.spans[2].detail = None;
    assert_eq!(of(&silent, Kind::Sequence), []);
}

#[test]
fn the_same_call_twice_is_work_for_a_cache() {
    let mut view = view(&[
        Row("root", None, 0, 100),
        Row("embed", Some(0), 0, 30),
        Row("embed", Some(0), 40, 60),
        Row("embed", Some(0), 60, 75),
    ]);
    for index in 1..=3 {
        input(&mut view, index, json!({"text": "moons"}));
    }
    assert_eq!(of(&view, Kind::Repeat), [("embed".to_owned(), 35, 3)]);
    assert_eq!(of(&view, Kind::Sequence), [], "not to be run together as well");
    view.spans[3].cached = true;
    assert_eq!(of(&view, Kind::Repeat), [("embed".to_owned(), 20, 2)], "what a cache answered costs nothing");
    assert_eq!(of(&view, Kind::Cache), [("embed".to_owned(), 0, 1)]);
    fail(&mut view, 2, "no");
    assert_eq!(of(&view, Kind::Repeat), [], "a failed call gave no answer to keep");
}

#[test]
fn what_ran_inside_a_repeated_call_is_not_counted_again() {
    let rows = [
        Row("root", None, 0, 100),
        Row("search", Some(0), 0, 40),
        Row("embed", Some(1), 0, 30),
        Row("search", Some(0), 50, 90),
        Row("embed", Some(3), 50, 80),
    ];
    let mut view = view(&rows);
    for (index, text) in [(1, "q"), (2, "e"), (3, "q"), (4, "e")] {
        input(&mut view, index, json!(text));
    }
    assert_eq!(of(&view, Kind::Repeat), [("search".to_owned(), 40, 2)]);
    assert_eq!(
        overview(&[view])
            .groups
            .iter()
            .filter(|group| group.kind == Kind::Repeat)
            .map(|group| group.time_ns / 1_000_000)
            .sum::<i64>(),
        40
    );
}

#[test]
fn a_failed_call_made_again_is_a_retry() {
    let mut view = view(&[
        Row("root", None, 0, 100),
        Row("query", Some(0), 10, 30),
        Row("query", Some(0), 40, 60),
        Row("query", Some(0), 62, 70),
    ]);
    for index in 1..=3 {
        input(&mut view, index, json!("same"));
    }
    fail(&mut view, 1, "timeout");
    fail(&mut view, 2, "timeout");
    assert_eq!(of(&view, Kind::Retry), [("query".to_owned(), 52, 3)], "from the first start to the last");
    let text = findings(&view, 0).into_iter().find(|finding| finding.kind == Kind::Retry).unwrap().text;
    assert!(text.contains("3 times until it succeeded"), "{text}");
    input(&mut view, 3, json!("another"));
    assert_eq!(of(&view, Kind::Retry), [("query".to_owned(), 30, 2)], "another question is another call");
}

#[test]
fn many_children_are_a_fan_out_with_its_width() {
    let mut rows = vec![Row("root", None, 0, 200)];
    rows.extend((0..24).map(|n| Row("part", Some(0), n / 4 * 10, n / 4 * 10 + 10)));
    let found = findings(&view(&rows), 0);
    let fan_out = found.iter().find(|finding| finding.kind == Kind::FanOut).unwrap();
    assert_eq!(fan_out.text, "started 24 spans, at most 4 at a time");
}

#[test]
fn time_by_service_needs_two_services() {
    let mut view = view(&[Row("root", None, 0, 100), Row("query", Some(0), 20, 90)]);
    assert_eq!(of(&view, Kind::Service), []);
    view.spans[1].service = Some("b".to_owned());
    assert_eq!(of(&view, Kind::Service), [("b".to_owned(), 70, 1), ("a".to_owned(), 30, 1)]);
}

#[test]
fn an_overview_counts_over_traces() {
    let one = || {
        let mut view = view(&[Row("root", None, 0, 100), Row("embed", Some(0), 10, 30), Row("store", Some(0), 30, 40)]);
        input(&mut view, 1, json!("the same question"));
        view.spans[2].service = Some("db".to_owned());
        view
    };
    let mut failing = one();
    failing.summary.id = id(98);
    fail(&mut failing, 2, "disk full");
    let mut running = one();
    running.spans[2].open = true;
    let overview = overview(&[one(), failing, running]);
    assert_eq!((overview.traces, overview.spans, overview.failed, overview.time_ns), (2, 6, 1, 200_000_000));
    let services: Vec<(&str, u64, u64, i64)> =
        overview.services.iter().map(|s| (s.service.as_str(), s.calls, s.failed, s.path_ns / 1_000_000)).collect();
    assert_eq!(services, [("a", 2, 0, 180), ("db", 2, 1, 20)]);
    let groups: Vec<(Kind, &str, u64, i64)> =
        overview.groups.iter().map(|g| (g.kind, g.subject.as_str(), g.count, g.time_ns / 1_000_000)).collect();
    assert_eq!(
        groups,
        [(Kind::Error, "store", 1, 0), (Kind::Bottleneck, "root", 2, 140), (Kind::Repeat, "embed", 1, 20)]
    );
}

#[test]
fn quantiles_are_values_that_occur() {
    let values: Vec<i64> = (1..=100).collect();
    assert_eq!(
        (
            many::quantile(&values, 0.5),
            many::quantile(&values, 0.95),
            many::quantile(&[7], 0.5),
            many::quantile(&[], 0.5)
        ),
        (50, 95, 7, 0)
    );
}
