//! Sessions, inherited values and sampling.

use super::yield_once;
use crate::context::{Context, InContext, Remote, RemoteKind};
use crate::model::{Dataset, Session, SpanType, TraceId};
use crate::pipeline::recorded::{recorded, recorded_by};
use crate::sampling::Sampler;
use crate::span::{InSpan, Span, current_span};
use crate::{clear_session, dataset_context, set_session, start_session};
use futures::executor::block_on;

fn session() -> Option<String> {
    let session = Context::current().rare()?.session.clone()?;
    session.id.or(session.external_id)
}

#[test]
fn a_session_stands_on_the_first_span_of_each_trace() {
    let lines = recorded(|| {
        start_session(Session::external("chat").name("Support"));
        Span::workflow("one").in_scope(|| Span::tool("leaf").in_scope(|| ()));
        set_session("by-id");
        Span::workflow("two").in_scope(|| ());
        clear_session();
        Span::workflow("three").in_scope(|| ());
        assert!(Context::current().rare().is_none());
    });
    let starts: Vec<_> = lines.iter().filter(|l| l.starts_with("start")).collect();
    assert_eq!(
        starts,
        [
            "start one under - external_id=chat name=Support",
            "start leaf under one",
            "start two under - =by-id",
            "start three under -"
        ]
    );
}

#[test]
fn a_session_set_inside_a_span_ends_with_it() {
    recorded(|| {
        set_session("outside");
        Span::workflow("outer").in_scope(|| {
            set_session("first");
            set_session("inside");
            Span::tool("inner").in_scope(|| assert_eq!(session().as_deref(), Some("inside")));
            assert_eq!(session().as_deref(), Some("inside"), "an inner span undoes only what was set in it");
        });
        assert_eq!(session().as_deref(), Some("outside"));
        clear_session();
        Span::workflow("outer").in_scope(|| set_session("inside"));
        assert_eq!(session(), None);
    });
}

#[test]
fn a_session_set_inside_a_future_holds_over_its_polls_and_no_further() {
    recorded(|| {
        let task = |name: &'static str| async move {
            set_session(name);
            yield_once().await;
            assert_eq!(session().as_deref(), Some(name));
        };
        let spanned = |name| task(name).in_span(Span::workflow("task"));
        block_on(async { futures::join!(spanned("a"), spanned("b"), task("c").in_context(Context::root())) });
        assert_eq!(session(), None);
    });
}

#[test]
fn tags_metadata_and_dataset_are_inherited_as_far_as_they_go() {
    let lines = recorded(|| {
        let row = Dataset::new().input("2 + 2?").output(&4).metadata("row", "17");
        let scope = dataset_context(row).with_tag("beta").with_metadata("tenant", "acme");
        let _scope = scope.with_metadata("tenant", "globex").attach();
        Span::workflow("outer").in_scope(|| Span::tool("inner").in_scope(|| ()));
    });
    let starts: Vec<_> = lines.iter().filter(|l| l.starts_with("start")).collect();
    assert_eq!(
        starts,
        [
            "start outer under - =beta tenant=globex input=2 + 2? output=4 metadata.row=17",
            "start inner under outer =beta tenant=globex"
        ]
    );
}

#[test]
fn an_unsampled_trace_leaves_no_record_and_its_context_says_so() {
    let lines = recorded_by(Sampler::never(), || {
        Span::workflow("outer").in_scope(|| {
            let context = Context::current();
            assert!(context.trace_id().is_some() && !context.is_sampled());
            assert!(!crate::span::recording());
            assert!(current_span().trace_id().is_none());
            Span::tool("inner").input("x").in_scope(|| assert_eq!(Context::current().trace_id(), context.trace_id()));
        });
        assert!(Context::current().trace_id().is_none());
        let task = async { Span::tool("inner").in_scope(|| ()) };
        block_on(task.in_span(Span::workflow("outer")));
    });
    assert_eq!(lines, Vec::<String>::new());
}

#[test]
fn a_rule_for_a_type_counts_where_a_trace_begins() {
    let lines = recorded_by(Sampler::never().for_type(SpanType::Agent, 1.0), || {
        Span::workflow("left out").in_scope(|| Span::agent("also left out").in_scope(|| ()));
        Span::agent("taken").in_scope(|| Span::workflow("taken too").in_scope(|| ()));
    });
    let starts: Vec<_> = lines.iter().filter(|l| l.starts_with("start")).collect();
    assert_eq!(starts, ["start taken under -", "start taken too under taken"]);
}

#[test]
fn a_caller_decides_only_where_the_sampler_says_so() {
    for (sampler, caller, recorded, why) in [
        (Sampler::default(), true, true, "the default follows"),
        (Sampler::default(), false, false, "the default follows"),
        (Sampler::never().parent_based(), true, true, "roots alone are left out"),
        (Sampler::always(), false, true, "not asked"),
        (Sampler::never(), true, false, "not asked"),
    ] {
        let lines = recorded_by(sampler, || {
            let remote = Remote {
                trace: TraceId::random(),
                kind: RemoteKind::Foreign,
                sampled: caller,
                w3c: None,
                langsmith: None,
            };
            let _scope = Context::from_remote(remote).attach();
            Span::workflow("entry").in_scope(|| ());
        });
        assert_eq!(!lines.is_empty(), recorded, "{sampler:?}, caller {caller}: {why}");
    }
}

#[cfg(feature = "tokio")]
#[test]
fn a_spawned_task_and_a_blocking_closure_stay_in_the_trace() {
    let lines = recorded(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(
            async {
                let task = crate::spawn(async { Span::tool("task").in_scope(|| ()) });
                let blocking = crate::spawn_blocking(|| Span::tool("blocking").in_scope(|| ()));
                task.await.expect("the task");
                blocking.await.expect("the closure");
            }
            .in_span(Span::workflow("outer")),
        );
    });
    // Another thread's records come in an order of their own; who is whose child does not depend on it.
    assert_eq!(lines.iter().filter(|l| l.ends_with(" under outer")).count(), 2, "{lines:?}");
    assert_eq!(lines.iter().filter(|l| *l == "hold -").count(), 2, "{lines:?}");
    assert_eq!(lines.iter().filter(|l| *l == "release -").count(), 2, "{lines:?}");
}
