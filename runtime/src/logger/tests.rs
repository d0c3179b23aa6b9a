#![allow(clippy::unwrap_used)]

use super::*;
use crate::pipeline::recorded::{recorded, unrecorded};
use crate::propagation::Carrier;
use crate::span::Span;
use std::time::{Duration, SystemTime};

#[test]
fn steps_form_the_tree_that_they_were_added_in() {
    let mut trace = None;
    let lines = recorded(|| {
        let mut logger = Logger::new();
        trace = logger.start_trace(Step::new("ask").input("hi").tag("t"));
        logger.add_workflow_span(Step::new("wf").input("wf in"));
        logger.add_agent_span("agent in");
        logger.add_llm_span(Step::new("llm").input("q").output("a").model("gpt").tokens(10, 3).status_code(200));
        logger.add_tool_span(Step::new("weather").input("{}").output("sunny").tool_call_id("call_1"));
        assert!(logger.conclude("agent out"));
        assert!(logger.conclude(Step::default().output("wf out").metadata("late", "yes")));
        logger.add_retriever_span(Step::new("kb").input("q").output_json(&["d1"]));
        assert!(logger.conclude("out"));
        assert_eq!(logger.open_steps(), 0);
    });
    assert!(trace.is_some());
    assert_eq!(
        lines,
        [
            "start ask under - =hi =t",
            "start wf under ask =wf in",
            "start agent under wf =agent in",
            "start llm under agent =q =gpt",
            "ok llm =a num_input_tokens=10 num_output_tokens=3 num_total_tokens=13 =200",
            "start weather under agent ={} =call_1",
            "ok weather =sunny",
            "ok agent =agent out",
            "ok wf late=yes =wf out",
            "start kb under ask =q",
            "ok kb =[\"d1\"]",
            "ok ask =out"
        ]
    );
}

#[test]
fn the_trace_itself_is_the_parent_of_what_lies_directly_under_it() {
    recorded(|| {
        let mut logger = Logger::new();
        let trace = logger.start_trace("q").unwrap();
        let headers = logger.get_tracing_headers();
        assert_eq!(headers["x-galileo-trace-id"], trace.to_string());
        assert_eq!(headers["x-galileo-parent-id"], trace.to_string());
        logger.add_workflow_span("q");
        let headers = logger.get_tracing_headers();
        assert_eq!(headers["x-galileo-trace-id"], trace.to_string());
        assert_eq!(headers["x-galileo-parent-id"], logger.current_parent().unwrap().to_string());
        logger.conclude_all(Step::default());
    });
}

#[test]
fn what_does_not_fit_is_recorded_anyway() {
    let lines = recorded(|| {
        let mut logger = Logger::new();
        assert!(!logger.conclude("nothing open"));
        logger.add_tool_span(Step::new("orphan").input("x"));
        assert!(logger.trace_id().is_none(), "a step without a trace is a trace of its own");
        logger.start_trace(Step::new("one"));
        logger.add_workflow_span(Step::new("left open"));
        logger.start_trace(Step::new("two"));
        logger.add_tool_span(Step::new("t").output("last"));
        logger.conclude_all(Step::default());
    });
    assert_eq!(
        lines,
        [
            "start orphan under - =x",
            "ok orphan",
            "start one under -",
            "start left open under one",
            "ok left open",
            "ok one",
            "start two under -",
            "start t under two",
            "ok t =last",
            "ok two =last"
        ]
    );
}

#[test]
fn a_continued_trace_is_not_begun_again() {
    let headers: Vec<(String, String)> = vec![
        ("x-galileo-trace-id".into(), "8e69c645-b678-45e1-9c61-dcbed822f9db".into()),
        ("x-galileo-parent-id".into(), "0f7d7c0b-4a5e-4a44-8d1c-0c3f5a1b2c3d".into()),
    ];
    let lines = recorded(|| {
        let mut logger = Logger::in_context(Context::extract(&headers as &dyn Carrier));
        assert_eq!(logger.current_parent().unwrap().to_string(), "0f7d7c0b-4a5e-4a44-8d1c-0c3f5a1b2c3d");
        logger.start_trace(Step::new("svc"));
        let _inside = logger.context().attach();
        Span::tool("traced function").in_scope(|| ());
        assert_eq!(logger.get_tracing_headers()["x-galileo-trace-id"], "8e69c645-b678-45e1-9c61-dcbed822f9db");
        drop(_inside);
        drop(logger);
    });
    let lines: Vec<&str> =
        lines.iter().map(String::as_str).filter(|line| !line.contains("hold") && !line.contains("release")).collect();
    assert_eq!(
        lines,
        [
            "start svc under -",
            "start traced function under svc",
            "ok traced function",
            "propagated svc",
            "cancelled svc"
        ]
    );
}

#[test]
fn failures_and_single_calls() {
    let lines = recorded(|| {
        let mut logger = Logger::new();
        let trace = logger.add_single_llm_span_trace(Step::new("ask").input("q").output("a").model("m"));
        assert!(trace.is_some() && logger.trace_id().is_none());
        logger.add_tool_span(Step::new("t").error("boom").metadata("api_key", "k"));
        logger.add_tool_span(Step::new("s").status_code(503));
    });
    assert_eq!(
        lines,
        [
            "start ask under - =q =m",
            "start ask under ask =q =m",
            "ok ask =a",
            "ok ask =a",
            "start t under - api_key=[redacted]",
            "error t =boom",
            "start s under -",
            "error s =503"
        ]
    );
}

#[test]
fn times_are_those_that_were_given() {
    let now = Step::default().start(true);
    let whole = Step::default().duration(Duration::from_secs(5));
    assert!(now - whole.start(true) > 4_000_000_000, "a whole step began its duration ago");
    assert!(whole.start(false) >= now, "a step that opens begins now");
    let then = SystemTime::now() - Duration::from_secs(60);
    let began = Step::default().started_at(then).start(true);
    assert!(now - began > 59_000_000_000 && now - began < 61_000_000_000);
    assert_eq!(whole.end_of(100), Some(5_000_000_100));
    assert_eq!(Step::default().end_of(100), None);
}

#[test]
fn nothing_is_recorded_without_init() {
    // In its turn: elsewhere in this process another test may be recording.
    unrecorded(|| {
        let mut logger = Logger::new();
        assert!(logger.start_trace("q").is_none());
        logger.add_llm_span("x");
        logger.conclude_all(Step::default());
        assert_eq!(logger.open_steps(), 0);
    });
}

#[test]
fn a_session_holds_for_the_traces_that_begin_in_it() {
    let lines = recorded(|| {
        let mut logger = Logger::new();
        logger.start_session("chat-42");
        logger.start_trace(Step::new("one"));
        logger.conclude_all(Step::default());
        logger.clear_session();
        logger.start_trace(Step::new("two"));
        logger.conclude_all(Step::default());
    });
    let named: Vec<bool> =
        lines.iter().filter(|line| line.starts_with("start")).map(|line| line.contains("chat-42")).collect();
    assert_eq!(named, [true, false]);
}
