//! LangSmith's headers as they leave: every open run from the root down, and tags and metadata that runs inherit.

use galileo::export::{ExportError, Exporter, Outcomes, SpanRecord};
use galileo::propagation::{DottedOrder, Propagators};
use galileo::{Config, Context, Guard, InContext, InSpan, Mode, Span, get_tracing_headers};
use http::HeaderMap;
use std::sync::{Mutex, OnceLock};

struct Discard;

impl Exporter for Discard {
    fn export(&mut self, _: &[SpanRecord<'_>], out: &mut Outcomes) -> Result<(), ExportError> {
        out.deliver_all();
        Ok(())
    }
}

fn recording() {
    static STARTED: OnceLock<Mutex<Guard>> = OnceLock::new();
    STARTED.get_or_init(|| {
        let builder = Config::builder().without_dotenv().mode(Mode::Distributed).exporter(Discard);
        let guard = builder.variable("GALILEO_PROPAGATORS", "galileo,tracecontext,baggage,langsmith").init();
        Mutex::new(guard.expect("valid settings"))
    });
}

/// The ids of a dotted order, as text.
fn runs(headers: &HeaderMap) -> Vec<String> {
    let text = headers["langsmith-trace"].to_str().expect("text");
    assert!(DottedOrder::parse(text.as_bytes()).is_some(), "{text}");
    let mut times: Vec<&str> = text.split('.').map(|segment| &segment[..22]).collect();
    assert!(times.is_sorted(), "string order is tree order: {text}");
    times.dedup();
    text.split('.').map(|segment| segment[22..].to_owned()).collect()
}

fn here() -> (String, String) {
    let context = Context::current();
    (context.trace_id().expect("open").to_string(), context.span_id().expect("open").to_string())
}

#[test]
fn the_trace_is_the_root_run_and_every_open_span_a_segment() {
    recording();
    Span::workflow("outer").in_scope(|| {
        let (trace, outer) = here();
        assert_eq!(runs(&get_tracing_headers()), [trace.clone(), outer.clone()]);
        Span::tool("closed before").in_scope(|| ());
        Span::agent("inner").in_scope(|| {
            let (_, inner) = here();
            assert_eq!(runs(&get_tracing_headers()), [trace.clone(), outer.clone(), inner.clone()]);
            Span::llm("model").in_scope(|| {
                assert_eq!(
                    runs(&get_tracing_headers()),
                    [trace.clone(), outer.clone(), inner],
                    "llm spans have no children"
                );
            });
        });
    });
}

#[tokio::test]
async fn a_received_order_is_continued_and_tags_survive_commas() {
    recording();
    let received = "20261120T193556253017Z01a1fa75-565d-7cff-8c50-405353df141d";
    let mut request = HeaderMap::new();
    request.insert("langsmith-trace", received.parse().expect("valid"));
    let baggage = "langsmith-tags=a%2Cb,galileo-tags=%5B%22a%2Cb%22%5D,langsmith-project=p,langsmith-metadata=%7B%22n%22%3A1%7D,tenant=acme";
    request.insert("baggage", baggage.parse().expect("valid"));
    let context = Context::extract(&request);
    let (sent, span) =
        async { (get_tracing_headers(), here().1) }.in_span(Span::workflow("served")).in_context(context).await;
    assert_eq!(runs(&sent), ["01a1fa75-565d-7cff-8c50-405353df141d".to_owned(), span]);
    assert!(sent["langsmith-trace"].to_str().expect("text").starts_with(received));
    let all: Propagators = "baggage,langsmith".parse().expect("known");
    let read = all.extract(&sent);
    assert_eq!(read.baggage.get("tenant").as_deref(), Some("acme"));
    let langsmith = read.langsmith.expect("written");
    assert_eq!(langsmith.tags, ["a,b"]);
    assert_eq!(langsmith.project.as_deref(), Some("p"));
    assert_eq!(langsmith.metadata["n"], 1);
}

#[test]
fn a_trace_begun_by_hand_is_one_segment() {
    recording();
    let mut logger = galileo::Logger::new();
    let trace = logger.start_trace("q").expect("recording").to_string();
    assert_eq!(runs(&logger.get_tracing_headers()), std::slice::from_ref(&trace));
    logger.add_workflow_span("q");
    let span = logger.current_parent().expect("open").to_string();
    assert_eq!(runs(&logger.get_tracing_headers()), [trace, span]);
    logger.conclude_all("a");
}
