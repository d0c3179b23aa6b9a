//! A service in the middle: it continues its caller's trace and is the parent of whatever it calls.
//!
//! With `GALILEO_EXPORTERS=langsmith` it may stand between two services that LangSmith's own SDKs trace.

use std::error::Error;
use std::sync::Arc;

use axum::{Json, Router, extract::State, routing::post};
use clap::Parser;
use galileo::middleware::{RequestExt, ServerSpan, TracingLayer};
use galileo::{Mode, log};
use galileo_examples::{http_client, service};
use serde_json::Value;

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    service: service::Options,
    /// The service that is called
    #[arg(long)]
    next: String,
}

#[log(span_type = "tool", skip(client, next))]
async fn forward(client: &reqwest::Client, next: &str, text: &Value) -> Result<Value, reqwest::Error> {
    client.post(next).json(text).with_tracing_headers().send().await?.json().await
}

#[log(skip(service))]
async fn relay(State(service): State<Arc<(reqwest::Client, String)>>, Json(text): Json<Value>) -> Json<Value> {
    Json(forward(&service.0, &service.1, &text).await.unwrap_or_default())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Options { service, next } = Options::parse();
    let _galileo = galileo::init(Mode::from_env()?)?;
    let layer = TracingLayer::new().server_span(ServerSpan::Off);
    let app = Router::new().route("/relay", post(relay)).layer(layer).with_state(Arc::new((http_client()?, next)));
    service::serve("relay", app, &service).await
}
