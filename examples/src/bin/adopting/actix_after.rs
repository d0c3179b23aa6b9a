//! The same actix-web service with the SDK: four lines and three attributes.

use actix_web::{App, HttpRequest, HttpServer, Responder, web};
use galileo::{Mode, get_tracing_headers, init, log, middleware::actix::TracingMiddleware};
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
    let _galileo = init(Mode::from_env()?)?;
    let server = HttpServer::new(|| {
        App::new()
            .wrap(TracingMiddleware::new())
            .route("/offers", web::get().to(offers))
            .route("/price", web::post().to(price))
            .route("/health", web::get().to(health))
    });
    let server = server.workers(1).bind(super::address())?;
    println!("listens on http://{}", server.addrs()[0]);
    server.run().await?;
    Ok(())
}
