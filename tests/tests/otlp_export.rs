//! Spans as OTLP over HTTP, received by a collector that reads them with OpenTelemetry's own types.

#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use galileo::{Config, ConfigBuilder, Context, DropReason, InContext, Report, Span, current_span, log};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{Span as OtelSpan, status::StatusCode as OtelStatus};
use prost::Message;

/// One process has one pipeline.
static TURN: Mutex<()> = Mutex::new(());

/// A collector on loopback that answers from a script, and 200 once it is used up.
struct Collector {
    url: String,
    state: Arc<Received>,
    runtime: tokio::runtime::Runtime,
    _turn: MutexGuard<'static, ()>,
}

#[derive(Default)]
struct Received {
    script: Mutex<VecDeque<Reply>>,
    requests: Mutex<Vec<(HeaderMap, Bytes)>>,
}

type Reply = (StatusCode, HeaderMap, Vec<u8>);

fn status(code: u16) -> Reply {
    (StatusCode::from_u16(code).unwrap(), HeaderMap::new(), Vec::new())
}

impl Collector {
    fn new(script: Vec<Reply>) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let state = Arc::new(Received { script: Mutex::new(script.into()), ..Received::default() });
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let app = Router::new().fallback(receive).layer(DefaultBodyLimit::disable()).with_state(state.clone());
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, state, runtime, _turn: turn }
    }

    /// Settings that send here.
    fn config(&self) -> ConfigBuilder {
        Config::builder()
            .without_dotenv()
            .exporters("otlp")
            .service_name("svc")
            .variable("OTEL_EXPORTER_OTLP_ENDPOINT", self.url.as_str())
    }

    /// Runs `program` with these settings and delivers everything.
    fn run(&self, config: ConfigBuilder, program: impl FnOnce()) -> Report {
        let guard = config.init().unwrap();
        program();
        guard.shutdown(Duration::from_secs(20))
    }

    fn requests(&self) -> Vec<(HeaderMap, Bytes)> {
        self.state.requests.lock().unwrap().clone()
    }

    /// Every span of every request, read by the type of its content.
    fn spans(&self) -> Vec<OtelSpan> {
        self.requests()
            .iter()
            .map(|(headers, body)| decode(headers, body))
            .flat_map(|request| request.resource_spans)
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans)
            .collect()
    }
}

async fn receive(State(state): State<Arc<Received>>, headers: HeaderMap, body: Bytes) -> Reply {
    state.requests.lock().unwrap().push((headers, body));
    state.script.lock().unwrap().pop_front().unwrap_or_else(|| status(200))
}

fn decode(headers: &HeaderMap, body: &Bytes) -> ExportTraceServiceRequest {
    let mut plain = body.to_vec();
    if headers.get("content-encoding").is_some_and(|value| value == "gzip") {
        plain.clear();
        flate2::read::GzDecoder::new(body.as_ref()).read_to_end(&mut plain).unwrap();
    }
    match headers["content-type"].to_str().unwrap() {
        "application/x-protobuf" => ExportTraceServiceRequest::decode(plain.as_slice()).unwrap(),
        "application/json" => serde_json::from_slice(&plain).unwrap(),
        other => panic!("content type {other}"),
    }
}

fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let value = attributes.iter().find(|kv| kv.key == key)?.value.clone()?.value?;
    Some(match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(truth) => truth.to_string(),
        other => format!("{other:?}"),
    })
}

#[log(span_type = "tool")]
fn search_docs(query: &str) -> Result<String, String> {
    if query.is_empty() { Err("nothing to search for".to_owned()) } else { Ok(format!("about {query}")) }
}

#[log(span_type = "llm", model = "small")]
fn ask(prompt: &str) -> String {
    current_span().set_usage((7, 3));
    format!("an answer to {prompt}")
}

#[log]
fn answer(question: &str) -> String {
    let found = search_docs(question).unwrap_or_default();
    ask(&found)
}

fn named<'a>(spans: &'a [OtelSpan], name: &str) -> &'a OtelSpan {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no span `{name}`"))
}

