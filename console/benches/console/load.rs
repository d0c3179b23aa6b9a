//! Traces that look like those of a busy day: twenty spans each, words of which some are frequent and some rare, two in a hundred failed.

use std::fmt::Write as _;

use galileo_console::model::Id;
use prost::Message as _;
use serde_json::{Value, json};

pub(crate) const PROJECT: &str = "11111111-1111-4111-8111-111111111111";
pub(crate) const RARE_PROJECT: &str = "11111111-1111-4111-8111-222222222222";
pub(crate) const SPANS_PER_TRACE: usize = 20;
/// Traces in one request of OTLP, as a collector or SDK batches them.
pub(crate) const OTLP_TRACES: usize = 10;
/// When the first trace began; one begins each 10 ms after it.
pub(crate) const START_NS: i64 = 1_790_000_000_000_000_000;

const KINDS: [&str; 3] = ["llm", "tool", "retriever"];

/// Repeatable numbers.
pub(crate) fn mix(number: usize) -> usize {
    let mixed = (number as u64).wrapping_add(0x9E37_79B9_7F4A_7C15).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((mixed ^ (mixed >> 31)).wrapping_mul(0x94D0_49BB_1331_11EB) >> 8) as usize
}

/// Twelve words out of some thousands; the first of them are in every text.
fn words(seed: usize) -> String {
    let mut text = String::from("the moons ");
    for index in 0..12 {
        let word = mix(seed * 16 + index);
        let _ = write!(text, "w{} ", if index < 4 { word % 50 } else { word % 5_000 });
    }
    if seed % 20_000 == 7 {
        let _ = write!(text, "needle{seed}");
    }
    text
}

fn id(number: usize) -> Id {
    let (high, low) = (mix(number) as u128, mix(number ^ 0x5555_5555) as u128);
    Id(((high << 72) ^ (low << 24) ^ number as u128).to_be_bytes()).as_v4()
}

pub(crate) fn trace_id(trace: usize) -> Id {
    id(trace * 32)
}

fn span_id(trace: usize, span: usize) -> Id {
    id(trace * 32 + 1 + span)
}

fn service(trace: usize) -> String {
    if trace % 2_000 == 3 { "rare-service".to_owned() } else { format!("service-{}", trace % 8) }
}

fn galileo_span(trace: usize, span: usize, kind: &str) -> Value {
    let (input, output) = (words(trace * 40 + span), words(trace * 40 + span + 20));
    let start = START_NS + trace as i64 * 10_000_000 + span as i64 * 100_000;
    let failed = trace.is_multiple_of(50) && span == 5;
    let mut value = json!({
        "type": kind, "id": span_id(trace, span), "name": format!("{kind} {}", span % 5), "created_at": galileo_console::time::format_iso(start),
        "status_code": if failed { 500 } else { 200 }, "metrics": {"duration_ns": 1_000_000 + mix(trace + span) % 9_000_000}, "input": input, "output": output,
    });
    if span < 2 {
        value["user_metadata"] = json!({"service.name": service(trace + span)});
    }
    match kind {
        "llm" => {
            value["input"] = json!([{"role": "user", "content": value["input"]}]);
            value["output"] = json!({"role": "assistant", "content": value["output"]});
            value["metrics"]["num_input_tokens"] = json!(40);
            value["metrics"]["num_output_tokens"] = json!(30);
        }
        "retriever" => value["output"] = json!([{"content": value["output"]}]),
        _ => {}
    }
    value
}

pub(crate) fn galileo_request(trace: usize) -> Vec<u8> {
    let mut agent = galileo_span(trace, 1, "agent");
    agent["spans"] = (2..SPANS_PER_TRACE).map(|span| galileo_span(trace, span, KINDS[span % 3])).collect();
    let mut root = galileo_span(trace, 0, "workflow");
    root["spans"] = json!([agent]);
    let whole = json!({
        "type": "trace", "id": trace_id(trace), "name": "question", "input": words(trace), "output": words(trace + 1), "created_at": root["created_at"],
        "metrics": {"duration_ns": 12_000_000}, "spans": [root],
    });
    let project = if trace % 1_000 == 1 { RARE_PROJECT } else { PROJECT };
    let body = json!({"traces": [whole], "is_complete": true}).to_string();
    post(&format!("/v2/projects/{project}/traces"), "application/json", body.as_bytes())
}

fn post(path: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// As much of OTLP's messages as the bench needs.
mod otlp {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Request {
        #[prost(message, repeated, tag = "1")]
        pub(super) resources: Vec<Resource>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Resource {
        #[prost(message, optional, tag = "1")]
        pub(super) resource: Option<Attributes>,
        #[prost(message, repeated, tag = "2")]
        pub(super) scopes: Vec<Scope>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Attributes {
        #[prost(message, repeated, tag = "1")]
        pub(super) attributes: Vec<Pair>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Scope {
        #[prost(message, repeated, tag = "2")]
        pub(super) spans: Vec<Span>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Span {
        #[prost(bytes = "vec", tag = "1")]
        pub(super) trace_id: Vec<u8>,
        #[prost(bytes = "vec", tag = "2")]
        pub(super) span_id: Vec<u8>,
        #[prost(bytes = "vec", tag = "4")]
        pub(super) parent_span_id: Vec<u8>,
        #[prost(string, tag = "5")]
        pub(super) name: String,
        #[prost(int32, tag = "6")]
        pub(super) kind: i32,
        #[prost(fixed64, tag = "7")]
        pub(super) start: u64,
        #[prost(fixed64, tag = "8")]
        pub(super) end: u64,
        #[prost(message, repeated, tag = "9")]
        pub(super) attributes: Vec<Pair>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Pair {
        #[prost(string, tag = "1")]
        pub(super) key: String,
        #[prost(message, optional, tag = "2")]
        pub(super) value: Option<Text>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Text {
        #[prost(string, tag = "1")]
        pub(super) text: String,
    }

    pub(super) fn pair(key: &str, text: impl Into<String>) -> Pair {
        Pair { key: key.to_owned(), value: Some(Text { text: text.into() }) }
    }
}

pub(crate) fn otlp_request(first: usize) -> Vec<u8> {
    use otlp::pair;
    let one = |trace: usize, span: usize| {
        let start = (START_NS + trace as i64 * 10_000_000 + span as i64 * 100_000) as u64;
        let mut attributes =
            vec![pair("input.value", words(trace * 40 + span)), pair("output.value", words(trace * 40 + span + 20))];
        attributes.push(match span {
            0 | 1 => pair("http.route", "/ask"),
            _ => pair("openinference.span.kind", KINDS[span % 3].to_uppercase()),
        });
        let low = |span: usize| span_id(trace, span).0[8..].to_vec();
        otlp::Span {
            trace_id: trace_id(trace).0.to_vec(),
            span_id: low(span),
            parent_span_id: if span == 0 { Vec::new() } else { low(usize::from(span > 1)) },
            name: format!("step {}", span % 5),
            kind: 1,
            start,
            end: start + 1_000_000,
            attributes,
        }
    };
    let resources = (first..first + OTLP_TRACES).map(|trace| otlp::Resource {
        resource: Some(otlp::Attributes { attributes: vec![pair("service.name", service(trace))] }),
        scopes: vec![otlp::Scope { spans: (0..SPANS_PER_TRACE).map(|span| one(trace, span)).collect() }],
    });
    post("/v1/traces", "application/x-protobuf", &otlp::Request { resources: resources.collect() }.encode_to_vec())
}
