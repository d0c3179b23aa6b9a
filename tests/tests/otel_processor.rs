//! `GalileoSpanProcessor` with the real OpenTelemetry SDK: one tree of both kinds of spans, in our pipeline and in the console.

#![allow(clippy::unwrap_used)]

use galileo::export::{Memory, SpanData};
use galileo::otel::{GalileoIdGenerator, GalileoSpanProcessor};
use galileo::prelude::*;
use galileo::{Config, ConfigBuilder, Context, Mode, Outcome, Session, Span, SpanType, current_span};
use galileo_console::model::Depth;
use opentelemetry::trace::{FutureExt as _, Span as _, SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context as OtelContext, KeyValue};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracer, SdkTracerProvider};
use serde_json::json;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// For a machine that is busy with something else.
const PATIENCE: Duration = Duration::from_secs(30);

static PIPELINE: Mutex<()> = Mutex::new(());

#[galileo::log(span_type = "tool")]
fn leaf(name: &str) -> usize {
    name.len()
}

#[galileo::log(span_type = "tool")]
async fn slow_leaf() {
    tokio::task::yield_now().await;
    leaf("below");
}

/// `Tracer::in_span`, which `InSpan` of the prelude hides.
fn within<R>(
    tracer: &SdkTracer,
    name: impl Into<std::borrow::Cow<'static, str>>,
    f: impl FnOnce(OtelContext) -> R,
) -> R {
    Tracer::in_span(tracer, name, f)
}

/// A console with nothing in it.
struct Console {
    runtime: tokio::runtime::Runtime,
    url: String,
    store: galileo_console::Store,
}

impl Console {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = galileo_console::AppState::open(galileo_console::Config::default()).unwrap();
        let store = state.store.clone();
        runtime.spawn(async move { axum::serve(listener, galileo_console::app(state)).await });
        Self { runtime, url, store }
    }

    /// Sends to it what goes to Galileo's OTLP endpoint.
    fn otlp(&self, config: ConfigBuilder) -> ConfigBuilder {
        config.exporters("otlp").api_url(&self.url).project("moons").log_stream("night")
    }
}

struct Both {
    memory: Memory,
    provider: SdkTracerProvider,
    /// What OpenTelemetry itself exports.
    theirs: InMemorySpanExporter,
    _turn: MutexGuard<'static, ()>,
}

impl Both {
    fn start(ids: bool) -> Self {
        Self::start_with(ids, |config| config)
    }

