//! Every key, in its usual form.
#![deny(warnings)]

use galileo::{Context, Session, Usage, current_span, log};
use http::HeaderMap;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Debug, Serialize)]
struct Answer {
    text: String,
    tokens: (u64, u64),
    cached: bool,
}

#[derive(Debug)]
struct OnlyDebug;

struct Neither;

#[log(
    name = "search {index} {top_k:>3}",
    span_type = "retriever",
    tags = ["rag", index],
    metadata(region = "eu", tries = top_k + 1, "quoted key" = index),
    input = index.to_uppercase(),
    output = |result| result.len(),
    status_code = |_| 206,
    cache_hit = |result| !result.is_empty(),
)]
fn everything(index: &str, top_k: usize) -> Vec<String> {
    vec![index.to_owned(); top_k]
}

#[log(skip(connection, _unused), redact(email), capture_as(level = Debug, name = Display, answer = Serialize))]
fn chosen(connection: Neither, _unused: u8, email: &str, level: OnlyDebug, name: u8, answer: &Answer) {
    let _ = (connection, email, level, name, answer);
}

#[log(skip_all, skip_output)]
fn silent(a: u8, b: Neither) -> Neither {
    let _ = a;
    b
}

#[log(
    span_type = "llm",
    model = "gpt-4o",
    temperature = 0.2,
    tools = &["search"],
    usage = |answer| answer.as_ref().ok().map(|a| a.tokens),
    output = |answer| answer.as_ref().map(|a| &a.text),
    cache_hit = |answer| answer.as_ref().ok().map(|a| a.cached),
    err = Debug,
    status_code = |answer| if answer.is_ok() { 200 } else { 429 },
)]
async fn ask(prompt: &str) -> Result<Answer, OnlyDebug> {
    current_span().tag("asked");
    if prompt.is_empty() {
        return Err(OnlyDebug);
    }
    Ok(Answer { text: prompt.to_owned(), tokens: (1, 2), cached: false })
}

#[log(span_type = "llm", usage = usage_of)]
fn by_name(
    model: &str,
    temperature: f64,
    tools: &[&str],
    tags: Vec<String>,
    metadata: BTreeMap<String, u8>,
    prompt: &str,
) -> u8 {
    let _ = (model, temperature, tools, tags, metadata, prompt);
    1
}

fn usage_of(_result: &u8) -> Usage {
    Usage::tokens(1, 2)
}

#[log(span_type = "agent", agent_type = "planner")]
fn plan() {}

#[log(span_type = "tool", tool_call_id = call.id)]
fn call_tool(call: &Call) -> u8 {
    call.arguments
}

#[derive(Debug)]
struct Call {
    id: String,
    arguments: u8,
}

#[log(parent = headers)]
async fn handle(headers: &HeaderMap) {
    let _ = headers;
}

#[log(parent = Context::root(), session = Some("chat-1"))]
fn detached() {}

#[log(session = session)]
fn in_session(session: &Session) {
    let _ = session;
}

struct Engine {
    name: String,
}

impl std::fmt::Display for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

impl Engine {
    #[log(capture(self), name = "{self} runs {what}")]
    fn run(&self, what: &str) -> usize {
        what.len() + self.name.len()
    }

    #[log(skip_all, capture(self))]
    async fn rest(self) {}
}

#[log(capture(token), err = Display)]
fn piece(token: &str) -> Result<(), String> {
    Err(token.to_owned())
}

#[log(span_type = "llm", output = |piece| piece.as_ref().map(|p| p.0), usage = |piece| piece.as_ref().ok().and_then(|p| p.1))]
fn pieces() -> impl futures::Stream<Item = Result<(&'static str, Option<(u32, u32)>), String>> {
    futures::stream::iter([Ok(("a", None)), Ok(("b", Some((1, 2))))])
}

fn main() {
    use futures::executor::{block_on, block_on_stream};

    assert_eq!(everything("a", 2).len(), 2);
    let answer = block_on(ask("a")).unwrap();
    chosen(Neither, 1, "a@b", OnlyDebug, 1, &answer);
    silent(1, Neither);
    assert!(block_on(ask("")).is_err());
    by_name("m", 0.1, &[], vec![], BTreeMap::new(), "p");
    plan();
    call_tool(&Call { id: "c".into(), arguments: 1 });
    block_on(handle(&HeaderMap::new()));
    detached();
    in_session(&Session::external("s"));
    let engine = Engine { name: "e".into() };
    assert_eq!(engine.run("w"), 2);
    block_on(engine.rest());
    assert!(piece("t").is_err());
    assert_eq!(block_on_stream(pieces()).count(), 2);
}
