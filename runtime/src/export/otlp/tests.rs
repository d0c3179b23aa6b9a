//! Each row of `spans()` has a golden file per dialect: the span as OTLP's JSON. `UPDATE_GOLDEN=1` writes them anew.

use super::map::{Body, Dialect, SpanView, resource, span, unhex};
use super::wire::{self, ExportTraceServiceRequest};
use crate::export::content::Content;
use crate::model::part::PartIter;
use crate::model::{Field, Outcome, Parts, SpanId, SpanType, TraceId, ValueKind};
use prost::Message as _;
use std::path::Path;

/// A span under test: what it is, and how its parts are written.
struct Case {
    name: &'static str,
    span_type: SpanType,
    outcome: Outcome,
    remote_parent: bool,
    write: fn(&mut Parts<'_>),
}

const WHOLE: Case =
    Case { name: "", span_type: SpanType::Workflow, outcome: Outcome::Ok, remote_parent: false, write: |_| {} };

fn json(parts: &mut Parts<'_>, field: Field, key: &str, value: &str) {
    parts.push(field, key, ValueKind::Json, value.as_bytes());
}

fn spans() -> Vec<Case> {
    vec![
        Case {
            name: "answer",
            write: |p| {
                p.text(Field::Argument, "question", "what?");
                p.uint(Field::Argument, "limit", 3);
                p.text(Field::Output, "", "that");
                p.text(Field::Tag, "", "beta");
                p.text(Field::Metadata, "user", "u1");
                p.text(Field::SessionId, "", "s1");
                p.text(Field::Dataset, "input", "row input");
                p.text(Field::Dataset, "metadata.row", "7");
                p.uint(Field::EventTime, "", 1_700_000_000_000_000_500);
                json(p, Field::Event, "cache", r#"{"hit":true}"#);
            },
            ..WHOLE
        },
        Case {
            name: "planner",
            span_type: SpanType::Agent,
            remote_parent: true,
            write: |p| {
                p.text(Field::Input, "", "plan a trip");
                p.text(Field::AgentType, "", "planner");
                p.text(Field::Origin, "w3c.parent_id", "00f067aa0ba902b7");
                p.text(Field::Origin, "w3c.trace_id", "4bf92f3577b34da6a3ce929d0e0e4736");
            },
            ..WHOLE
        },
        Case {
            name: "chat",
            span_type: SpanType::Llm,
            write: |p| {
                json(
                    p,
                    Field::Input,
                    "",
                    r#"[{"role":"system","content":"be short"},{"role":"user","content":[{"type":"text","text":"weather?"},
                       {"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]},
                       {"role":"tool","tool_call_id":"c0","content":"21"}]"#,
                );
                json(
                    p,
                    Field::Output,
                    "",
                    r#"{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function",
                       "function":{"name":"weather","arguments":"{\"city\":\"Pisa\"}"}}]}"#,
                );
                p.text(Field::Model, "", "gpt-4o");
                p.push(Field::Temperature, "", ValueKind::Float, &0.5f64.to_le_bytes());
                json(p, Field::Tools, "", r#"[{"type":"function","function":{"name":"weather"}}]"#);
                p.text(Field::FinishReason, "", "tool_calls");
                for (name, value) in [
                    ("num_input_tokens", 10),
                    ("num_output_tokens", 5),
                    ("num_cached_input_tokens", 4),
                    ("time_to_first_token_ns", 250_000_000),
                ] {
                    p.uint(Field::Metric, name, value);
                }
                p.text(Field::Metadata, "gen_ai.provider.name", "openai");
            },
            ..WHOLE
        },
        Case {
            name: "search",
            span_type: SpanType::Retriever,
            write: |p| {
                p.text(Field::Argument, "query", "moons");
                p.uint(Field::Argument, "top_k", 2);
                json(
                    p,
                    Field::Output,
                    "",
                    r#"[{"id":"d1","content":"Io","score":0.75,"metadata":{"page":1}},{"page_content":"Europa"},"Ganymede"]"#,
                );
            },
            ..WHOLE
        },
        Case {
            name: "weather",
            span_type: SpanType::Tool,
            write: |p| {
                p.text(Field::Argument, "city", "Pisa");
                p.text(Field::ToolCallId, "", "c1");
                p.text(Field::Output, "", "sunny");
            },
            ..WHOLE
        },
        Case {
            name: "guard",
            span_type: SpanType::Control,
            write: |p| {
                p.text(Field::Input, "", "text to judge");
                json(p, Field::Output, "", r#"{"action":"deny","matched":true}"#);
                p.text(Field::Attribute, "control_id", "42");
            },
            ..WHOLE
        },
        Case {
            name: "failing",
            span_type: SpanType::Tool,
            outcome: Outcome::Error,
            write: |p| {
                p.text(Field::Error, "SearchError", "no index");
                p.flag(Field::ErrorOrigin);
                p.uint(Field::StatusCode, "", 503);
            },
            ..WHOLE
        },
        Case {
            name: "dropped",
            outcome: Outcome::Cancelled,
            write: |p| {
                p.text(Field::Input, "", "secret 4711");
                p.text(Field::RedactedInput, "", "secret ****");
            },
            ..WHOLE
        },
    ]
}

/// The view of a case, shown to `use_it`.
fn viewed<R>(case: &Case, use_it: impl FnOnce(&SpanView<'_>) -> R) -> R {
    let mut bytes = Vec::new();
    (case.write)(&mut Parts::new(&mut bytes));
    let id =
        |last: u8| [0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x46, 0x17, 0x98, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, last];
    let content = Content::read(PartIter(&bytes)).shown();
    let view = SpanView {
        name: case.name,
        span_type: case.span_type,
        trace: TraceId::from_bytes(id(1)),
        w3c_trace: content.origin("w3c.trace_id").and_then(unhex),
        span: SpanId::from_bytes(id(2)),
        parent: SpanId::from_bytes(id(3)),
        w3c_parent: None,
        remote_parent: case.remote_parent,
        session: None,
        start: 1_700_000_000_000_000_000,
        end: 1_700_000_000_000_001_000,
        outcome: case.outcome,
        site: None,
        content,
    };
    use_it(&view)
}

fn mapped(case: &Case, dialect: Dialect) -> wire::Span {
    let mut message = Vec::new();
    viewed(case, |view| span(&mut message, view, dialect));
    wire::Span::decode(message.as_slice()).unwrap()
}

#[test]
fn every_kind_of_span_is_mapped_as_its_golden_file_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/export/otlp/golden");
    let mut differ = Vec::new();
    for case in spans() {
        for (dialect, suffix) in [(Dialect::General, "json"), (Dialect::Galileo, "galileo.json")] {
            let found = format!("{}\n", serde_json::to_string_pretty(&mapped(&case, dialect)).unwrap());
            let path = folder.join(format!("{}.{suffix}", case.name));
            if option_env!("UPDATE_GOLDEN").is_some() {
                std::fs::write(&path, &found).unwrap();
            }
            if std::fs::read_to_string(&path).unwrap_or_default() != found {
                differ.push(format!("{}:\n{found}", path.display()));
            }
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

#[test]
fn a_request_holds_the_resource_and_every_span_whole() {
    let facts = [("service.name".to_owned(), "svc".to_owned()), ("service.name".to_owned(), "later".to_owned())];
    let mut body = Body::new(&resource(facts), Vec::new());
    for case in spans() {
        viewed(&case, |view| body.span(view, Dialect::General));
    }
    let (bytes, start) = body.finish();
    let read = ExportTraceServiceRequest::decode(&bytes[start..]).unwrap();
    let spans: Vec<_> = spans().iter().map(|case| mapped(case, Dialect::General)).collect();
    let [found] = read.resource_spans.as_slice() else { panic!("one sender") };
    assert_eq!(found.scope_spans[0].spans, spans);
    assert_eq!(found.scope_spans[0].scope.as_ref().map(|scope| scope.name.as_str()), Some("galileo"));
    let names = &found.resource.as_ref().unwrap().attributes;
    assert_eq!(names.iter().filter(|kv| kv.key == "service.name").count(), 1, "the first value of a key stays");
    assert_eq!(read.encode_to_vec().len(), bytes.len() - start, "no field is written that means nothing");
}

#[test]
fn numbers_that_json_lacks_are_text() {
    let text = |n: f64| serde_json::to_string(&wire::Any::DoubleValue(n)).unwrap();
    assert_eq!(text(f64::NAN), r#"{"doubleValue":"NaN"}"#);
    assert_eq!(text(f64::NEG_INFINITY), r#"{"doubleValue":"-Infinity"}"#);
    assert_eq!(text(0.5), r#"{"doubleValue":0.5}"#);
}

#[test]
fn only_hexadecimal_text_of_the_right_length_is_an_id() {
    assert_eq!(unhex::<2>("0aFf"), Some([0x0a, 0xff]));
    for text in ["", "0a", "0aff0", "0aff00", "0agg", "+aff"] {
        assert_eq!(unhex::<2>(text), None, "{text}");
    }
}
