//! Shows every way to open a span and every span type in one trace, sent to whichever backend the environment names.
//!
//! `GALILEO_API_URL=http://127.0.0.1:8088 GALILEO_MODE=distributed cargo run --bin span_types`

use std::fmt;
use std::time::Duration;

use galileo::{Mode, Span, current_span, init, log};
use serde::Serialize;

#[derive(Serialize)]
struct Document {
    content: &'static str,
}

#[derive(Debug)]
struct OutOfStock;

impl fmt::Display for OutOfStock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("out of stock")
    }
}

#[log(span_type = "retriever")]
async fn look_up(topic: &str) -> Vec<Document> {
    let content = if topic == "telescopes" { "A refractor bends light." } else { "A mirror folds it." };
    vec![Document { content }]
}

#[log(span_type = "tool", name = "order")]
fn place_order(item: &str, pieces: u32) -> Result<u32, OutOfStock> {
    if item == "lens" { Ok(pieces * 3) } else { Err(OutOfStock) }
}

#[log(span_type = "llm")]
async fn phrase(facts: &[String]) -> String {
    current_span().set_usage((facts.len() as u64, 3));
    facts.join(" ")
}

#[log(span_type = "agent")]
async fn shop(item: &str) -> String {
    let (telescopes, mirrors) = futures::join!(look_up("telescopes"), look_up("mirrors"));
    let order = match place_order(item, 2) {
        Ok(price) => format!("It costs {price}."),
        Err(problem) => format!("It is {problem}."),
    };
    let facts: Vec<String> =
        telescopes.iter().chain(&mirrors).map(|document| document.content.to_owned()).chain([order]).collect();
    phrase(&facts).await
}

#[log]
async fn serve_customer(items: &[&str]) -> Vec<String> {
    let shopping = items.iter().map(|item| shop(item));
    let mut replies = futures::future::join_all(shopping).await;
    replies.push(Span::tool("sign").input("the bill").in_scope(|| "signed".to_owned()));
    replies
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let galileo = init(Mode::from_env()?)?;
    let replies = serve_customer(&["lens", "tripod"]).await;
    assert_eq!(replies.len(), 3);
    let report = galileo.shutdown(Duration::from_secs(10));
    eprintln!("{report:?}");
    if report.delivered == report.accepted { Ok(()) } else { Err("not every span was delivered".into()) }
}
