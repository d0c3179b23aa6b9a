//! A plain actix-web service: books on a topic, each with its price, which it asks another service for (here: itself).

use actix_web::{App, HttpRequest, HttpServer, Responder, web};
use serde::{Deserialize, Serialize};

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

async fn make_offers(prices: &str, topic: &str) -> Vec<Offer> {
    let mut offers = Vec::new();
    for title in find_titles(topic).await {
        let price = ask_price(prices, &title).await.unwrap_or_default();
        offers.push(Offer { title, price });
    }
    offers
}

async fn offers(request: HttpRequest, wish: web::Query<Wish>) -> impl Responder {
    let prices = format!("http://{}/price", request.app_config().local_addr());
    web::Json(make_offers(&prices, &wish.topic).await)
}

async fn price(title: String) -> impl Responder {
    format!("{}.00", title.len())
}

async fn health() -> impl Responder {
    "ok"
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = HttpServer::new(|| {
        App::new()
            .route("/offers", web::get().to(offers))
            .route("/price", web::post().to(price))
            .route("/health", web::get().to(health))
    });
    let server = server.workers(1).bind(super::address())?;
    println!("listens on http://{}", server.addrs()[0]);
    server.run().await?;
    Ok(())
}
