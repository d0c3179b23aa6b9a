//! Microservices example: the auth service knows the tokens and whom they belong to.

use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use clap::Parser;
use galileo::middleware::TracingLayer;
use galileo::{Mode, current_span, init, log};
use galileo_examples::microservices::message::{Check, Problem, User};
use galileo_examples::service;

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    service: service::Options,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _galileo = init(Mode::Distributed)?;
    let router = Router::new().route("/check", post(check)).layer(TracingLayer::new());
    service::serve("auth", router, &Options::parse().service).await
}

async fn check(Json(request): Json<Check>) -> Result<Json<User>, (StatusCode, Json<Problem>)> {
    match find_user(&request.token) {
        Some(user) => Ok(Json(user)),
        None => Err((StatusCode::UNAUTHORIZED, Json(Problem { error: "the token is not known".to_owned() }))),
    }
}

/// The token is a parameter by that name, so it does not appear in the trace.
#[log(span_type = "tool", name = "auth.users.find_by_token")]
fn find_user(token: &str) -> Option<User> {
    let (name, tier) = match token {
        "gold-token" => ("ada", "gold"),
        "free-token" => ("ben", "free"),
        _ => return None,
    };
    current_span().metadata("user.tier", tier);
    Some(User { name: name.to_owned(), tier: tier.to_owned() })
}
