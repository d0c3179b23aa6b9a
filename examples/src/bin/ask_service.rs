//! A service that answers questions from this repository's documents, traced from the request's headers to the model's answer.
//!
//! ```text
//! POST /ask {"question": "..."}  ->  orchestrator (workflow)
//!                                      search_docs (tool)      the documents that fit
//!                                      ask_model   (llm)       a chat completion of a server that this program starts
//! ```
//!
//! It joins whatever trace its caller's headers name. Where the spans go is said by the environment, for example
//! `GALILEO_EXPORTERS=otlp OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 GALILEO_FLUSH_BEFORE_RESPONSE=true`.
//! A question that contains "please fail" makes the model's server answer 500.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use clap::Parser;
use galileo::middleware::{ServerSpan, TracingLayer};
use galileo::{Mode, current_span, log};
use galileo_examples::chat::{ChatClient, ChatError, Message, prompt};
use galileo_examples::corpus::{self, Passage};
use galileo_examples::retrieval::{Hit, Index};
use galileo_examples::{answer, http_client};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

#[derive(Parser)]
struct Options {
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
}

struct Service {
    docs: Index,
    model: ChatClient,
}

impl Service {
    #[log(name = "orchestrator", span_type = "workflow")]
    async fn orchestrate(&self, question: &str) -> Result<String, ChatError> {
        let hits = self.search_docs(question);
        self.ask_model(&prompt(question, &hits)).await
    }

    #[log(span_type = "tool")]
    fn search_docs(&self, query: &str) -> Vec<Hit> {
        self.docs.search(query, 3)
    }

    #[log(span_type = "llm")]
    async fn ask_model(&self, messages: &[Message]) -> Result<String, ChatError> {
        current_span().set_model(self.model.model());
        let completion = self.model.complete(messages).await?;
        current_span().set_model(&completion.model).set_finish_reason("stop");
        if let Some(usage) = completion.usage {
            current_span().set_usage(usage);
        }
        Ok(completion.text)
    }
}

#[derive(Deserialize)]
struct Ask {
    question: String,
}

async fn ask(State(service): State<Arc<Service>>, Json(ask): Json<Ask>) -> (StatusCode, Json<Value>) {
    match service.orchestrate(&ask.question).await {
        Ok(answer) => (StatusCode::OK, Json(json!({ "answer": answer }))),
        Err(error) => (StatusCode::BAD_GATEWAY, Json(json!({ "error": error.to_string() }))),
    }
}

/// The model: a server of OpenAI's form that answers with the sentences of the passages that fit the question best.
async fn complete(Json(request): Json<Value>) -> (StatusCode, Json<Value>) {
    let said = |role: &str| {
        let messages = request["messages"].as_array().into_iter().flatten();
        messages.filter(|m| m["role"] == role).filter_map(|m| m["content"].as_str()).collect::<Vec<_>>().join("\n")
    };
    let (passages, question) = (said("system"), said("user"));
    if question.to_lowercase().contains("please fail") {
        let error = json!({ "error": { "message": "the model failed, as it was asked to", "type": "server_error" } });
        return (StatusCode::INTERNAL_SERVER_ERROR, Json(error));
    }
    let text = answer::extract(&question, &read_passages(&passages));
    let words = |text: &str| text.split_whitespace().count();
    let (prompt_tokens, completion_tokens) = (words(&passages) + words(&question), words(&text));
    let answer = json!({
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": request["model"],
        "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": text } }],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        },
    });
    (StatusCode::OK, Json(answer))
}

/// The passages of a prompt, which are numbered `[1] path (heading)` and separated by empty lines.
fn read_passages(text: &str) -> Vec<Hit> {
    let mut hits: Vec<Hit> = Vec::new();
    for line in text.lines() {
        let begins = line.strip_prefix('[').and_then(|rest| rest.split_once("] "));
        match begins.filter(|(number, _)| number.parse::<usize>() == Ok(hits.len() + 1)) {
            Some((_, path)) => {
                let passage = Passage { path: path.to_owned(), heading: String::new(), text: String::new() };
                #[allow(clippy::cast_precision_loss)] // there are three of them
                let score = 1.0 / (hits.len() + 1) as f32;
                hits.push(Hit { passage, score });
            }
            None => {
                if let Some(hit) = hits.last_mut() {
                    hit.passage.text.push_str(line);
                    hit.passage.text.push('\n');
                }
            }
        }
    }
    hits
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    // An example may run without a backend; a service of yours would rather stop here.
    let galileo = Mode::from_env().and_then(galileo::init);
    if let Err(error) = &galileo {
        eprintln!("ask_service runs untraced: {error}");
    }

    let model = TcpListener::bind("127.0.0.1:0").await?;
    let base_url = format!("http://{}/v1", model.local_addr()?);
    let model_server = axum::serve(model, Router::new().route("/v1/chat/completions", post(complete)));
    tokio::spawn(async move { model_server.await });

    let docs = Index::build(corpus::load(&corpus::repository())?);
    let service = Service { docs, model: ChatClient::new(http_client()?, &base_url, "local", "extractive-1") };
    let app = Router::new()
        .route("/ask", post(ask))
        // The workflow is the request; a span for HTTP around it would say nothing more.
        .layer(TracingLayer::new().server_span(ServerSpan::Off))
        .route("/health", get(|| async { "ok" }))
        .with_state(Arc::new(service));
    let listener = TcpListener::bind(options.listen).await?;
    eprintln!("ask_service listens on http://{}", listener.local_addr()?);
    axum::serve(listener, app).with_graceful_shutdown(stop()).await?;
    if let Ok(galileo) = galileo {
        eprintln!("ask_service: {}", galileo.shutdown_async(Duration::from_secs(5)).await);
    }
    Ok(())
}

/// Ctrl-C, or the signal by which service managers stop a program.
async fn stop() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = interrupt.await;
}
