//! `galileo::testing`: each run sees its own trace and no other, with and without a pipeline, and says so when there is none.

#![allow(clippy::unwrap_used)]

use futures::future::join_all;
use galileo::export::{HookRecord, Memory, Moment, Pass};
use galileo::model::Field;
use galileo::prelude::*;
use galileo::testing::{self, Trace};
use galileo::{Config, Context, Mode, Outcome, Span, SpanType, current_span};
use serde_json::json;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Those that start a pipeline, of which a process has one.
static PIPELINE: Mutex<()> = Mutex::new(());

#[galileo::log(span_type = "retriever")]
fn retrieve(query: &str, top_k: usize) -> Vec<String> {
    (0..top_k).map(|n| format!("{query} {n}")).collect()
}

#[galileo::log(span_type = "llm")]
async fn ask(question: &str) -> Result<String, std::num::ParseIntError> {
    tokio::task::yield_now().await;
    question.parse::<i32>().map(|n| (n * 2).to_string())
}

#[galileo::log(span_type = "workflow")]
async fn answer(question: &str) -> Result<String, std::num::ParseIntError> {
    retrieve(question, 2);
    ask(question).await
}

/// The message of the panic in `check`.
fn message(check: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(check)).expect_err("the check should fail");
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap()
}

#[test]
fn a_run_is_a_tree() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (result, trace) = runtime.block_on(testing::run_async(|| answer("21")));
    assert_eq!(result.as_deref(), Ok("42"));
    assert_eq!(
        trace.to_string(),
        "workflow answer {\"question\":\"21\"} -> \"42\"\n\
         ├─ retriever retrieve {\"query\":\"21\",\"top_k\":2} -> [\"21 0\",\"21 1\"]\n\
         └─ llm ask {\"question\":\"21\"} -> \"42\"\n"
    );
    trace.no_errors().span_count(3).span_count(2..).max_duration(Duration::from_secs(600));
    trace.of_type(SpanType::Llm).span_count(1);
    assert_eq!(trace.children(trace.span("answer")).count(), 2);
}

#[test]
fn errors_panics_and_cancelled_futures_are_seen() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (_, trace) = runtime.block_on(testing::run_async(|| async {
        let _ = answer("x").await;
        let _ = catch_unwind(|| Span::tool("breaks").in_scope(|| panic!("on purpose")));
        drop(futures::poll!(std::pin::pin!(ask("1"))));
    }));
    assert_eq!(
        trace.tree().without_values().to_string(),
        "workflow answer error: invalid digit found in string\n\
         ├─ retriever retrieve\n\
         └─ llm ask error: invalid digit found in string\n\
         tool breaks panic: on purpose\n\
         llm ask cancelled\n"
    );
    let said = message(|| drop(trace.no_errors().clone()));
    assert!(said.starts_with("`answer` failed: invalid digit") && said.contains("\n├─ retriever retrieve"), "{said}");
    assert_eq!(trace.span("breaks").outcome, Some(Outcome::Panic));
}

