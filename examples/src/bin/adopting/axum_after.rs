//! The same axum service with the SDK: four lines and four attributes.

use axum::extract::{Query, State};
use axum::{Json, Router, routing::get};
use galileo::{Mode, get_tracing_headers, init, log, middleware::TracingLayer};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

#[derive(Deserialize)]
struct Wish {
    topic: String,
}

#[derive(Serialize)]
struct Offer {
    title: String,
    price: String,
}

#[log(span_type = "retriever")]
async fn find_titles(topic: &str) -> Vec<String> {
    vec![format!("A history of {topic}"), format!("On {topic}")]
}

#[log(span_type = "tool", skip(prices))]
async fn ask_price(prices: &str, title: &str) -> Result<String, reqwest::Error> {
    let client = galileo_examples::http_client()?;
    let request = client.post(prices).headers(get_tracing_headers()).body(title.to_owned());
    request.send().await?.text().await
}

#[log(skip(prices))]
async fn offers(State(prices): State<String>, Query(wish): Query<Wish>) -> Json<Vec<Offer>> {
    let mut offers = Vec::new();
    for title in find_titles(&wish.topic).await {
        let price = ask_price(&prices, &title).await.unwrap_or_default();
        offers.push(Offer { title, price });
    }
    Json(offers)
}

#[log(span_type = "tool")]
async fn price(title: String) -> String {
    format!("{}.00", title.len())
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _galileo = init(Mode::from_env()?)?;
    let listener = TcpListener::bind(super::address()).await?;
    let prices = format!("http://{}/price", listener.local_addr()?);
    let app = Router::new().route("/offers", get(offers)).route("/price", axum::routing::post(price));
    let app = app.with_state(prices).layer(TracingLayer::new());
    println!("listens on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
