//! Microservices example: the RAG pipeline prepares the context and asks the model, again when the model is not available.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use clap::Parser;
use galileo::middleware::TracingLayer;
use galileo::{Mode, current_span, init, log};
use galileo_examples::chat::{self, ChatClient, ChatError, Completion, Message};
use galileo_examples::microservices::call::CallError;
use galileo_examples::microservices::message::{Generate, Generated};
use galileo_examples::retrieval::Hit;
use galileo_examples::service;

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    service: service::Options,
    /// Address of the LLM server
    #[arg(long)]
    llm: String,
}

/// Attempts at a completion, and how long one may take.
const ATTEMPTS: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(1);

/// How many characters of passages go into a prompt.
const CONTEXT: usize = 4000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    let _galileo = init(Mode::Distributed)?;
    let http = galileo_examples::http_client_with(|builder| builder.timeout(PATIENCE))?;
    let chat = ChatClient::new(http, &format!("{}/v1", options.llm), "local", "extractive-1");
    let router = Router::new().route("/generate", post(generate)).with_state(Arc::new(Rag { chat }));
    service::serve("rag", router.layer(TracingLayer::new()), &options.service).await
}

async fn generate(State(rag): State<Arc<Rag>>, Json(request): Json<Generate>) -> Result<Json<Generated>, CallError> {
    let messages = prepare_context(&request.question, &request.hits);
    match rag.ask_until_answered(&messages).await {
        Ok(completion) => Ok(Json(Generated { answer: completion.text })),
        Err(error) => {
            let status = match &error {
                ChatError::Http(error) if error.is_timeout() => 504,
                ChatError::Status { status, .. } => *status,
                _ => 502,
            };
            Err(CallError { service: "llm", status: Some(status), text: service::with_causes(&error) })
        }
    }
}

/// As many of the best passages as fit.
#[log(span_type = "tool", name = "rag.context.prepare")]
fn prepare_context(question: &str, hits: &[Hit]) -> Vec<Message> {
    let mut room = CONTEXT;
    let fits = hits.iter().take_while(|hit| {
        let needed = hit.passage.text.len();
        let fits = needed <= room;
        room = room.saturating_sub(needed);
        fits
    });
    let kept: Vec<Hit> = fits.cloned().collect();
    current_span().metadata("passages.kept", kept.len());
    chat::prompt(question, &kept)
}

struct Rag {
    chat: ChatClient,
}

impl Rag {
    /// Each attempt is a span of its own, so that a retry can be seen.
    async fn ask_until_answered(&self, messages: &[Message]) -> Result<Completion, ChatError> {
        let mut attempt = 1;
        loop {
            match self.ask_model(messages, attempt).await {
                Err(ChatError::Status { status: 429 | 503, .. }) if attempt < ATTEMPTS => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    #[log(span_type = "llm", name = "llm.chat")]
    async fn ask_model(&self, messages: &[Message], attempt: u32) -> Result<Completion, ChatError> {
        let span = current_span();
        span.set_model(self.chat.model());
        span.metadata("attempt", attempt);
        let completion = self.chat.complete(messages).await?;
        if let Some(usage) = completion.usage {
            span.set_usage(usage);
        }
        Ok(completion)
    }
}
