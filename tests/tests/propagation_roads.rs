//! Roads without a web framework: messages and jobs, child processes, agents, `_meta`, and callers that speak other formats.

use std::collections::{BTreeMap, HashMap};
use std::process::Command;

use galileo::middleware::{CommandExt, a2a};
use galileo::propagation::{Baggage, BaggagePropagator, LangSmithPropagator, Propagators, TraceContextPropagator};
use galileo::{Context, InContext, InSpan, Span, get_tracing_headers};
use galileo_tests::collect::{caller, collecting};
use http::{HeaderMap, HeaderValue};

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    lines.iter().map(|(name, value)| ((*name).parse().expect("a name"), value.parse().expect("a value"))).collect()
}

fn continued(trace: &str, span: &str) -> Context {
    Context::extract(&headers(&[("x-galileo-trace-id", trace), ("x-galileo-parent-id", span)]))
}

fn value<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().expect("text"))
}

#[test]
fn a_message_carries_the_trace_to_its_consumer() {
    collecting();
    let caller = caller();
    let _request = continued(&caller.0, &caller.1).attach();
    // A broker's headers: names and bytes, in a list.
    let mut message: Vec<(String, Vec<u8>)> = vec![("content-type".into(), b"text/plain".to_vec())];
    let mut job: BTreeMap<String, String> = BTreeMap::new();
    Span::workflow("publish").in_scope(|| {
        Context::current().inject(&mut message);
        Context::current().inject(&mut job);
    });
    drop(_request);
    // Minutes later, on another thread.
    let consumers = std::thread::spawn(move || {
        let _message = Context::extract(&message).attach();
        Span::tool("consume").in_scope(|| ());
        drop(_message);
        let _job = Context::extract(&job).attach();
        Span::tool("work").in_scope(|| ());
        assert_eq!(message[0].0, "content-type", "other headers stay");
    });
    consumers.join().expect("joined");
    assert_eq!(collecting().tree(&caller.0, 3), "workflow publish ok 200\n  tool consume ok 200\n  tool work ok 200\n");
}

/// The child of the test below: this binary again, which prints what it was handed.
#[test]
fn child_process() {
    if std::env::var_os("ROADS_TEST_CHILD").is_some() {
        let context = Context::from_env();
        let text = |id: Option<String>| id.unwrap_or_default();
        let baggage = context.baggage().map(ToString::to_string).unwrap_or_default();
        let line = format!(
            "child: {} {} {baggage} {}",
            text(context.trace_id().map(|id| id.to_string())),
            text(context.span_id().map(|id| id.to_string())),
            std::env::var("TRACESTATE").unwrap_or_else(|_| "no tracestate".to_owned()),
        );
        std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).expect("written");
    }
}

#[test]
fn a_child_process_reads_its_environment() {
    collecting();
    let baggage = Baggage::parse(b"tenant=acme").expect("valid");
    let _context = Context::root().with_baggage(baggage).attach();
    let run = |command: &mut Command| {
        command.args(["--exact", "child_process", "--nocapture"]).env("ROADS_TEST_CHILD", "1");
        let output = command.output().expect("ran");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        text[text.find("child: ").expect("it said so")..].to_owned()
    };
    let program = std::env::current_exe().expect("known");
    Span::workflow("parent").in_scope(|| {
        let context = Context::current();
        let mut command = Command::new(&program);
        // What this process was handed itself describes another span.
        command.env("TRACESTATE", "stale=1").trace_env();
        let (trace, span) = (context.trace_id().expect("open"), context.span_id().expect("open"));
        assert_eq!(run(&mut command), format!("child: {trace} {span} tenant=acme no tracestate"));
    });
    assert!(run(&mut Command::new(&program)).starts_with("child:   "), "nothing was handed over");
}

#[test]
fn an_agents_message_carries_trace_session_and_sender() {
    collecting();
    let caller = caller();
    let mut metadata = serde_json::Map::new();
    metadata.insert("other".to_owned(), 1.into());
    let _request = continued(&caller.0, &caller.1).attach();
    Span::agent("planner").in_scope(|| a2a::inject(&mut metadata, "planner"));
    let object = metadata["galileo_observe"].as_object().expect("an object");
    assert_eq!(object["agent_trace_id"].as_str().expect("text"), caller.0.replace('-', ""));
    assert_eq!(object["agent_span_id"].as_str().expect("text").len(), 16);
    assert_eq!(object["agent_name"], "planner");

    let received = a2a::extract(Some(&metadata), Some("conversation 7"));
    {
        let _message = received.context.attach();
        drop(received.span("searcher").enter());
    }
    assert_eq!(collecting().tree(&caller.0, 2), "agent planner ok 200\n  agent searcher ok 200\n");
    let spans = collecting().wait_for(&caller.0, |_| true);
    let searcher = spans.iter().find(|span| span.name == "searcher").expect("seen");
    assert_eq!(searcher.metadata("link.type"), Some("agent_handoff"));
    assert_eq!(searcher.metadata("link.from_agent"), Some("planner"));
    assert!(searcher.parts.iter().any(|(.., value)| value == "conversation 7"), "{:?}", searcher.parts);

    // The other name of the same object, and none at all.
    let renamed = serde_json::json!({"observe": metadata["galileo_observe"]});
    assert!(a2a::extract(renamed.as_object(), None).context.trace_id().is_some());
    let nothing = a2a::extract(None, None);
    assert_eq!((nothing.context.trace_id(), nothing.from_agent), (None, None));
}

