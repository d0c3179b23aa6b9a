//! OTLP over HTTP: both encodings, what is refused and what is not, the conventions of senders, and one tree with Galileo senders.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::Write as _;

use prost::Message as _;
use reqwest::StatusCode;
use serde_json::{Value, json};
use support::{Console, PROJECT, SPAN, TRACE};

const W3C_TRACE: &str = "33333333333343338333333333333333";
/// The last half of `SPAN`.
const W3C_SPAN: &str = "8444444444444401";

fn attribute(key: &str, value: &Value) -> Value {
    let value = match value {
        Value::String(text) => json!({"stringValue": text}),
        Value::Bool(flag) => json!({"boolValue": flag}),
        Value::Number(number) if number.is_i64() => json!({"intValue": number.to_string()}),
        Value::Number(number) => json!({"doubleValue": number}),
        Value::Array(items) => {
            json!({"arrayValue": {"values": items.iter().map(|item| attribute("", item)["value"].clone()).collect::<Vec<_>>()}})
        }
        other => panic!("{other}"),
    };
    json!({"key": key, "value": value})
}

fn attributes(map: &Value) -> Value {
    map.as_object().unwrap().iter().map(|(key, value)| attribute(key, value)).collect()
}

fn span(id: &str, parent: &str, name: &str, attributes_of: Value) -> Value {
    json!({
        "traceId": W3C_TRACE, "spanId": id, "parentSpanId": parent, "name": name, "kind": 1,
        "startTimeUnixNano": "1767225600000000000", "endTimeUnixNano": "1767225600000001000", "attributes": attributes(&attributes_of)
    })
}

fn request(service: &str, spans: &[Value]) -> Value {
    json!({"resourceSpans": [{"resource": {"attributes": [attribute("service.name", &json!(service))]}, "scopeSpans": [{"scope": {"name": "test"}, "spans": spans}]}]})
}

async fn tree(console: &Console) -> Value {
    console.get(&format!("/api/console/traces/{TRACE}")).await
}

#[tokio::test]
async fn spans_of_otlp_and_galileo_senders_are_one_tree_in_any_order() {
    let galileo = json!({"trace_id": TRACE, "parent_id": TRACE, "spans": [{
        "type": "workflow", "id": SPAN, "name": "orchestrate", "created_at": "2026-01-01T00:00:00Z", "metrics": {"duration_ns": 5_000_000}, "user_metadata": {"service.name": "python"}}]});
    let otlp = request(
        "otel",
        &[
            span("0000000000000005", W3C_SPAN, "downstream", json!({})),
            span("0000000000000006", "0000000000000005", "deeper", json!({})),
        ],
    );
    // A Galileo service below the OTLP one got W3C headers only: it hangs under the trace and names its true parent.
    let below = json!({"trace_id": TRACE, "parent_id": TRACE, "spans": [{
        "type": "tool", "id": "44444444-4444-4444-8444-444444444409", "name": "below", "created_at": "2026-01-01T00:00:00.000001Z", "metrics": {"duration_ns": 10},
        "user_metadata": {"service.name": "rust", "w3c.parent_id": "0000000000000006"}}]});
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let console = Console::start().await;
        for step in order {
            match step {
                0 => console.post(&format!("/v2/projects/{PROJECT}/spans"), galileo.clone()).await,
                1 => console.post("/otel/traces", otlp.clone()).await,
                _ => console.post(&format!("/v2/projects/{PROJECT}/spans"), below.clone()).await,
            };
        }
        let view = tree(&console).await;
        let rows: Vec<Value> = view["spans"]
            .as_array()
            .unwrap()
            .iter()
            .map(|span| json!([span["depth"], span["name"], span["service"], span["orphan"]]))
            .collect();
        let expected = json!([
            [0, "orchestrate", "python", null],
            [1, "downstream", "otel", null],
            [2, "deeper", "otel", null],
            [3, "below", "rust", null]
        ]);
        assert_eq!(json!(rows), expected, "{order:?}");
        assert_eq!(view["summary"]["services"], json!(["otel", "python", "rust"]));
        console.stop().await;
    }
}

