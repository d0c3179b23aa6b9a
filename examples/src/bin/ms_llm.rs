//! Microservices example: a chat-completions server of OpenAI form that answers from the passages in its prompt, without a model.
//!
//! It is the part that a team would not have written, so it is not traced. `POST /faults` makes its next requests slow or fail.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use clap::Parser;
use galileo_examples::chat::Message;
use galileo_examples::corpus::Passage;
use galileo_examples::microservices::message::Faults;
use galileo_examples::retrieval::Hit;
use galileo_examples::{answer, service};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    service: service::Options,
}

#[derive(Deserialize)]
struct Request {
    model: String,
    messages: Vec<Message>,
}

type Planned = Arc<Mutex<Faults>>;

/// How long a proper answer takes, as a model takes its time.
const THINKING: Duration = Duration::from_millis(200);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let routes = Router::new().route("/v1/chat/completions", post(complete)).route("/faults", post(plan));
    service::serve("llm", routes.with_state(Planned::default()), &Options::parse().service).await
}

async fn plan(State(planned): State<Planned>, Json(faults): Json<Faults>) -> StatusCode {
    *planned.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    StatusCode::NO_CONTENT
}

async fn complete(State(planned): State<Planned>, Json(request): Json<Request>) -> (StatusCode, Json<Value>) {
    let fault = {
        let mut faults = planned.lock().unwrap_or_else(PoisonError::into_inner);
        let applies = faults.requests > 0;
        faults.requests = faults.requests.saturating_sub(1);
        applies.then_some(*faults)
    };
    let delay = fault.map_or(THINKING, |fault| Duration::from_millis(fault.delay_ms));
    tokio::time::sleep(delay).await;
    if let Some(status) = fault.and_then(|fault| fault.status) {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        return (status, Json(json!({ "error": { "message": "the model is not available" } })));
    }
    let question =
        request.messages.iter().rfind(|message| message.role == "user").map_or("", |message| &message.content);
    let context =
        request.messages.iter().find(|message| message.role == "system").map_or("", |message| &message.content);
    let text = answer::extract(question, &passages(context));
    let words = |text: &str| text.split_whitespace().count();
    let prompt: usize = request.messages.iter().map(|message| words(&message.content)).sum();
    let usage = json!({ "prompt_tokens": prompt, "completion_tokens": words(&text) });
    let choice = json!({ "message": { "role": "assistant", "content": text }, "finish_reason": "stop" });
    (StatusCode::OK, Json(json!({ "model": request.model, "choices": [choice], "usage": usage })))
}

/// The passages of a prompt: each begins with its number in brackets at the start of a paragraph.
fn passages(prompt: &str) -> Vec<Hit> {
    let mut texts: Vec<String> = Vec::new();
    for paragraph in prompt.split("\n\n") {
        let numbered =
            paragraph.strip_prefix(&format!("[{}] ", texts.len() + 1)).and_then(|rest| rest.split_once('\n'));
        match (numbered, texts.last_mut()) {
            (Some((_, text)), _) => texts.push(text.to_owned()),
            (None, Some(text)) => text.extend(["\n\n", paragraph]),
            (None, None) => {}
        }
    }
    let hit = |text| Hit { passage: Passage { path: String::new(), heading: String::new(), text }, score: 1.0 };
    texts.into_iter().map(hit).collect()
}
