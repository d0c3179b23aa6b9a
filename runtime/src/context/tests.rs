//! What headers name, by situation.

use super::active;
use super::*;
use crate::model::{Callsite, SpanType};
use crate::pipeline::recorded::recorded;
use crate::span::Entered;
use crate::suppress;
use http::HeaderMap;

const TRACE: &str = "8e69c645-b678-45e1-9c61-dcbed822f9db";
const SPAN: &str = "0f7d7c0b-4a5e-4a44-8d1c-0c3f5a1b2c3d";
const FOREIGN: &str = "00-0af7651916cd43dd0448eb211c80319c-b7ad6b7169203331-01";

static STEP: Callsite = Callsite::new("step", SpanType::Workflow, "", "", 0);
static MODEL: Callsite = Callsite::new("model", SpanType::Llm, "", "", 0);

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (http::HeaderName::from_static(name), http::HeaderValue::from_static(value)))
        .collect()
}

fn value(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

#[test]
fn headers_name_the_current_span_and_announce_it() {
    let lines = recorded(|| {
        let _step = Entered::new(&STEP, |_| {});
        let headers = get_tracing_headers();
        let (trace, span) = (active::get().trace, active::get().span);
        assert_eq!(value(&headers, "x-galileo-trace-id"), trace.to_string());
        assert_eq!(value(&headers, "x-galileo-parent-id"), span.to_string());
        let w3c = value(&headers, "traceparent");
        assert_eq!(w3c[3..35], trace.to_string().replace('-', ""));
        assert_eq!(w3c[36..52], span.to_string().replace('-', "")[16..]);
        assert!(w3c.starts_with("00-") && w3c.ends_with("-03"), "{w3c}");
    });
    assert_eq!(lines, ["start step under -", "propagated step", "ok step"]);
}

#[test]
fn an_llm_span_is_never_named_as_a_parent() {
    let lines = recorded(|| {
        let _step = Entered::new(&STEP, |_| {});
        let step = active::get().span;
        let _model = Entered::new(&MODEL, |_| {});
        let headers = get_tracing_headers();
        assert_eq!(value(&headers, "x-galileo-parent-id"), step.to_string());
    });
    assert_eq!(lines[2], "propagated step");
    recorded(|| {
        let _model = Entered::new(&MODEL, |_| {});
        let headers = get_tracing_headers();
        let trace = active::get().trace;
        assert_eq!(value(&headers, "x-galileo-parent-id"), trace.to_string(), "a root llm span: the trace itself");
        assert_eq!(value(&headers, "traceparent")[36..52], trace.to_string().replace('-', "")[16..]);
    });
}

#[test]
fn a_foreign_trace_id_is_kept_for_output() {
    recorded(|| {
        let context =
            Context::extract(&headers(&[("traceparent", FOREIGN), ("tracestate", "a=1"), ("baggage", "t=x")]));
        assert_eq!(
            context.trace_id().map(|id| id.to_string()).as_deref(),
            Some("0af76519-16cd-43dd-8448-eb211c80319c")
        );
        let _guard = context.attach();
        let before = get_tracing_headers();
        assert_eq!(value(&before, "traceparent"), FOREIGN, "no span of ours yet: passed on");
        assert_eq!(before.get("x-galileo-trace-id"), None, "that trace does not exist yet");
        let _step = Entered::new(&STEP, |_| {});
        let inside = get_tracing_headers();
        assert!(value(&inside, "traceparent").starts_with("00-0af7651916cd43dd0448eb211c80319c-"));
        assert!(!value(&inside, "traceparent").contains("b7ad6b7169203331"));
        assert_eq!(value(&inside, "x-galileo-trace-id"), "0af76519-16cd-43dd-8448-eb211c80319c");
        assert_eq!((value(&inside, "tracestate"), value(&inside, "baggage")), ("a=1".into(), "t=x".into()));
    });
}

#[test]
fn an_unsampled_caller_gets_fresh_parents_and_no_spans() {
    let lines = recorded(|| {
        let unsampled = "00-0af7651916cd43dd0448eb211c80319c-b7ad6b7169203331-02";
        let context = Context::extract(&headers(&[("traceparent", unsampled)]));
        let _guard = context.attach();
        let _step = Entered::new(&STEP, |_| {});
        let (first, second) = (get_tracing_headers(), get_tracing_headers());
        assert_ne!(first, second);
        for headers in [first, second] {
            let line = value(&headers, "traceparent");
            assert!(line.starts_with("00-0af7651916cd43dd0448eb211c80319c-") && line.ends_with("-02"), "{line}");
            assert!(!line.contains("b7ad6b7169203331"));
            assert_eq!(headers.get("x-galileo-trace-id"), None);
        }
    });
    assert!(lines.is_empty(), "{lines:?}");
}

#[test]
fn headers_pass_through_a_process_that_does_not_record() {
    let received = headers(&[("x-galileo-trace-id", TRACE), ("x-galileo-parent-id", SPAN), ("baggage", "a=1")]);
    let _guard = Context::extract(&received).attach();
    let sent = get_tracing_headers();
    assert_eq!(value(&sent, "x-galileo-parent-id"), SPAN);
    assert_eq!(value(&sent, "baggage"), "a=1");
    assert_eq!(value(&sent, "traceparent"), "00-8e69c645b67845e19c61dcbed822f9db-8d1c0c3f5a1b2c3d-03");
}

#[test]
fn the_environment_carries_a_context() {
    let context = Context::extract(&headers(&[("x-galileo-trace-id", TRACE), ("x-galileo-parent-id", SPAN)]));
    let variables = context.to_env();
    let names: Vec<&str> = variables.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["TRACEPARENT", "X_GALILEO_PARENT_ID", "X_GALILEO_TRACE_ID"]);
    let child = Context::extract(&variables);
    assert_eq!((child.trace_id(), child.span_id()), (context.trace_id(), context.span_id()));
}

#[test]
fn the_reason_for_no_headers_is_told() {
    recorded(|| {
        assert_eq!(try_get_tracing_headers(), Err(NoHeaders::NoTrace));
        let _step = Entered::new(&STEP, |_| {});
        let _suppressed = suppress::enter();
        assert_eq!(try_get_tracing_headers(), Err(NoHeaders::Suppressed));
    });
}