#[tokio::test]
async fn the_same_span_by_both_protocols_is_one_span() {
    let console = Console::start().await;
    let otlp = request("svc", &[span(W3C_SPAN, "", "both", json!({"x": "y"}))]);
    let galileo = json!({"trace_id": TRACE, "parent_id": TRACE, "spans": [{"type": "tool", "id": SPAN, "name": "both", "input": "i", "output": "o", "created_at": "2026-01-01T00:00:00Z"}]});
    for _ in 0..2 {
        console.post("/v1/traces", otlp.clone()).await;
        console.post(&format!("/v2/projects/{PROJECT}/spans"), galileo.clone()).await;
    }
    let view = tree(&console).await;
    let spans = view["spans"].as_array().unwrap();
    assert_eq!((spans.len(), &spans[0]["id"], &spans[0]["sources"]), (1, &json!(SPAN), &json!(["galileo", "otlp"])));
    assert_eq!(
        (&spans[0]["detail"]["output"], &spans[0]["detail"]["more"]["attributes"]["x"]),
        (&json!("o"), &json!("y"))
    );
    assert_eq!(view["summary"]["span_count"], 1);
    console.stop().await;
}

#[tokio::test]
async fn what_cannot_be_taken_is_counted_and_the_rest_is_stored() {
    let console = Console::start().await;
    let mut short = span("0000000000000007", "", "short id", json!({}));
    short["traceId"] = json!("abcd");
    let mut zero = span("0000000000000000", "", "zero id", json!({}));
    zero["spanId"] = json!("0000000000000000");
    let answer = console
        .post("/otel/v1/traces", request("s", &[short, span("0000000000000001", "", "fine", json!({})), zero]))
        .await;
    assert_eq!(answer["partialSuccess"]["rejectedSpans"], 2);
    assert!(answer["partialSuccess"]["errorMessage"].is_string());
    assert_eq!(tree(&console).await["spans"][0]["name"], "fine");
    let all = console.post("/otel/v1/traces", request("s", &[])).await;
    assert_eq!(all, json!({}), "nothing to complain of");
    console.stop().await;
}

