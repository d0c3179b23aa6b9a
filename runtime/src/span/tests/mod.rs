//! What spans leave behind, read back in words.

mod adding;
mod scopes;

use crate::context::{Context, InContext};
use crate::model::{Callsite, Field, Outcome, SpanType};
use crate::pipeline::recorded::recorded;
use crate::span::{Entered, InSpan, Span, current_span};
use futures::executor::block_on;

static OUTER: Callsite = Callsite::new("outer", SpanType::Workflow, "", "", 0);
static INNER: Callsite = Callsite::new("inner", SpanType::Tool, "", "", 0);

#[test]
fn nested_functions_are_parent_and_child() {
    let lines = recorded(|| {
        let outer = Entered::new(&OUTER, |parts| parts.text(Field::Argument, "q", "why?"));
        Entered::new(&INNER, |_| {}).end(Outcome::Error, |parts| parts.text(Field::Error, "", "boom"));
        outer.end(Outcome::Ok, |parts| parts.text(Field::Output, "", "because"));
        assert!(Context::current().trace_id().is_none());
    });
    assert_eq!(
        lines,
        ["start outer under - q=why?", "start inner under outer", "error inner =boom", "ok outer =because"]
    );
}

#[test]
fn joined_futures_are_siblings() {
    let lines = recorded(|| {
        let child = |name: &'static str| async move { yield_once().await }.in_span(Span::tool(name));
        block_on(async { futures::join!(child("a"), child("b")) }.in_span(Span::workflow("both")));
    });
    assert_eq!(lines, ["start both under -", "start a under both", "start b under both", "ok a", "ok b", "ok both"]);
}

#[test]
fn dropped_future_ends_span_as_cancelled_after_what_it_owned() {
    let lines = recorded(|| {
        let inner = async { std::future::pending::<()>().await }.in_span(Span::tool("inner"));
        let mut outer = Box::pin(inner.in_span(Span::workflow("outer")));
        assert!(futures::poll_once(&mut outer).is_none());
        drop(outer);
    });
    assert_eq!(lines, ["start outer under -", "start inner under outer", "cancelled inner", "cancelled outer"]);
}

#[test]
fn panic_ends_spans_and_restores_the_context() {
    let lines = recorded(|| {
        let result = std::panic::catch_unwind(|| {
            let _outer = Entered::new(&OUTER, |_| {});
            std::panic::resume_unwind(Box::new("quiet"));
        });
        assert!(result.is_err());
        assert!(current_span().span_id().is_none());
    });
    assert_eq!(lines, ["start outer under -", "panic outer"]);
}

#[test]
fn concurrent_roots_do_not_mix() {
    let lines = recorded(|| {
        let root = |name: &'static str| {
            async move {
                yield_once().await;
                async {}.in_span(Span::tool("leaf")).await;
            }
            .in_span(Span::workflow(name))
        };
        block_on(async { futures::join!(root("one"), root("two")) });
    });
    assert_eq!(
        lines,
        [
            "start one under -",
            "start two under -",
            "start leaf under one",
            "ok leaf",
            "ok one",
            "start leaf under two",
            "ok leaf",
            "ok two"
        ]
    );
}

#[test]
fn a_context_carries_over_a_thread_and_holds_its_trace() {
    let lines = recorded(|| {
        let outer = Entered::new(&OUTER, |_| {});
        let context = Context::current();
        drop(outer);
        block_on(async {}.in_span(Span::tool("inner")).in_context(context.clone()));
        context.wrap(|| Span::tool("late").in_scope(|| ()))();
    });
    assert_eq!(
        lines,
        [
            "start outer under -",
            "hold -",
            "ok outer",
            "start inner under outer",
            "ok inner",
            "start late under outer",
            "ok late",
            "release -"
        ]
    );
}

#[test]
fn a_serialize_that_opens_a_span_does_not_disturb_the_capture() {
    let lines = recorded(|| {
        let outer = Entered::new(&OUTER, |parts| {
            Span::tool("nested").in_scope(|| ());
            parts.text(Field::Argument, "q", "kept");
        });
        drop(outer);
    });
    assert_eq!(lines, ["start nested under -", "ok nested", "start outer under - q=kept", "ok outer"]);
}

#[test]
fn a_panic_inside_a_future_is_recorded_also_when_it_is_caught() {
    use ::futures::FutureExt;
    let lines = recorded(|| {
        let task = async { std::panic::resume_unwind(Box::new("out of ink")) }.in_span(Span::tool("write"));
        let caught = block_on(std::panic::AssertUnwindSafe(task).catch_unwind());
        let caught: Result<(), _> = caught;
        assert!(caught.is_err_and(|payload| payload.downcast_ref() == Some(&"out of ink")));
    });
    assert_eq!(lines, ["start write under -", "panic write =out of ink"]);
}

async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

mod futures {
    pub(super) use ::futures::*;

    pub(super) fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        let waker = ::futures::task::noop_waker();
        match std::pin::Pin::new(future).poll(&mut std::task::Context::from_waker(&waker)) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }
}