    fn start_with(ids: bool, change: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> Self {
        let turn = PIPELINE.lock().unwrap_or_else(PoisonError::into_inner);
        let memory = Memory::new();
        let config = Config::builder().without_dotenv().mode(Mode::Distributed).exporter(memory.clone());
        let theirs = InMemorySpanExporter::default();
        let builder = SdkTracerProvider::builder()
            .with_span_processor(GalileoSpanProcessor::with_config(change(config)).unwrap())
            .with_simple_exporter(theirs.clone());
        let builder = if ids { builder.with_id_generator(GalileoIdGenerator) } else { builder };
        Self { memory, provider: builder.build(), theirs, _turn: turn }
    }

    fn tracer(&self) -> SdkTracer {
        self.provider.tracer("test")
    }

    /// Ends everything; each span under the name of its parent.
    fn end(self) -> (Vec<SpanData>, Vec<String>) {
        let _ = self.provider.shutdown_with_timeout(PATIENCE);
        let spans = self.memory.take();
        let mut lines: Vec<String> = spans
            .iter()
            .map(|span| {
                let parent = spans.iter().find(|parent| Some(parent.span_id) == span.parent_id);
                format!("{} {} under {}", span.span_type.as_str(), span.name, parent.map_or("-", |p| p.name.as_str()))
            })
            .collect();
        lines.sort();
        (spans, lines)
    }
}

#[test]
fn both_kinds_of_spans_are_each_others_parents() {
    for ids in [true, false] {
        let both = Both::start(ids);
        let tracer = both.tracer();
        within(&tracer, "request", |_| {
            leaf("under request");
            Span::workflow("ours").in_scope(|| {
                within(&tracer, "query", |_| {
                    leaf("under query");
                    within(&tracer, "inner", |_| ());
                });
                leaf("under ours");
            });
            leaf("again under request");
        });
        leaf("alone");
        let theirs = both.theirs.get_finished_spans().unwrap();
        let (spans, lines) = both.end();
        assert_eq!(
            lines,
            [
                "tool leaf under -",
                "tool leaf under ours",
                "tool leaf under query",
                "tool leaf under request",
                "tool leaf under request",
                "workflow inner under query",
                "workflow ours under request",
                "workflow query under ours",
                "workflow request under -",
            ]
        );
        // What OpenTelemetry exports by itself is one trace with the same parents.
        let named = |name: &str| theirs.iter().find(|span| span.name == name).unwrap();
        let ours = spans.iter().find(|span| span.name == "ours").unwrap();
        assert_eq!(named("query").parent_span_id.to_bytes(), ours.span_id.w3c());
        assert_eq!(named("inner").parent_span_id, named("query").span_context.span_id());
        assert_eq!(named("query").span_context.trace_id(), named("request").span_context.trace_id());
        let request = spans.iter().find(|span| span.name == "request").unwrap();
        if ids {
            assert_eq!(named("request").span_context.span_id().to_bytes(), request.span_id.w3c());
            assert_eq!(named("request").span_context.trace_id().to_bytes(), request.trace_id.to_bytes());
        }
        assert!(spans.iter().filter(|span| span.trace_id == request.trace_id).count() == 8, "{lines:?}");
    }
}

#[test]
fn spans_are_stamped_and_read_by_the_conventions() {
    let console = Console::start();
    let both = Both::start_with(true, |config| console.otlp(config));
    let tracer = both.tracer();
    let session = Context::current().with_session(Session::with_id("9b1a5c5e-4f0a-4c55-8d5e-0a4a8c1f7e21"));
    let row = galileo::Dataset::new().input("2+2").output("4").metadata("row", "7");
    let scope = session.with_dataset(row).attach();
    let mut chat = tracer
        .span_builder("chat gpt-4o")
        .with_kind(SpanKind::Client)
        .with_attributes([
            KeyValue::new("gen_ai.operation.name", "chat"),
            KeyValue::new("gen_ai.request.model", "gpt-4o"),
        ])
        .start(&tracer);
    chat.set_attribute(KeyValue::new("gen_ai.usage.input_tokens", 7));
    chat.set_attribute(KeyValue::new("team", "night"));
    chat.add_event("cache", vec![KeyValue::new("hit", true)]);
    chat.set_status(Status::error("no such model"));
    chat.end();
    // Only its end says what it is.
    let mut late = tracer.start("lookup");
    late.set_attribute(KeyValue::new("openinference.span.kind", "RETRIEVER"));
    late.set_attribute(KeyValue::new("input.value", "moons"));
    late.update_name("search");
    late.end();
    drop(scope);
    let theirs = both.theirs.get_finished_spans().unwrap();
    let (spans, _) = both.end();
    let chat = spans.iter().find(|span| span.span_type == SpanType::Llm).unwrap();
    assert_eq!((chat.model.as_deref(), chat.metrics["num_input_tokens"]), (Some("gpt-4o"), 7));
    assert_eq!((chat.outcome, chat.error.as_deref()), (Some(Outcome::Error), Some("no such model")));
    assert_eq!(chat.metadata["team"], "night");
    assert_eq!(chat.events[0].attributes, json!({"hit": true}));
    assert!(chat.events[0].time.unwrap() >= chat.started_at - Duration::from_millis(5));
    assert_eq!(chat.session_id.as_deref(), Some("9b1a5c5e-4f0a-4c55-8d5e-0a4a8c1f7e21"));
    assert_eq!(chat.dataset["output"], "4");
    let search = spans.iter().find(|span| span.name == "search").unwrap();
    assert_eq!((search.span_type, &search.input), (SpanType::Retriever, &Some("moons".into())));
    let stamped =
        |key: &str| theirs[0].attributes.iter().find(|kv| kv.key.as_str() == key).map(|kv| kv.value.to_string());
    for (key, value) in [
        ("galileo.project.name", "moons"),
        ("galileo.logstream.name", "night"),
        ("galileo.session.id", "9b1a5c5e-4f0a-4c55-8d5e-0a4a8c1f7e21"),
        ("galileo.dataset.input", "2+2"),
        ("galileo.dataset.metadata", r#"{"row":"7"}"#),
    ] {
        assert_eq!(stamped(key).as_deref(), Some(value), "{key}");
        assert!(!chat.metadata.contains_key(key), "{key} is no metadata of the user's");
    }
}

#[test]
fn futures_tasks_and_threads_carry_both() {
    let both = Both::start(false);
    let tracer = both.tracer();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        // OpenTelemetry's own way to carry a context over a spawn.
        let request = OtelContext::current_with_span(tracer.start("request"));
        tokio::spawn(slow_leaf().with_context(request.clone())).await.unwrap();
        // Ours, from inside OpenTelemetry's span.
        let task = {
            let _current = request.clone().attach();
            galileo::spawn(slow_leaf())
        };
        task.await.unwrap();
        request.span().end();
        drop(request);
        // OpenTelemetry's spans under a future of ours, polled in turns with another one.
        let work = |name: &'static str| {
            let tracer = tracer.clone();
            async move {
                for _ in 0..2 {
                    tokio::task::yield_now().await;
                    within(&tracer, format!("step of {name}"), |_| leaf("x"));
                }
            }
            .in_span(Span::workflow(name))
        };
        futures::join!(work("a"), work("b"));
        // And handed over by OpenTelemetry from inside of ours.
        let handed = async { [slow_leaf().with_context(OtelContext::current())] }.in_span(Span::agent("giver")).await;
        let [handed] = handed;
        tokio::spawn(handed).await.unwrap();
    });
    let (_, lines) = both.end();
    assert_eq!(
        lines,
        [
            "agent giver under -",
            "tool leaf under slow_leaf",
            "tool leaf under slow_leaf",
            "tool leaf under slow_leaf",
            "tool leaf under step of a",
            "tool leaf under step of a",
            "tool leaf under step of b",
            "tool leaf under step of b",
            "tool slow_leaf under giver",
            "tool slow_leaf under request",
            "tool slow_leaf under request",
            "workflow a under -",
            "workflow b under -",
            "workflow request under -",
            "workflow step of a under a",
            "workflow step of a under a",
            "workflow step of b under b",
            "workflow step of b under b",
        ]
    );
    assert_eq!(current_span().span_id(), None);
    assert!(!OtelContext::current().has_active_span());
}