#[tokio::test]
async fn a_caller_that_speaks_w3c_only_keeps_its_ids() {
    collecting();
    let foreign = format!("00-{}-b7ad6b7169203331-01", "0af7651916cd43dd0448eb211c80319d");
    let context = Context::extract(&headers(&[("traceparent", &foreign), ("tracestate", "other=1")]));
    let sent = async { get_tracing_headers() }.in_span(Span::workflow("served")).in_context(context).await;
    let trace = "0af76519-16cd-43dd-8448-eb211c80319d";
    assert_eq!(value(&sent, "x-galileo-trace-id"), trace);
    assert!(value(&sent, "traceparent").starts_with("00-0af7651916cd43dd0448eb211c80319d-"));
    assert_eq!(value(&sent, "tracestate"), "other=1");
    let spans = collecting().wait_for(trace, |spans| !spans.is_empty());
    assert_eq!(spans[0].parent, None, "directly under the trace");
    assert_eq!(spans[0].metadata("w3c.parent_id"), Some("b7ad6b7169203331"));
    assert_eq!(spans[0].metadata("w3c.trace_id"), Some("0af7651916cd43dd0448eb211c80319d"));
}

#[test]
fn a_caller_that_speaks_langsmith_only_is_continued() {
    collecting();
    let run = "20261120T193556253017Z01a1fa75-565d-7cff-8c50-405353df141e";
    let context = Context::extract(&headers(&[
        ("langsmith-trace", run),
        ("baggage", "langsmith-tags=a%2Cb,langsmith-metadata=%7B%22user%22%3A%22ann%22%7D,tenant=acme"),
    ]));
    let _request = context.attach();
    Span::workflow("served").in_scope(|| ());
    let spans = collecting().wait_for("01a1fa75-565d-4cff-8c50-405353df141e", |spans| !spans.is_empty());
    assert_eq!(spans[0].metadata("user"), Some("ann"));
    assert_eq!(spans[0].metadata("langsmith.dotted_order"), Some(run));
    let tags: Vec<_> =
        spans[0].parts.iter().filter(|part| part.0 == galileo::model::Field::Tag).map(|part| &part.2).collect();
    assert_eq!(tags, ["a", "b"]);
}

#[test]
fn headers_that_disagree_make_two_traces_and_lose_nothing() {
    collecting();
    let caller = caller();
    let foreign = "00-0af7651916cd43dd0448eb211c80319f-b7ad6b7169203331-00";
    let context = Context::extract(&headers(&[
        ("x-galileo-trace-id", &caller.0),
        ("x-galileo-parent-id", &caller.1),
        ("traceparent", foreign),
    ]));
    let _request = context.attach();
    let sent = Span::workflow("served").in_scope(get_tracing_headers);
    assert_eq!(value(&sent, "x-galileo-trace-id"), caller.0, "Galileo's side believes its own");
    assert!(value(&sent, "traceparent").starts_with("00-0af7651916cd43dd0448eb211c80319f-"), "and the other its own");
    let spans = collecting().wait_for(&caller.0, |spans| !spans.is_empty());
    assert_eq!(spans[0].parent.as_deref(), Some(caller.1.as_str()));
    assert_eq!(spans[0].metadata("w3c.trace_id"), Some("0af7651916cd43dd0448eb211c80319f"));
    assert_eq!(spans[0].metadata("w3c.parent_id"), Some("b7ad6b7169203331"));
}

#[test]
fn an_application_writes_a_carrier_with_propagators_of_its_choice() {
    collecting();
    let baggage = Baggage::parse(b"tenant=acme").expect("valid");
    let _context = Context::root().with_baggage(baggage).attach();
    let propagators =
        Propagators::none().with(TraceContextPropagator).with(BaggagePropagator).with(LangSmithPropagator);
    Span::workflow("ask").in_scope(|| {
        let all = get_tracing_headers();
        // What was written with every format reads with few of them.
        let few = propagators.extract(&all);
        assert!(few.galileo.is_none() && few.w3c.is_some());
        assert_eq!(few.baggage.get("tenant").as_deref(), Some("acme"));
        let mut map = HashMap::<String, String>::new();
        Context::current().inject(&mut map);
        assert_eq!(map.len(), all.len());
    });
    let broken = HeaderMap::from_iter([(http::header::HOST, HeaderValue::from_static("x"))]);
    assert!(propagators.extract(&broken).is_empty());
}

/// All Rust files below a folder of the repository, as one text.
fn sources(folder: &std::path::Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            sources(&entry, text);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(&entry).expect("text"));
        }
    }
}

#[test]
fn the_table_of_roads_names_tests_that_exist() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
    let table = std::fs::read_to_string(root.join("docs/roads.md")).expect("the table");
    let mut all = String::new();
    for folder in ["tests/tests", "examples/tests", "runtime/src"] {
        sources(&root.join(folder), &mut all);
    }
    let files = ["http_", "propagation_", "runtime/", "examples/"];
    let named: Vec<&str> = table
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| files.iter().any(|file| code.starts_with(file)) && code.contains("::"))
        .collect();
    assert!(named.len() > 40, "the table has another form now");
    for name in named {
        let test = name.rsplit("::").next().expect("a name");
        let known = all.contains(&format!("fn {test}("))
            || root.join(format!("tests/tests/{}.rs", name.replace("::", "/"))).is_file();
        assert!(known, "`{name}` of docs/roads.md does not exist");
    }
}
