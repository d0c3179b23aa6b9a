//! A service for the cross-language lane: `/echo` says what it read from the request's headers, `/call` calls another service
//! inside a span and says what it sent and what came back.

use std::error::Error;
use std::io::Write;

use axum::routing::post;
use axum::{Json, Router};
use galileo::middleware::{RequestExt, TracingLayer};
use galileo::propagation::{Propagators, RemoteContext};
use galileo::{Config, Context, InSpan, Mode, Span};
use http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

#[derive(Deserialize)]
struct Call {
    url: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let _galileo = Config::builder().mode(Mode::Distributed).exporters("stdout").init()?;
    let router = Router::new().route("/echo", post(echo)).route("/call", post(call)).layer(TracingLayer::new());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "roads listens on http://{}", listener.local_addr()?)?;
    stdout.flush()?;
    let (closed, stdin_closes) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = closed.send(());
    });
    let told_to_end = async {
        let _ = stdin_closes.await;
    };
    axum::serve(listener, router).with_graceful_shutdown(told_to_end).await?;
    Ok(())
}

async fn echo(headers: HeaderMap) -> Json<Value> {
    Json(json!({"read": read(&headers), "here": here(), "sent": written(&galileo::get_tracing_headers())}))
}

async fn call(Json(call): Json<Call>) -> Json<Value> {
    let work = async {
        let request = galileo_tests::http_client().post(&call.url).with_tracing_headers();
        let (client, request) = request.build_split();
        let sent = request.as_ref().map(|request| written(request.headers())).unwrap_or_default();
        let answer = match request {
            Ok(request) => answer(client.execute(request).await).await,
            Err(error) => json!({"error": error.to_string()}),
        };
        json!({"here": here(), "sent": sent, "answer": answer})
    };
    Json(work.in_span(Span::workflow("call")).await)
}

async fn answer(response: reqwest::Result<reqwest::Response>) -> Value {
    match response {
        Ok(response) => {
            let status = response.status().as_u16();
            let body: Value = response.json().await.unwrap_or_default();
            json!({"status": status, "body": body})
        }
        Err(error) => json!({"error": error.to_string()}),
    }
}

/// The span that runs.
fn here() -> Value {
    let context = Context::current();
    json!({"trace": context.trace_id().map(|id| id.to_string()), "span": context.span_id().map(|id| id.to_string())})
}

fn written(headers: &HeaderMap) -> Value {
    let lines = headers.iter().map(|(name, value)| (name.to_string(), Value::from(value.to_str().unwrap_or_default())));
    Value::Object(lines.collect())
}

fn read(headers: &HeaderMap) -> Value {
    let RemoteContext { galileo, w3c, langsmith, baggage, rejected, .. } = Propagators::default().extract(headers);
    json!({
        "galileo": galileo.map(|context| json!({"trace": context.trace_id.to_string(), "parent": context.parent_header()})),
        "w3c": w3c.map(|context| json!({
            "traceparent": context.traceparent.to_string(), "tracestate": context.tracestate.as_str()})),
        "langsmith": langsmith.map(|context| json!({
            "dotted_order": context.dotted_order.as_str(), "tags": context.tags, "metadata": context.metadata,
            "project": context.project})),
        "baggage": baggage.to_string(),
        "rejected": rejected.len(),
    })
}
