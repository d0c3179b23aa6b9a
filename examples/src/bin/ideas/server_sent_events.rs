//! A chat that streams its answer as server-sent events: the request's span lasts until the last one is out.

use std::convert::Infallible;

use axum::Router;
use axum::response::sse::{Event, Sse};
use axum::routing::post;
use futures::{Stream, StreamExt, stream};
use galileo::middleware::TracingLayer;
use galileo::{Mode, init, log};

#[log(span_type = "llm", model = "small")]
fn complete(question: String) -> impl Stream<Item = String> + Send + use<> {
    let words = ["You", "asked", "about"].map(str::to_owned).into_iter().chain([question]);
    stream::iter(words.collect::<Vec<_>>()).then(|word| async {
        tokio::task::yield_now().await;
        word
    })
}

async fn chat(question: String) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(complete(question).map(|token| Ok(Event::default().data(token))))
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _galileo = init(Mode::from_env()?)?;
    let app = Router::new().route("/chat", post(chat)).layer(TracingLayer::new());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/chat", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });
    let answer = galileo_examples::http_client()?.post(url).body("moons").send().await?.text().await?;
    println!("{answer}");
    Ok(())
}
