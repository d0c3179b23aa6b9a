//! One request through services that speak different protocols: whatever arrives when and how often, it ends in the same tree.

use serde_json::{Value, json};

use super::tests::{Dice, try_deliver};
use super::*;
use crate::ingest::{langsmith, otlp};
use crate::model::{Sources, SpanNode};

const PROJECT: &str = "11111111-1111-4111-8111-111111111111";
/// The trace as W3C headers name it: not a UUID of version 4.
const W3C: &str = "0af7651916cd03dd0448eb211c80319c";
const TRACE: &str = "0af76519-16cd-43dd-8448-eb211c80319c";
/// A span of a Galileo service, a run of LangSmith under it, and spans of OpenTelemetry above and below.
const FRONT: &str = "37ad6b7169203331";
const ENTRY: &str = "44444444-4444-4444-8444-444444444401";
const RUN: &str = "0199b7a0-1111-7222-8333-444444444444";
const MODEL: &str = "00f067aa0ba902b7";

enum Delivery {
    Galileo(super::tests::Request),
    Otlp(Value),
    Run(Value, bool),
}

fn otlp_span(id: &str, parent: &str, name: &str, service: &str, start: u64, end: u64, attributes: Value) -> Delivery {
    Delivery::Otlp(
        json!({"resourceSpans": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}, "scopeSpans": [{"spans": [
        {"traceId": W3C, "spanId": id, "parentSpanId": parent, "name": name, "startTimeUnixNano": start.to_string(), "endTimeUnixNano": end.to_string(), "attributes": attributes}]}]}]}),
    )
}

fn deliveries() -> Vec<Delivery> {
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let count = |key: &str, value: u64| json!({"key": key, "value": {"intValue": value.to_string()}});
    let galileo = |kind: &'static str, object: &'static str, body: Value| {
        Delivery::Galileo((kind, PROJECT, object, body.to_string()))
    };
    let run = |more: Value| {
        let mut run =
            json!({"id": RUN, "trace_id": TRACE, "parent_run_id": ENTRY, "session_name": "smith", "run_type": "llm"});
        run.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        run
    };
    vec![
        otlp_span(
            FRONT,
            "",
            "GET /ask",
            "front",
            1_000_000_000,
            9_000_000_000,
            json!([text("input.value", "the question")]),
        ),
        galileo(
            "span",
            ENTRY,
            json!({"trace_id": TRACE, "parent_id": TRACE, "spans": [{"type": "workflow", "id": ENTRY, "name": "answer", "created_at": "1970-01-01T00:00:02Z",
            "user_metadata": {"service.name": "rust", "w3c.trace_id": W3C, "w3c.parent_id": FRONT}}]}),
        ),
        galileo(
            "patch-span",
            ENTRY,
            json!({"span_id": ENTRY, "output": "the answer", "duration_ns": 6_000_000_000_u64, "tags": ["late=yes"]}),
        ),
        Delivery::Run(
            run(
                json!({"name": "chat", "start_time": "1970-01-01T00:00:03", "inputs": {"messages": [{"role": "user", "content": "q"}]}}),
            ),
            false,
        ),
        Delivery::Run(
            run(
                json!({"end_time": "1970-01-01T00:00:07", "outputs": {"usage": {"input_tokens": 30, "output_tokens": 12, "total_tokens": 42}, "output": "a"}}),
            ),
            true,
        ),
        otlp_span(
            MODEL,
            "8333444444444444",
            "chat m",
            "smith",
            4_000_000_000,
            6_000_000_000,
            json!([
                text("gen_ai.operation.name", "chat"),
                count("gen_ai.usage.input_tokens", 30),
                count("gen_ai.usage.output_tokens", 12)
            ]),
        ),
        otlp_span(
            "8333444444444499",
            MODEL,
            "tool",
            "smith",
            4_500_000_000,
            5_000_000_000,
            json!([text("openinference.span.kind", "TOOL"), text("output.value", "found")]),
        ),
    ]
}

async fn deliver(store: &Store, delivery: &Delivery) {
    match delivery {
        Delivery::Galileo(request) => try_deliver(store, request).await.unwrap(),
        Delivery::Otlp(body) => {
            let request = serde_json::from_value(body.clone()).unwrap();
            let (mut mapped, rejected) = otlp::map(request, &otlp::Headers::default());
            assert_eq!(rejected.count, 0);
            let write = move |writer: &mut Writer| {
                for span in &mut mapped {
                    let place = writer.place_by_names(&span.names)?;
                    let (record, ended) = (span.record.clone(), span.ended);
                    let part = SpanPart {
                        trace_id: span.trace_id,
                        key: span.key,
                        record,
                        ended,
                        place,
                        sources: Sources::OTLP,
                        seen_ns: 1,
                    };
                    writer.put(&Part::Span(part))?;
                }
                Ok(())
            };
            store.write(write).await.unwrap();
        }
        Delivery::Run(body, update) => {
            let Ok(run) = langsmith::run(body, *update) else { panic!("{body}") };
            let write = move |writer: &mut Writer| {
                let place = writer.place_by_names(&run.names)?;
                let (record, ended, trace_id) = (run.record.clone(), run.ended, run.trace_id.unwrap());
                writer.put(&Part::Span(SpanPart {
                    trace_id,
                    key: run.key,
                    record,
                    ended,
                    place,
                    sources: Sources::LANGSMITH,
                    seen_ns: 1,
                }))
            };
            store.write(write).await.unwrap();
        }
    }
}

