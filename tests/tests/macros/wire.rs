//! What a backend is told of annotated functions.

use futures::FutureExt;
use futures::executor::{block_on, block_on_stream};
use galileo::config::SpoolMode;
use galileo::{Config, Mode, Span, current_span, log};
use galileo_tests::backend::{Backend, Span as Received};
use serde_json::{Value, json};
use std::panic::catch_unwind;
use std::time::Duration;

#[derive(Debug)]
struct Failure;

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the moons are out")
    }
}

impl std::error::Error for Failure {}

#[log]
fn one() -> Result<u8, Failure> {
    Ok(two()? + 1)
}

#[log(span_type = "agent")]
fn two() -> Result<u8, Failure> {
    block_on(three())
}

#[log]
async fn three() -> Result<u8, Failure> {
    tokio::task::yield_now().map(|()| ()).now_or_never();
    four().await
}

#[log]
async fn four() -> Result<u8, Failure> {
    five(5)
}

#[log(span_type = "tool")]
fn five(n: u8) -> Result<u8, Failure> {
    let _ = n;
    Err(Failure)
}

#[log(span_type = "tool")]
fn recovers() -> u8 {
    current_span().record_error("tried once");
    7
}

#[log(span_type = "tool")]
fn panics() -> u8 {
    panic!("out of moons")
}

#[log(span_type = "tool")]
async fn waits() -> u8 {
    std::future::pending().await
}

#[log(span_type = "llm", model = "m-1", usage = |_| (3u64, 1u64))]
fn ask(prompt: &str) -> String {
    prompt.to_uppercase()
}

#[log(span_type = "llm")]
fn chat(model: &str, question: &str) -> Vec<Value> {
    let _ = model;
    vec![json!({"role": "assistant", "content": question})]
}

#[log(span_type = "llm")]
fn compare(left: &str, right: &str) -> bool {
    left == right
}

#[log(span_type = "retriever")]
fn retrieve(query: &str, top_k: usize) -> Vec<String> {
    vec![query.to_owned(); top_k]
}

#[log(span_type = "llm")]
fn tokens(prompt: &str) -> impl futures::Stream<Item = Result<String, Failure>> + use<> {
    futures::stream::iter(prompt.split_inclusive(' ').map(|word| Ok(word.to_owned())).collect::<Vec<_>>())
}

/// Runs inside one trace and returns what the backend got of it, by name.
fn received(run: impl FnOnce()) -> impl Fn(&str) -> Received {
    let _turn = super::turn();
    let backend = Backend::start();
    let guard = Config::builder()
        .without_dotenv()
        .mode(Mode::Batch)
        .api_url(backend.url())
        .api_key("key-of-the-test")
        .spool(SpoolMode::Off)
        .init()
        .unwrap();
    Span::workflow("trace").in_scope(run);
    let report = guard.shutdown(Duration::from_secs(30));
    assert_eq!(report.accepted, report.delivered, "{report}");
    let spans = backend.books(|books| {
        assert!(books.refused.is_empty(), "{:?}", books.refused);
        books.spans.clone()
    });
    move |name| {
        let mut found = spans.values().filter(|span| span.name == name);
        found.next().cloned().unwrap_or_else(|| panic!("`{name}` was not sent"))
    }
}

fn tags(span: &Received) -> Vec<&str> {
    span.body["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap()).collect()
}

#[test]
fn an_error_through_five_spans_is_marked_on_each_and_the_innermost_is_its_origin() {
    let span = received(|| assert!(one().is_err()));
    for name in ["one", "two", "three", "four", "five"] {
        let span = span(name);
        assert_eq!((span.ended, &span.body["status_code"]), (true, &json!(500)), "{name}");
        let tags = tags(&span);
        assert!(tags.contains(&"outcome=error") && tags.contains(&"error=the moons are out"), "{name}: {tags:?}");
        assert_eq!(tags.contains(&"error.origin=true"), name == "five", "{name}: {tags:?}");
    }
}

#[test]
fn value_error_panic_and_cancellation_are_told_apart() {
    let span = received(|| {
        ask("why?");
        assert!(five(1).is_err());
        assert!(catch_unwind(panics).is_err());
        assert!(Box::pin(waits()).as_mut().now_or_never().is_none());
    });
    for (name, status, outcome) in [
        ("ask", 200, None),
        ("five", 500, Some("error")),
        ("panics", 500, Some("panic")),
        ("waits", 499, Some("cancelled")),
    ] {
        let span = span(name);
        assert_eq!(span.body["status_code"], status, "{name}");
        let said = tags(&span).into_iter().find_map(|tag| tag.strip_prefix("outcome=")).map(str::to_owned);
        assert_eq!(said.as_deref(), outcome, "{name}");
    }
    assert!(span("panics").body["output"].to_string().contains("out of moons"));
}

#[test]
fn a_recorded_error_fails_a_span_that_returns_a_value() {
    let span = received(|| assert_eq!(recovers(), 7))("recovers");
    assert_eq!((&span.body["status_code"], &span.body["output"]), (&json!(500), &json!("7")));
    let tags = tags(&span);
    assert!(tags.contains(&"outcome=error") && tags.contains(&"error=tried once"), "{tags:?}");
}

#[test]
fn what_a_model_was_asked_becomes_messages() {
    let span = received(|| {
        ask("why?");
        chat("m-2", "and then?");
        compare("a", "b");
        assert_eq!(block_on_stream(tokens("to be or not")).count(), 4);
    });
    let asked = |name: &str| span(name).body["input"].clone();
    assert_eq!(asked("ask"), json!([{"role": "user", "content": "why?"}]), "a single argument is the message");
    assert_eq!(asked("chat"), json!([{"role": "user", "content": "and then?"}]), "what is left of two, too");
    assert_eq!(asked("compare"), json!([{"role": "user", "content": r#"{"left":"a","right":"b"}"#}]));
    assert_eq!(span("ask").body["output"], json!({"role": "assistant", "content": "WHY?"}));
    assert_eq!(span("chat").body["output"], json!({"role": "assistant", "content": "and then?"}));
    assert_eq!(span("tokens").body["output"], json!({"role": "assistant", "content": "to be or not"}));
    assert_eq!((&span("ask").body["model"], &span("chat").body["model"]), (&json!("m-1"), &json!("m-2")));
    let metrics = &span("ask").body["metrics"];
    assert_eq!((&metrics["num_input_tokens"], &metrics["num_output_tokens"]), (&json!(3), &json!(1)), "{metrics}");
    assert!(span("tokens").body["metrics"]["time_to_first_token_ns"].is_u64());
}

#[test]
fn documents_and_arguments_have_the_forms_of_their_span_types() {
    let span = received(|| {
        retrieve("moons", 2);
        assert!(five(1).is_err());
    });
    assert_eq!(span("retrieve").body["input"], r#"{"query":"moons","top_k":2}"#);
    assert_eq!(
        span("retrieve").body["output"],
        json!([{"content": "moons", "metadata": {}}, {"content": "moons", "metadata": {}}])
    );
    assert_eq!(span("five").body["input"], r#"{"n":1}"#);
}