#[test]
fn headers_and_additions_go_to_the_innermost_span_of_either_kind() {
    let both = Both::start(true);
    let tracer = both.tracer();
    let (parent, trace) = within(&tracer, "request", |cx| {
        current_span().metadata("added", "here");
        let headers = galileo::get_tracing_headers();
        let traceparent = headers["traceparent"].to_str().unwrap().to_owned();
        let context = cx.span().span_context().clone();
        assert_eq!(traceparent, format!("00-{}-{}-01", context.trace_id(), context.span_id()));
        (
            headers["x-galileo-parent-id"].to_str().unwrap().to_owned(),
            headers["x-galileo-trace-id"].to_str().unwrap().to_owned(),
        )
    });
    // A service that reads them with us, and uses OpenTelemetry inside.
    let mut headers = http::HeaderMap::new();
    headers.insert("X-Galileo-Trace-ID", trace.parse().unwrap());
    headers.insert("X-Galileo-Parent-ID", parent.parse().unwrap());
    let served = Context::extract(&headers).attach();
    within(&tracer, "served", |_| ());
    drop(served);
    let (spans, lines) = both.end();
    assert_eq!(lines, ["workflow request under -", "workflow served under request"]);
    let request = spans.iter().find(|span| span.name == "request").unwrap();
    assert_eq!((request.span_id.to_string(), request.trace_id.to_string()), (parent, trace));
    assert_eq!(request.metadata["added"], "here");
}

#[test]
fn a_trace_from_elsewhere_goes_on() {
    let both = Both::start(true);
    let tracer = both.tracer();
    let remote = opentelemetry::trace::SpanContext::new(
        opentelemetry::trace::TraceId::from_hex("0af7651916cd43dd0448eb211c80319c").unwrap(),
        opentelemetry::trace::SpanId::from_hex("b7ad6b7169203331").unwrap(),
        opentelemetry::trace::TraceFlags::SAMPLED,
        true,
        opentelemetry::trace::TraceState::default(),
    );
    let received = OtelContext::new().with_remote_span_context(remote);
    let served = tracer.start_with_context("served", &received);
    let current = received.with_span(served).attach();
    leaf("inside");
    drop(current);
    let (spans, lines) = both.end();
    assert_eq!(lines, ["tool leaf under served", "workflow served under -"]);
    assert!(spans.iter().all(|span| span.trace_id.to_string() == "0af76519-16cd-43dd-8448-eb211c80319c"));
}

#[test]
fn the_console_shows_one_tree_under_the_ids_of_opentelemetry() {
    let console = Console::start();
    for ids in [true, false] {
        let both = Both::start_with(ids, |config| console.otlp(config));
        let tracer = both.tracer();
        let root = within(&tracer, "request", |cx| {
            Span::workflow("ours").in_scope(|| within(&tracer, "query", |_| leaf("under query")));
            cx.span().span_context().clone()
        });
        let (_, lines) = both.end();
        assert_eq!(lines.len(), 4);
        let trace = galileo_console::model::Id(root.trace_id().to_bytes()).as_v4();
        let trace = console.runtime.block_on(console.store.trace(trace, Depth::Outline)).unwrap().unwrap();
        let tree: Vec<_> = trace.spans.iter().map(|span| (span.depth, span.name.as_str())).collect();
        assert_eq!(tree, [(0, "request"), (1, "ours"), (2, "query"), (3, "leaf")], "{ids}");
        assert!(trace.spans.iter().all(|span| span.orphan.is_none()), "{trace:?}");
        assert_eq!((trace.summary.project_name.as_str(), trace.summary.log_stream_name.as_str()), ("moons", "night"));
        assert_eq!(trace.spans[0].id.0[9..], root.span_id().to_bytes()[1..], "the same but for the variant of a UUID");
    }
}

#[test]
fn without_a_pipeline_nothing_changes() {
    let both = Both::start(true);
    let tracer = both.tracer();
    let provider = both.provider.clone();
    provider.shutdown_with_timeout(PATIENCE).unwrap();
    within(&tracer, "after", |_| leaf("x"));
    assert_eq!(both.end().1, [""; 0]);
}
