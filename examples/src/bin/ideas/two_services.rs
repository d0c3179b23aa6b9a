//! Two services, one trace: the caller sends headers, the layer of the other one reads them.

use axum::{Router, routing::post};
use galileo::middleware::{SendExt, TracingLayer};
use galileo::{Mode, init, log};

#[log(span_type = "retriever")]
async fn search(query: String) -> String {
    format!("a document about {query}")
}

#[log]
async fn answer(question: &'static str, service: &str) -> Result<String, reqwest::Error> {
    galileo_examples::http_client()?.post(service).body(question).send_traced().await?.text().await
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _galileo = init(Mode::from_env()?)?;
    let app = Router::new().route("/search", post(search)).layer(TracingLayer::new());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let service = format!("http://{}/search", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });
    println!("{}", answer("moons", &service).await?);
    Ok(())
}
