//! One request through four processes in two frameworks, which share nothing but headers and report to one console.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use galileo_console::model::TraceView;
use galileo_examples::child::{self, Reporting, Service};
use galileo_examples::console::Console;
use serde_json::{Value, json};

/// A caller that speaks W3C trace context only.
const CALLER: &str = "00-0af7651916cd43dd0448eb211c80319c-b7ad6b7169203331-01";
/// Its trace as Galileo's side names it: the version and variant of a random UUID.
const TRACE: &str = "0af76519-16cd-43dd-8448-eb211c80319c";

/// A line for each span: indent, name, service.
fn tree(view: &TraceView) -> String {
    let line = |span: &galileo_console::model::SpanNode| {
        let kind = if span.name.starts_with("POST /") { "served" } else { "called" };
        format!("{}{kind} by {}\n", "  ".repeat(span.depth), span.service.as_deref().unwrap_or("?"))
    };
    view.spans.iter().map(line).collect()
}

#[tokio::test]
async fn four_processes_in_two_frameworks_are_one_trace() {
    let console = Console::start("127.0.0.1:0").await.unwrap();
    let reporting = Reporting { console_url: &console.url, project: "chain", log_stream: "chain" };
    let program = Path::new(env!("CARGO_BIN_EXE_w3c_echo"));
    let mut services: Vec<Service> = Vec::new();
    for (name, framework) in [("one", "axum"), ("two", "actix-web"), ("three", "axum"), ("four", "actix-web")] {
        let arguments = ["--framework", framework, "--exporters", "galileo"];
        services.push(child::start(name, program, &arguments, reporting).await.unwrap());
    }
    // Each service calls the next one twice at most: "four" by two ways, so that siblings are there too.
    let test = |index: usize, arguments: Value| json!([{"url": format!("{}/test", services[index].url()), "arguments": arguments}]);
    let to_four = test(3, json!([]));
    let mut to_three = test(2, to_four.clone());
    to_three.as_array_mut().unwrap().extend(to_four.as_array().unwrap().clone());
    let to_two = test(1, to_three);
    let response = galileo_examples::http_client()
        .unwrap()
        .post(format!("{}/test", services[0].url()))
        .header("traceparent", CALLER)
        .header("tracestate", "other=1")
        .header("baggage", "tenant=acme")
        .json(&to_two)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let view = console.completed(TRACE.parse().unwrap(), &["one", "two", "three", "four"]).await.unwrap();
    assert_eq!(
        tree(&view),
        "served by one\n\
         \x20 called by one\n\
         \x20   served by two\n\
         \x20     called by two\n\
         \x20       served by three\n\
         \x20         called by three\n\
         \x20           served by four\n\
         \x20     called by two\n\
         \x20       served by four\n"
    );
    for service in services {
        service.stop().await.unwrap();
    }
}