/// The outermost messages, enough to write one span by hand.
mod proto {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Request {
        #[prost(message, repeated, tag = "1")]
        pub(super) resource_spans: Vec<ResourceSpans>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct ResourceSpans {
        #[prost(message, repeated, tag = "2")]
        pub(super) scope_spans: Vec<ScopeSpans>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct ScopeSpans {
        #[prost(message, repeated, tag = "2")]
        pub(super) spans: Vec<Span>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Span {
        #[prost(bytes = "vec", tag = "1")]
        pub(super) trace_id: Vec<u8>,
        #[prost(bytes = "vec", tag = "2")]
        pub(super) span_id: Vec<u8>,
        #[prost(string, tag = "5")]
        pub(super) name: String,
        #[prost(fixed64, tag = "7")]
        pub(super) start: u64,
        #[prost(fixed64, tag = "8")]
        pub(super) end: u64,
    }
}

#[tokio::test]
async fn protobuf_is_taken_plain_and_gzipped_and_answered_in_kind() {
    let console = Console::start().await;
    let trace_id = vec![0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x43, 0x33, 0x83, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33];
    let span = |n: u8| proto::Span {
        trace_id: trace_id.clone(),
        span_id: vec![1, 1, 1, 1, 1, 1, 1, n],
        name: format!("span {n}"),
        start: 1_767_225_600_000_000_000 + u64::from(n),
        end: 1_767_225_600_000_001_000,
    };
    let body = |spans: Vec<proto::Span>| {
        proto::Request { resource_spans: vec![proto::ResourceSpans { scope_spans: vec![proto::ScopeSpans { spans }] }] }
            .encode_to_vec()
    };
    let send = async |encoding: &str, kind: &str, body: Vec<u8>| {
        console
            .client
            .post(console.url("/otel/traces"))
            .header("content-type", kind)
            .header("content-encoding", encoding)
            .header("project", "p")
            .header("logstream", "l")
            .body(body)
            .send()
            .await
            .unwrap()
    };
    let answer = send("identity", "application/x-protobuf", body(vec![span(1)])).await;
    assert_eq!(
        (answer.status(), answer.headers()["content-type"].to_str().unwrap()),
        (StatusCode::OK, "application/x-protobuf")
    );
    assert!(answer.bytes().await.unwrap().is_empty(), "complete success is the empty message");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&body(vec![span(2)])).unwrap();
    assert_eq!(send("gzip", "application/x-protobuf", gzip.finish().unwrap()).await.status(), StatusCode::OK);
    let view = tree(&console).await;
    let names: Vec<&str> =
        view["spans"].as_array().unwrap().iter().map(|span| span["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["span 1", "span 2"]);
    assert_eq!((&view["summary"]["project_name"], &view["summary"]["log_stream_name"]), (&json!("p"), &json!("l")));
    for (kind, body, status, why) in [
        ("application/x-protobuf", vec![0xFF; 40], StatusCode::BAD_REQUEST, "no message"),
        (
            "application/x-protobuf",
            vec![0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F],
            StatusCode::BAD_REQUEST,
            "a length beyond the end",
        ),
        ("application/json", b"{".to_vec(), StatusCode::BAD_REQUEST, "no JSON"),
        ("text/plain", Vec::new(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "neither encoding"),
    ] {
        assert_eq!(send("identity", kind, body).await.status(), status, "{why}");
    }
    // Values within values: the decoder stops before the stack does.
    let deep = (0..20_000).fold(Vec::new(), |inner: Vec<u8>, _| {
        if inner.len() > 60_000 {
            return inner;
        }
        let mut outer = vec![0x2A];
        prost::encoding::encode_varint(inner.len() as u64, &mut outer);
        outer.extend(inner);
        let mut list = vec![0x0A];
        prost::encoding::encode_varint(outer.len() as u64, &mut list);
        list.extend(outer);
        list
    });
    let mut bytes = Vec::new();
    for tag in [0x12, 0x4A, 0x12, 0x12, 0x0A] {
        let inner = if bytes.is_empty() { deep.clone() } else { bytes };
        bytes = vec![tag];
        prost::encoding::encode_varint(inner.len() as u64, &mut bytes);
        bytes.extend(inner);
    }
    assert_eq!(send("identity", "application/x-protobuf", bytes).await.status(), StatusCode::BAD_REQUEST);
    console.stop().await;
}

#[tokio::test]
async fn each_convention_becomes_type_input_output_and_tokens() {
    let text = |value: Value| value.to_string();
    let cases = [
        (
            "generative AI conventions, new",
            json!({"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 3, "gen_ai.usage.output_tokens": 4,
                "gen_ai.system_instructions": text(json!([{"type": "text", "content": "be short"}])),
                "gen_ai.input.messages": text(json!([{"role": "user", "parts": [{"type": "text", "content": "hi"}]}])),
                "gen_ai.output.messages": text(json!([{"role": "assistant", "parts": [{"type": "text", "content": "hello"}]}]))}),
            json!(["llm", [{"role": "system", "content": "be short"}, {"role": "user", "content": "hi"}], {"role": "assistant", "content": "hello"}, 7, "m"]),
        ),
        (
            "generative AI conventions, old and indexed",
            json!({"llm.request.type": "chat", "gen_ai.response.model": "m", "gen_ai.usage.prompt_tokens": 3, "gen_ai.usage.completion_tokens": 4,
                "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "hi", "gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": "hello"}),
            json!(["llm", [{"role": "user", "content": "hi"}], {"role": "assistant", "content": "hello"}, 7, "m"]),
        ),
        (
            "OpenInference, a model",
            json!({"openinference.span.kind": "LLM", "llm.model_name": "m", "llm.token_count.prompt": 3, "llm.token_count.completion": 4, "llm.token_count.total": 7,
                "llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "hi",
                "llm.output_messages.0.message.role": "assistant", "llm.output_messages.0.message.tool_calls.0.tool_call.id": "c",
                "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "f", "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": "{}"}),
            json!(["llm", [{"role": "user", "content": "hi"}], {"role": "assistant", "content": "", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]}, 7, "m"]),
        ),
        (
            "OpenInference, a search",
            json!({"openinference.span.kind": "RETRIEVER", "input.value": "moons", "retrieval.documents.0.document.content": "Io", "retrieval.documents.0.document.score": 0.5}),
            json!(["retriever", "moons", [{"content": "Io", "metadata": {"score": 0.5}}], 0, null]),
        ),
        (
            "LangSmith, a model",
            json!({"langsmith.span.kind": "llm", "gen_ai.prompt": text(json!({"messages": [{"role": "user", "content": "hi"}]})), "gen_ai.usage.input_tokens": 3, "gen_ai.usage.output_tokens": 4,
                "gen_ai.completion": text(json!({"choices": [{"message": {"role": "assistant", "content": "hello"}}]}))}),
            json!(["llm", [{"role": "user", "content": "hi"}], {"role": "assistant", "content": "hello"}, 7, null]),
        ),
        (
            "the Galileo SDK for Python, a tool",
            json!({"gen_ai.system": "galileo-otel", "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "weather", "gen_ai.tool.call.arguments": "{\"city\": \"Paris\"}", "gen_ai.tool.call.result": "sunny",
                "gen_ai.input.messages": text(json!([{"role": "tool", "content": "{\"city\": \"Paris\"}"}]))}),
            json!(["tool", "{\"city\": \"Paris\"}", "sunny", 0, null]),
        ),
        (
            "the Galileo SDK for Python, a retriever",
            json!({"db.operation": "search", "gen_ai.input.messages": text(json!([{"role": "user", "content": "query"}])),
                "gen_ai.output.messages": text(json!([{"role": "assistant", "content": {"documents": [{"content": "d1", "metadata": {"s": "x"}}]}}]))}),
            json!(["retriever", "query", [{"content": "d1", "metadata": {"s": "x"}}], 0, null]),
        ),
        (
            "the Galileo SDK for Python, a workflow",
            json!({"gen_ai.system": "galileo-otel", "gen_ai.input.messages": text(json!([{"role": "user", "content": "question"}])), "gen_ai.output.messages": text(json!([{"role": "assistant", "content": "answer"}]))}),
            json!(["workflow", "question", "answer", 0, null]),
        ),
        (
            "plain HTTP",
            json!({"http.request.method": "GET", "http.response.status_code": 200}),
            json!(["workflow", null, null, 0, null]),
        ),
        (
            "an agent",
            json!({"gen_ai.operation.name": "invoke_agent", "input.value": "go"}),
            json!(["agent", "go", null, 0, null]),
        ),
        (
            "Traceloop",
            json!({"traceloop.span.kind": "tool", "traceloop.entity.input": "a", "traceloop.entity.output": "b"}),
            json!(["tool", "a", "b", 0, null]),
        ),
        (
            "values of wrong types",
            json!({"gen_ai.operation.name": 5, "gen_ai.input.messages": true, "gen_ai.usage.input_tokens": "many", "llm.input_messages.0.message.role": 1}),
            json!(["workflow", null, null, 0, null]),
        ),
    ];
    let console = Console::start().await;
    for (index, (why, given, expected)) in cases.iter().enumerate() {
        let id = format!("00000000000001{index:02x}");
        console.post("/otel/traces", request("s", &[span(&id, "", why, given.clone())])).await;
        let view = tree(&console).await;
        let span = view["spans"].as_array().unwrap().iter().find(|span| span["name"] == *why).unwrap();
        let read = json!([
            span["type"],
            span["detail"]["input"],
            span["detail"]["output"],
            span["tokens"]["total"],
            span["model"]
        ]);
        assert_eq!(read, *expected, "{why}");
    }
    console.stop().await;
}

#[tokio::test]
async fn errors_carry_their_text_and_sessions_their_name() {
    let console = Console::start().await;
    let mut failing = span("0000000000000001", "", "failing", json!({"session.id": "chat 7", "error.type": "Timeout"}));
    failing["status"] = json!({"code": 2});
    failing["events"] = json!([{"timeUnixNano": "1767225600000000500", "name": "exception", "attributes": attributes(&json!({"exception.type": "Timeout", "exception.message": "after 3 s"}))}]);
    let not_found = span("0000000000000002", "", "client's fault", json!({"http.response.status_code": 404}));
    console.post("/otel/traces", request("s", &[failing, not_found])).await;
    let view = tree(&console).await;
    let find = |name: &str| view["spans"].as_array().unwrap().iter().find(|span| span["name"] == name).unwrap().clone();
    let failed = find("failing");
    assert_eq!(
        (&failed["error"], &failed["outcome"], &failed["status_code"]),
        (&json!("Timeout: after 3 s"), &json!("error"), &json!(500))
    );
    assert_eq!(find("client's fault")["outcome"], "ok", "the status was left unset by the one who knows");
    assert_eq!(view["summary"]["error_count"], 1);
    let project = view["summary"]["project_id"].as_str().unwrap();
    let search =
        json!({"filters": [{"type": "text", "column_id": "external_id", "operator": "eq", "value": "chat 7"}]});
    let sessions = console.post(&format!("/v2/projects/{project}/sessions/search"), search).await;
    assert_eq!(
        (&sessions["records"][0]["id"], &sessions["records"][0]["num_traces"]),
        (&view["summary"]["session_id"], &json!(1))
    );
    console.stop().await;
}

#[tokio::test]
async fn a_trace_goes_out_as_it_came_in_and_comes_in_again_as_it_went_out() {
    let console = Console::start().await;
    let mut sent = span(
        "ffffffffffffff01",
        "",
        "server",
        json!({"http.route": "/ask", "list": ["a", "b"], "n": 5, "f": 0.5, "flag": true}),
    );
    sent["kind"] = json!(2);
    sent["traceId"] = json!("33333333333373330333333333333333");
    sent["flags"] = json!(257);
    sent["traceState"] = json!("a=b");
    sent["status"] = json!({"code": 2, "message": "m"});
    sent["events"] =
        json!([{"timeUnixNano": "1767225600000000500", "name": "e", "attributes": attributes(&json!({"k": "v"}))}]);
    sent["links"] = json!([{"traceId": "0102030405060708090a0b0c0d0e0f10", "spanId": "0102030405060708"}]);
    console.post("/v1/traces", request("svc", &[sent.clone()])).await;
    let llm = json!({"trace_id": TRACE, "parent_id": "33333333-3333-4333-bfff-ffffffffff01", "spans": [{
        "type": "llm", "id": SPAN, "name": "model", "input": [{"role": "user", "content": "hi"}], "output": {"role": "assistant", "content": "hello"}, "model": "m",
        "created_at": "2026-01-01T00:00:00Z", "metrics": {"duration_ns": 500, "num_input_tokens": 3}}]});
    console.post(&format!("/v2/projects/{PROJECT}/spans"), llm).await;

    let file = console.get(&format!("/api/console/traces/{TRACE}/download?form=otlp")).await;
    let spans: Vec<&Value> = file["resourceSpans"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|resource| resource["scopeSpans"].as_array().unwrap())
        .flat_map(|scope| scope["spans"].as_array().unwrap())
        .collect();
    let mut out = spans[0].clone();
    for list in [&mut out, &mut sent] {
        list["attributes"].as_array_mut().unwrap().sort_by_key(|pair| pair["key"].as_str().unwrap().to_owned());
        list.as_object_mut().unwrap().retain(|_, value| *value != json!(""));
    }
    assert_eq!(out, sent, "what came by OTLP goes out unchanged, the bits of its ids that no UUID has included");
    assert_eq!((&spans[1]["parentSpanId"], &spans[1]["spanId"]), (&json!("ffffffffffffff01"), &json!(W3C_SPAN)));

    let second = Console::start().await;
    second.post("/v1/traces", file).await;
    let essence = |view: &Value| -> Vec<Value> {
        let spans = view["spans"].as_array().unwrap().iter();
        spans
            .map(|span| {
                json!([
                    span["id"],
                    span["type"],
                    span["name"],
                    span["depth"],
                    span["duration_ns"],
                    span["error"],
                    span["model"],
                    span["tokens"],
                    span["detail"]["input"],
                    span["detail"]["output"]
                ])
            })
            .collect()
    };
    assert_eq!(essence(&tree(&second).await), essence(&tree(&console).await));
    second.stop().await;
    console.stop().await;
}

#[tokio::test]
async fn tempo_readers_get_the_trace_id_that_they_asked_for() {
    let console = Console::start().await;
    console.post("/v1/traces", request("svc", &[span(W3C_SPAN, "", "root", json!({}))])).await;
    // Differs from the stored id in the bits that a UUID fixes only.
    let asked = "3333333333332333c333333333333333";
    let answer = console.get(&format!("/api/traces/{asked}")).await;
    let span = &answer["batches"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!(
        (&span["traceId"], &span["spanId"], &span["kind"]),
        (&json!("MzMzMzMzIzPDMzMzMzMzMw=="), &json!("hERERERERAE="), &json!("SPAN_KIND_INTERNAL"))
    );
    assert_eq!(answer["batches"][0]["resource"]["attributes"][0]["value"]["stringValue"], "svc");
    let protobuf = console
        .client
        .get(console.url(&format!("/api/traces/{asked}")))
        .header("accept", "application/protobuf")
        .send()
        .await
        .unwrap();
    let trace = proto::Request::decode(protobuf.bytes().await.unwrap()).unwrap();
    assert_eq!(trace.resource_spans[0].scope_spans[0].spans[0].name, "root");
    assert_eq!(console.client.get(console.url("/api/traces/1")).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    assert_eq!(console.client.get(console.url("/ready")).send().await.unwrap().status(), StatusCode::OK);
    console.stop().await;
}