async fn tree(store: &Store) -> TraceView {
    let mut view = store.trace(TRACE.parse().unwrap(), Depth::Full).await.unwrap().unwrap();
    view.summary.version = 0;
    // Where it is at home depends on ids that this console made up for names.
    view.summary.project_name.clear();
    (view.summary.project_id, view.summary.log_stream_id) = (Id::default(), Id::default());
    view
}

#[tokio::test]
async fn any_order_of_any_protocols_gives_the_same_tree() {
    let all = deliveries();
    let store = Store::open(None).unwrap();
    for delivery in &all {
        deliver(&store, delivery).await;
    }
    let expected = tree(&store).await;
    let row = |span: &SpanNode| (span.depth, span.name.clone(), span.service.clone().unwrap_or_default());
    let rows: Vec<_> = expected.spans.iter().map(row).collect();
    let named = |depth: usize, name: &str, service: &str| (depth, name.to_owned(), service.to_owned());
    assert_eq!(
        rows,
        [
            named(0, "GET /ask", "front"),
            named(1, "answer", "rust"),
            named(2, "chat", "rust"),
            named(3, "chat m", "smith"),
            named(4, "tool", "smith")
        ]
    );
    assert!(expected.spans.iter().all(|span| span.orphan.is_none() && !span.open));
    assert_eq!(expected.summary.tokens.total, 42, "the run repeats what the call inside it used");
    assert_eq!(expected.summary.input_preview, "the question");
    assert_ne!(expected.summary.output_preview, "");
    let mut dice = Dice(0x5EED);
    for round in 0..150 {
        let mut order: Vec<usize> = (0..all.len()).chain((0..all.len()).filter(|_| dice.below(3) == 0)).collect();
        for index in (1..order.len()).rev() {
            order.swap(index, dice.below(index + 1));
        }
        let store = Store::open(None).unwrap();
        for &index in &order {
            deliver(&store, &all[index]).await;
        }
        assert_eq!(tree(&store).await, expected, "round {round}: {order:?}");
    }
}

/// f65: services whose clocks differ.
#[tokio::test]
async fn clocks_that_are_off_are_estimated_and_nothing_is_changed() {
    let hour = 3_600_000_000_000_u64;
    let store = Store::open(None).unwrap();
    let none = || json!([]);
    for delivery in [
        otlp_span("0000000000000001", "", "root", "front", 10 * hour, 10 * hour + 1_000_000_000, none()),
        // An hour ahead, another one behind, one that agrees, and one called by the first of them.
        otlp_span(
            "0000000000000002",
            "0000000000000001",
            "a",
            "ahead",
            11 * hour + 200_000_000,
            11 * hour + 400_000_000,
            none(),
        ),
        otlp_span(
            "0000000000000003",
            "0000000000000001",
            "b",
            "behind",
            9 * hour + 500_000_000,
            9 * hour + 700_000_000,
            none(),
        ),
        otlp_span(
            "0000000000000004",
            "0000000000000001",
            "c",
            "agrees",
            10 * hour + 100_000_000,
            10 * hour + 200_000_000,
            none(),
        ),
        otlp_span(
            "0000000000000005",
            "0000000000000002",
            "d",
            "also ahead",
            11 * hour + 250_000_000,
            11 * hour + 300_000_000,
            none(),
        ),
        otlp_span("0000000000000006", "0000000000000001", "e", "equal", 10 * hour, 10 * hour + 1_000_000_000, none()),
    ] {
        deliver(&store, &delivery).await;
    }
    let view = tree(&store).await;
    let about = |service: &str| {
        view.skews
            .iter()
            .find(|skew| skew.service == service)
            .map(|skew| (skew.ahead_ns as f64 / hour as f64).round() as i64)
    };
    assert_eq!(
        (about("ahead"), about("behind"), about("also ahead")),
        (Some(1), Some(-1), Some(1)),
        "{:?}",
        view.skews
    );
    assert_eq!((about("agrees"), about("equal"), about("front")), (None, None, None), "{:?}", view.skews);
    let ahead = view.spans.iter().find(|span| span.name == "a").unwrap();
    assert_eq!((ahead.start_ns, ahead.duration_ns), (11 * hour as i64 + 200_000_000, Some(200_000_000)), "as recorded");
    assert!(crate::term::render_tree(&view).contains("clock of behind: about"));
}
