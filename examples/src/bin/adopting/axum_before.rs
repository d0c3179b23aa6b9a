//! A plain axum service: books on a topic, each with its price, which it asks another service for (here: itself).

use axum::extract::{Query, State};
use axum::{Json, Router, routing::get};
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

async fn find_titles(topic: &str) -> Vec<String> {
    vec![format!("A history of {topic}"), format!("On {topic}")]
}

async fn ask_price(prices: &str, title: &str) -> Result<String, reqwest::Error> {
    let client = galileo_examples::http_client()?;
    let request = client.post(prices).body(title.to_owned());
    request.send().await?.text().await
}

async fn offers(State(prices): State<String>, Query(wish): Query<Wish>) -> Json<Vec<Offer>> {
    let mut offers = Vec::new();
    for title in find_titles(&wish.topic).await {
        let price = ask_price(&prices, &title).await.unwrap_or_default();
        offers.push(Offer { title, price });
    }
    Json(offers)
}

async fn price(title: String) -> String {
    format!("{}.00", title.len())
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind(super::address()).await?;
    let prices = format!("http://{}/price", listener.local_addr()?);
    let app = Router::new().route("/offers", get(offers)).route("/price", axum::routing::post(price));
    let app = app.with_state(prices);
    println!("listens on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