#[test]
fn opentelemetrys_own_types_read_our_protobuf() {
    let collector = Collector::new(Vec::new());
    let config = collector
        .config()
        .service_version("1.2.3")
        .environment("test")
        .variable("OTEL_RESOURCE_ATTRIBUTES", "team=search,service.name=ignored");
    let report = collector.run(config, || {
        answer("moons");
    });
    assert!(report.is_complete(), "{report}");

    let (headers, body) = collector.requests().remove(0);
    let resource = decode(&headers, &body).resource_spans.remove(0).resource.unwrap().attributes;
    for (key, value) in [
        ("service.name", "svc"),
        ("service.version", "1.2.3"),
        ("deployment.environment.name", "test"),
        ("team", "search"),
        ("telemetry.sdk.language", "rust"),
    ] {
        assert_eq!(attribute(&resource, key).as_deref(), Some(value), "{key}");
    }
    assert!(attribute(&resource, "host.name").is_some());

    let spans = collector.spans();
    assert_eq!(spans.len(), 3);
    let (root, tool, llm) = (named(&spans, "answer"), named(&spans, "search_docs"), named(&spans, "ask"));
    assert!(root.parent_span_id.is_empty());
    for child in [tool, llm] {
        assert_eq!((&child.trace_id, &child.parent_span_id), (&root.trace_id, &root.span_id));
        assert!(root.start_time_unix_nano <= child.start_time_unix_nano);
        assert!(child.end_time_unix_nano <= root.end_time_unix_nano);
    }
    assert_eq!(attribute(&tool.attributes, "gen_ai.tool.call.arguments").as_deref(), Some(r#"{"query":"moons"}"#));
    assert_eq!(attribute(&llm.attributes, "gen_ai.usage.input_tokens").as_deref(), Some("7"));
    assert_eq!(attribute(&llm.attributes, "llm.model_name").as_deref(), Some("small"));
    assert!(attribute(&tool.attributes, "code.file.path").unwrap().ends_with("otlp_export.rs"));
}

#[test]
fn json_and_gzip_carry_the_same_spans() {
    let plain = |format: &str, compression: &str| {
        let collector = Collector::new(Vec::new());
        let config = collector
            .config()
            .variable("OTEL_EXPORTER_OTLP_PROTOCOL", format)
            .variable("OTEL_EXPORTER_OTLP_COMPRESSION", compression);
        assert!(
            collector
                .run(config, || {
                    answer("moons");
                })
                .is_complete()
        );
        let (headers, _) = collector.requests().remove(0);
        let mut names: Vec<_> =
            collector.spans().iter().map(|s| (s.name.clone(), s.kind, s.attributes.len())).collect();
        names.sort();
        (headers.get("content-encoding").map(|v| v.to_str().unwrap().to_owned()), names)
    };
    let (none, protobuf) = plain("http/protobuf", "none");
    let (gzip, json) = plain("http/json", "gzip");
    assert_eq!((none, gzip.as_deref()), (None, Some("gzip")));
    assert_eq!(protobuf, json);
}

#[test]
fn addresses_and_headers_come_from_the_variables() {
    let collector = Collector::new(Vec::new());
    let config = Config::builder()
        .without_dotenv()
        .exporters("otlp")
        .variable("OTLP_COLLECTOR_ENDPOINT", collector.url.as_str())
        .variable("OTLP_AUTH_TOKEN", "tok")
        .variable("OTEL_EXPORTER_OTLP_HEADERS", "x-scope-orgid=mine,x-other=a%20b");
    collector.run(config, || {
        answer("moons");
    });
    let (headers, _) = collector.requests().remove(0);
    for (name, value) in [("authorization", "Bearer tok"), ("x-scope-orgid", "mine"), ("x-other", "a b")] {
        assert_eq!(headers[name], value);
    }
}

#[test]
fn answers_are_followed_as_the_table_says() {
    let wait = (
        StatusCode::SERVICE_UNAVAILABLE,
        HeaderMap::from_iter([(http::header::RETRY_AFTER, "0".parse().unwrap())]),
        Vec::new(),
    );
    for (script, delivered, rejected, requests, why) in [
        (vec![], 3, 0, 1, "taken"),
        (vec![wait], 3, 0, 2, "503 is tried again"),
        (vec![status(429), status(502), status(504)], 3, 0, 4, "so are these"),
        (vec![status(400)], 0, 3, 1, "400 is final"),
        (vec![status(404)], 0, 3, 1, "so is 404, other than with Galileo's own protocol"),
        (vec![status(500), status(200)], 3, 0, 2, "500 is tried once more"),
        (vec![status(500), status(500)], 0, 3, 2, "and no more than once"),
    ] {
        let collector = Collector::new(script);
        let report = collector.run(collector.config(), || {
            answer("moons");
        });
        let found = (report.delivered, report.dropped.by(DropReason::Rejected), collector.requests().len());
        assert_eq!(found, (delivered, rejected, requests), "{why}: {report}");
        assert!(report.accounts[0].is_balanced(), "{report}");
    }
}

#[test]
fn a_request_that_is_too_large_is_sent_in_halves() {
    let sent = |refusals: usize| {
        let collector = Collector::new(vec![status(413); refusals]);
        let report = collector.run(collector.config(), || {
            answer("moons");
        });
        (report.delivered, report.dropped.by(DropReason::Size), collector.requests().len())
    };
    assert_eq!(sent(1), (3, 0, 4), "the three spans go alone");
    assert_eq!(sent(10), (0, 3, 4), "a span that is too large alone is given up");
}

#[test]
fn spans_that_an_accepted_request_lost_are_counted() {
    let json = br#"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}"#.to_vec();
    let kind = |kind: &str| HeaderMap::from_iter([(http::header::CONTENT_TYPE, kind.parse().unwrap())]);
    // Field 1 of the answer: a message of field 1, the number 2.
    let protobuf = vec![0x0a, 0x02, 0x08, 0x02];
    for (headers, body) in [(kind("application/json"), json), (kind("application/x-protobuf"), protobuf)] {
        let collector = Collector::new(vec![(StatusCode::OK, headers, body)]);
        let report = collector.run(collector.config(), || {
            answer("moons");
        });
        assert_eq!((report.delivered, report.dropped.by(DropReason::Rejected)), (1, 2), "{report}");
    }
}

#[test]
fn a_backend_that_reads_no_json_gets_protobuf() {
    let collector = Collector::new(vec![status(415)]);
    let config = collector.config().variable("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json");
    let report = collector.run(config, || {
        answer("moons");
    });
    assert!(report.is_complete(), "{report}");
    let kinds: Vec<_> = collector.requests().iter().map(|(headers, _)| headers["content-type"].clone()).collect();
    assert_eq!(kinds, ["application/json", "application/x-protobuf"]);
}

#[test]
fn a_trace_that_came_in_by_w3c_headers_keeps_its_ids() {
    let collector = Collector::new(Vec::new());
    let config = collector.config();
    // Neither of the six bits of a version 4 UUID is right in this id.
    let headers = HeaderMap::from_iter([(
        http::HeaderName::from_static("traceparent"),
        "00-0af7651916cd03dd0448eb211c80319c-b7ad6b7169203331-01".parse().unwrap(),
    )]);
    collector.run(config, || {
        let context = Context::extract(&headers);
        futures::executor::block_on(async { answer("moons") }.in_context(context));
    });
    let spans = collector.spans();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    for span in &spans {
        assert_eq!(hex(&span.trace_id), "0af7651916cd03dd0448eb211c80319c", "{}", span.name);
    }
    assert_eq!(hex(&named(&spans, "answer").parent_span_id), "b7ad6b7169203331");
    assert_eq!(named(&spans, "ask").parent_span_id, named(&spans, "answer").span_id);
}

#[test]
fn errors_are_a_status_and_an_exception() {
    let collector = Collector::new(Vec::new());
    collector.run(collector.config(), || {
        let _ = search_docs("");
        let _ =
            std::panic::catch_unwind(|| Span::workflow("bad").in_scope(|| std::panic::resume_unwind(Box::new("boom"))));
    });
    let spans = collector.spans();
    let failed = named(&spans, "search_docs");
    let status = failed.status.clone().unwrap();
    assert_eq!((status.code(), status.message.as_str()), (OtelStatus::Error, "nothing to search for"));
    assert_eq!(failed.events[0].name, "exception");
    assert_eq!(attribute(&failed.events[0].attributes, "exception.message").as_deref(), Some("nothing to search for"));
    let status = named(&spans, "bad").status.clone().unwrap();
    assert_eq!(status.code(), OtelStatus::Error);
    assert_eq!(attribute(&named(&spans, "bad").attributes, "error.type").as_deref(), Some("panic"));
}

#[test]
fn many_spans_travel_in_few_requests() {
    let collector = Collector::new(Vec::new());
    let report = collector.run(collector.config(), || {
        for number in 0..2_000 {
            answer(&number.to_string());
        }
    });
    assert_eq!(report.delivered, 6_000, "{report}");
    assert_eq!(collector.spans().len(), 6_000);
    assert!(collector.requests().len() <= 6_000 / 100, "{} requests", collector.requests().len());
    drop(collector.runtime);
}
