//! Microservices example: the gateway lets known users in and passes their questions on.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::routing::post;
use axum::{Json, Router};
use clap::Parser;
use galileo::middleware::TracingLayer;
use galileo::{Mode, current_span, init, log};
use galileo_examples::microservices::call::{self, CallError};
use galileo_examples::microservices::message::{Answer, Chat, Check, Process, User};
use galileo_examples::service;

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    service: service::Options,
    /// Address of the auth service
    #[arg(long)]
    auth: String,
    /// Address of the orchestrator
    #[arg(long)]
    orchestrator: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Options { service, auth, orchestrator } = Options::parse();
    let _galileo = init(Mode::Distributed)?;
    let gateway = Arc::new(Gateway { client: galileo_examples::http_client()?, auth, orchestrator });
    let router = Router::new().route("/chat", post(chat)).with_state(gateway).layer(TracingLayer::new());
    service::serve("gateway", router, &service).await
}

async fn chat(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    Json(request): Json<Chat>,
) -> Result<Json<Answer>, CallError> {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let user = gateway.check(token.unwrap_or_default()).await?;
    current_span().metadata("user.name", &user.name).metadata("user.tier", &user.tier);
    gateway.process(request.question, user).await.map(Json)
}

struct Gateway {
    client: reqwest::Client,
    auth: String,
    orchestrator: String,
}

impl Gateway {
    #[log(span_type = "tool", name = "auth.check")]
    async fn check(&self, token: &str) -> Result<User, CallError> {
        let request = Check { token: token.to_owned() };
        call::post(&self.client, "auth", &format!("{}/check", self.auth), &request).await
    }

    #[log(span_type = "tool", name = "orchestrator.process")]
    async fn process(&self, question: String, user: User) -> Result<Answer, CallError> {
        let request = Process { question, user };
        call::post(&self.client, "orchestrator", &format!("{}/process", self.orchestrator), &request).await
    }
}