#[test]
fn parallel_runs_do_not_see_each_other() {
    let threads: Vec<_> = (0..16_usize)
        .map(|number| {
            std::thread::spawn(move || {
                for round in 0..20 {
                    let (_, trace) = testing::run(|| {
                        Span::workflow(&format!("run {number}.{round}")).in_scope(|| {
                            (0..number).for_each(|_| {
                                retrieve("q", 1);
                            });
                        });
                    });
                    trace.span_count(number + 1).named(&format!("run {number}.{round}")).span_count(1);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn work_elsewhere_belongs_to_the_run_that_it_carries_along() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let (_, trace) = runtime.block_on(testing::run_async(|| {
        async {
            galileo::spawn(async { ask("1").await }).await.unwrap().unwrap();
            galileo::spawn_blocking(|| retrieve("blocking", 1)).await.unwrap();
            std::thread::spawn(Context::current().wrap(|| retrieve("thread", 1))).join().unwrap();
            tokio::spawn(async { retrieve("lost", 1) }).await.unwrap();
        }
        .in_span(Span::workflow("all"))
    }));
    trace.span_count(4).no_errors();
    assert_eq!(trace.roots().count(), 1, "{trace}");
}

#[test]
fn a_request_that_a_handler_reads_belongs_to_the_run() {
    let (_, trace) = testing::run(|| {
        let serve = |headers: &http::HeaderMap| {
            let _context = Context::extract(headers).attach();
            retrieve("served", 1);
        };
        let mut headers = http::HeaderMap::new();
        serve(&headers);
        let caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        headers.insert("traceparent", caller.parse().unwrap());
        serve(&headers);
        Span::workflow("client").in_scope(|| serve(&galileo::get_tracing_headers()));
    });
    assert_eq!(trace.tree().without_values().to_string().matches("retriever retrieve").count(), 3, "{trace}");
    assert_eq!(trace.children(trace.span("client")).count(), 1, "{trace}");
    let continued = trace.spans().iter().any(|span| span.trace_id.to_string().starts_with("0af76519-16cd"));
    assert!(continued, "{trace}");
}

#[test]
fn nothing_recorded_fails_every_check() {
    let (_, trace) = testing::run(|| ());
    let rows: [fn(&Trace); 11] = [
        |t| {
            t.span_count(0);
        },
        |t| {
            t.span_count(..);
        },
        |t| {
            t.max_duration(Duration::MAX);
        },
        |t| {
            t.no_errors();
        },
        |t| {
            t.tool_used("*");
        },
        |t| {
            t.tool_args_match("*", json!({}));
        },
        |t| {
            t.tool_sequence(["a"]);
        },
        |t| {
            t.tool_sequence([""; 0]);
        },
        |t| {
            t.tool_sequence_exact([""; 0]);
        },
        |t| {
            t.children_parallel();
        },
        |t| {
            t.span("*");
        },
    ];
    for check in rows {
        let said = message(|| check(&trace));
        assert!(said.starts_with("no span arrived: "), "{said}");
    }
}

#[test]
fn checks_hold_and_fail_as_they_say() {
    let call = |name: &str, city: &str| Span::tool(name).input(json!({"city": city, "days": 3})).in_scope(|| ());
    let (_, trace) = testing::run(|| {
        Span::agent("trip").in_scope(|| {
            call("weather", "Pisa");
            call("weather", "Padua");
            call("hotel", "Padua");
        });
    });
    trace
        .tool_used("wea*")
        .tool_args_match("weather", json!({"city": "Padua"}))
        .tool_args_match("weather", json!({"days": 3.0}))
        .tool_sequence(["weather", "hotel"])
        .tool_sequence_exact(["weather", "weather", "hotel"]);
    trace.named("weather").span_count(1..=2).tool_used("weather");
    type Row = (fn(&Trace), &'static str);
    let rows: [Row; 8] = [
        (
            |t| {
                t.span_count(3);
            },
            "expected 3 spans, found 4",
        ),
        (
            |t| {
                t.named("w*").span_count(3..);
            },
            "expected 3.. spans named `w*`, found 2",
        ),
        (
            |t| {
                t.tool_used("flight");
            },
            "the tool `flight` was not used; used were `weather`, `weather`, `hotel`",
        ),
        (
            |t| {
                t.tool_args_match("hotel", json!({"city": "Pisa"}));
            },
            "the tool `hotel` was never called with {\"city\":\"Pisa\"}",
        ),
        (
            |t| {
                t.tool_sequence(["hotel", "weather"]);
            },
            "the tool `weather` was not used where it was expected",
        ),
        (
            |t| {
                t.tool_sequence_exact(["weather", "hotel"]);
            },
            "expected the tools weather, hotel, used were",
        ),
        (
            |t| {
                t.max_duration(Duration::ZERO);
            },
            "`trip` took ",
        ),
        (
            |t| {
                t.children_parallel();
            },
            "`weather` ran alone under `trip`",
        ),
    ];
    for (check, expected) in rows {
        let said = message(|| check(&trace));
        assert!(said.starts_with(expected), "{said}\n expected: {expected}");
        assert!(said.contains("the trace:\nagent trip"), "{said}");
    }
}

#[test]
fn children_that_run_at_the_same_time_are_parallel() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (_, trace) = runtime
        .block_on(testing::run_async(|| join_all([ask("1"), ask("2"), ask("3")]).in_span(Span::workflow("fan"))));
    trace.named("fan").children_parallel();
}

#[test]
fn ids_and_times_of_a_deterministic_run_are_always_the_same() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let run = |seed| {
        let work = async {
            answer("4").await.unwrap();
            galileo::spawn(async { ask("1").await }).await.unwrap().unwrap();
            current_span().event("done", json!({"n": 1}));
            galileo::get_tracing_headers()
        };
        let (headers, trace) =
            runtime.block_on(testing::deterministic().seed(seed).run_async(|| work.in_span(Span::workflow("all"))));
        (headers, trace.tree().ids().times().to_string(), trace.spans().to_vec())
    };
    let (first, second, other) = (run(7), run(7), run(8));
    assert_eq!(first, second);
    assert_ne!(first.0, other.0, "another seed, other ids");
    assert!(first.1.starts_with("workflow all "), "{}", first.1);
    assert!(first.1.contains(" +0ns "), "{}", first.1);
    let trace = &first.2[0];
    let event = trace.events[0].time.unwrap();
    assert!(trace.started_at < event && event < trace.ended_at().unwrap(), "{}", first.1);
    // Ids of the deterministic kind are UUIDs of version 4, and the next run without it has random ones.
    let random = [testing::run(|| retrieve("a", 1)).1, testing::run(|| retrieve("a", 1)).1];
    assert_ne!(random[0].spans()[0].span_id, random[1].spans()[0].span_id);
    assert!(first.2.iter().all(|span| galileo::SpanId::parse(&span.span_id.to_string()) == Some(span.span_id)));
}

#[test]
fn a_running_pipeline_goes_on_and_the_run_sees_its_own() {
    let _turn = PIPELINE.lock().unwrap_or_else(PoisonError::into_inner);
    let memory = Memory::new();
    let guard = Config::builder().without_dotenv().exporter(memory.clone()).init().unwrap();
    Span::tool("before").in_scope(|| ());
    let (_, trace) = testing::run(|| retrieve("seen", 1));
    Span::tool("after").in_scope(|| ());
    trace.span_count(1).named("retrieve").span_count(1);
    let report = guard.shutdown(Duration::from_secs(20));
    let mine = |name: &str| memory.spans().iter().filter(|span| span.name == name).count();
    assert_eq!((mine("before"), mine("retrieve"), mine("after")), (1, 1, 1), "{report:?}");
}

#[test]
fn a_program_that_starts_and_stops_inside_a_run_is_seen_whole() {
    let _turn = PIPELINE.lock().unwrap_or_else(PoisonError::into_inner);
    let (_, trace) = testing::run(|| {
        Span::workflow("main").in_scope(|| {
            Span::tool("before").in_scope(|| ());
            let guard = Config::builder().without_dotenv().exporter(Memory::new()).init().unwrap();
            Span::tool("during").in_scope(|| ());
            drop(guard);
            Span::tool("after").in_scope(|| ());
        });
    });
    assert_eq!(trace.to_string(), "workflow main\n├─ tool before\n├─ tool during\n└─ tool after\n");
}

#[test]
fn secrets_are_masked_as_in_a_pipeline() {
    let (_, trace) = testing::run(|| Span::tool("t").input("use sk-abcdefghij0123456789 for it").in_scope(|| ()));
    assert_eq!(trace.spans()[0].input, Some(json!("use sk-******************** for it")));
}

#[test]
fn a_future_that_is_not_polled_to_its_end_leaves_nothing_behind() {
    let mut run = Box::pin(testing::run_async(|| async {
        retrieve("q", 1);
        std::future::pending::<()>().await;
    }));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(run.as_mut().poll(&mut cx).is_pending());
    drop(run);
    let (_, trace) = testing::run(|| retrieve("other", 1));
    trace.span_count(1);
}

#[test]
fn an_export_hook_sees_changes_and_leaves_out_in_every_mode() {
    let _turn = PIPELINE.lock().unwrap_or_else(PoisonError::into_inner);
    for mode in [Mode::Batch, Mode::Distributed] {
        let memory = Memory::new();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let told = seen.clone();
        let guard = Config::builder()
            .without_dotenv()
            .mode(mode)
            .export_hook(move |record: &mut HookRecord<'_>| {
                told.lock().unwrap().push(format!("{:?} {}", record.moment(), record.name()));
                match (record.moment(), record.name()) {
                    (Moment::Start, "middle" | "noise") => return Pass::Drop,
                    (Moment::Start, "leaf") => {
                        record.set(Field::Metadata, "seen", "yes").map_text(Field::Input, |text| text.to_uppercase());
                    }
                    (Moment::Addition, _) => {
                        record.retain(|part| part.field != Field::Tag || part.text() != "private");
                    }
                    (Moment::End(_), "leaf") => {
                        record.set(Field::Output, "", json!({"n": 2}));
                    }
                    (Moment::End(_), "angry") => panic!("a hook that panics costs nothing"),
                    _ => {}
                }
                Pass::Keep
            })
            .exporter(memory.clone())
            .init()
            .unwrap();
        Span::workflow("root").in_scope(|| {
            Span::workflow("middle").in_scope(|| {
                Span::tool("leaf").input(json!({"a": ["b"]})).in_scope(|| {
                    current_span().tag("private").tag("public");
                });
                current_span().tag("lost");
            });
            Span::tool("angry").input("as it was").in_scope(|| ());
        });
        Span::workflow("noise").in_scope(|| Span::tool("under noise").in_scope(|| ()));
        let report = guard.shutdown(Duration::from_secs(20));
        let spans = memory.spans();
        let find = |name: &str| spans.iter().find(|span| span.name == name);
        let leaf = find("leaf").unwrap();
        assert_eq!(leaf.parent_id, Some(find("root").unwrap().span_id), "children move up");
        assert_eq!(leaf.input, Some(json!({"a": ["B"]})));
        assert_eq!((&leaf.output, &leaf.metadata["seen"]), (&Some(json!({"n": 2})), &json!("yes")));
        assert_eq!(leaf.tags, ["public"]);
        assert_eq!(find("angry").unwrap().input, Some(json!("as it was")));
        let moved = find("under noise").unwrap();
        assert!(moved.parent_id.is_none() && moved.is_entry, "the first one that is left begins the trace");
        assert!(find("middle").is_none() && find("noise").is_none());
        let dropped = report.dropped.by(galileo::DropReason::Filtered);
        assert_eq!((report.accepted, report.delivered, dropped), (6, 4, 2), "{mode:?} {report:?}");
        let seen = seen.lock().unwrap();
        assert!(seen.contains(&"Addition leaf".to_owned()) && seen.contains(&"End(Ok) root".to_owned()), "{seen:?}");
        assert!(!seen.iter().any(|line| line.ends_with("middle") && !line.starts_with("Start")), "{seen:?}");
    }
}
