//! What builders, guards and `current_span` add.

use crate::context::Context;
use crate::model::{Outcome, Usage};
use crate::pipeline::recorded::recorded;
use crate::span::{Span, current_span};
use std::time::Duration;

#[test]
fn a_builder_writes_everything_into_the_start() {
    let lines = recorded(|| {
        Span::llm("ask")
            .input("why?")
            .model("m-1")
            .tools(serde_json::json!([{"name": "search"}]))
            .tags(["a", "b"])
            .metadata("attempt", 2)
            .in_scope(|| ());
    });
    assert_eq!(lines[0], r#"start ask under - =why? =m-1 =[{"name":"search"}] =a =b attempt=2"#);
}

#[test]
fn the_current_span_takes_what_is_added_to_it() {
    let lines = recorded(|| {
        Span::llm("ask").in_scope(|| {
            let usage = Usage::tokens(12, 5).first_token_after(Duration::from_millis(3));
            current_span().set_output("because").set_usage(usage).tag("t").metadata("k", "v").cache_hit(true);
            current_span().event("retry", serde_json::json!({"after": 1})).set_status(429).record_error("too many");
        });
    });
    assert_eq!(
        lines,
        [
            "start ask under -",
            "note ask =because",
            "note ask num_input_tokens=12 num_output_tokens=5 num_total_tokens=17 time_to_first_token_ns=3000000",
            "note ask =t",
            "note ask k=v",
            "note ask cache.hit=true",
            r#"note ask retry={"after":1}"#,
            "note ask =429",
            "note ask =too many",
            "ok ask"
        ]
    );
}

#[test]
fn nothing_is_added_outside_a_span() {
    let lines = recorded(|| {
        current_span().set_output("lost").tag("lost").record_error("lost");
    });
    assert_eq!(lines, Vec::<String>::new());
}

#[test]
fn a_guard_adds_to_its_own_span_and_not_to_the_innermost() {
    let lines = recorded(|| {
        let outer = Span::workflow("outer").enter();
        let inner = Span::tool("inner").enter();
        outer.set_output("of outer");
        inner.end(Outcome::Error);
    });
    assert_eq!(
        lines,
        ["start outer under -", "start inner under outer", "note outer =of outer", "error inner", "ok outer"]
    );
}

#[test]
fn a_guard_under_another_parent_leaves_to_where_it_was_entered() {
    let lines = recorded(|| {
        let first = Span::workflow("first").enter();
        let context = Context::current();
        drop(first);
        let second = Span::workflow("second").enter();
        Span::tool("of first").parent(&context).in_scope(|| ());
        Span::tool("of second").in_scope(|| ());
        drop(second);
    });
    let starts: Vec<_> = lines.iter().filter(|l| l.starts_with("start")).collect();
    assert_eq!(
        starts,
        ["start first under -", "start second under -", "start of first under first", "start of second under second"]
    );
}

#[test]
fn a_panic_in_a_scope_is_recorded_with_its_message_and_goes_on() {
    let lines = recorded(|| {
        let result = std::panic::catch_unwind(|| {
            Span::tool("write").in_scope(|| std::panic::resume_unwind(Box::new(String::from("out of ink"))))
        });
        let result: Result<(), _> = result;
        assert!(result.is_err_and(|payload| payload.downcast_ref() == Some(&String::from("out of ink"))));
        assert!(current_span().span_id().is_none());
    });
    assert_eq!(lines, ["start write under -", "panic write =out of ink"]);
}

#[test]
fn nobody_records_and_nothing_happens() {
    let touched = std::cell::Cell::new(false);
    struct Probe<'a>(&'a std::cell::Cell<bool>);
    impl serde::Serialize for Probe<'_> {
        fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            self.0.set(true);
            to.serialize_unit()
        }
    }
    let run = || {
        let span = Span::tool("t").input(Probe(&touched)).enter();
        span.set_output(Probe(&touched));
        current_span().metadata("k", Probe(&touched));
    };
    recorded(run);
    assert!(touched.replace(false), "the probe works");
    // Behind the same lock, after the pipeline is gone.
    crate::pipeline::recorded::unrecorded(run);
    assert!(!touched.get());
}
