//! Microservices example: the cache keeps answers in memory and says in the trace whether it had one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use clap::Parser;
use galileo::middleware::TracingLayer;
use galileo::{Mode, current_span, init, log};
use galileo_examples::microservices::message::{Entry, Lookup, Store};
use galileo_examples::service;

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    service: service::Options,
    /// How long a write takes, in milliseconds: a cache on a slow disk
    #[arg(long, default_value_t = 0)]
    write_delay_ms: u64,
}

type Cache = Arc<Entries>;

struct Entries {
    answers: Mutex<HashMap<String, String>>,
    write_delay: Duration,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _galileo = init(Mode::Distributed)?;
    let options = Options::parse();
    let write_delay = Duration::from_millis(options.write_delay_ms);
    let cache = Arc::new(Entries { answers: Mutex::default(), write_delay });
    let routes = Router::new().route("/lookup", post(lookup)).route("/store", post(store));
    let router = routes.with_state(cache).layer(TracingLayer::new());
    service::serve("cache", router, &options.service).await
}

async fn lookup(State(cache): State<Cache>, Json(request): Json<Lookup>) -> Json<Entry> {
    Json(Entry { value: cache.get(&request.key) })
}

async fn store(State(cache): State<Cache>, Json(request): Json<Store>) -> Json<Entry> {
    Json(Entry { value: cache.put(request.key, request.value).await })
}

impl Entries {
    #[log(span_type = "tool", name = "cache.answers.get")]
    fn get(&self, key: &str) -> Option<String> {
        let value = self.answers.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        current_span().cache_hit(value.is_some());
        value
    }

    #[log(span_type = "tool", name = "cache.answers.put")]
    async fn put(&self, key: String, value: String) -> Option<String> {
        tokio::time::sleep(self.write_delay).await;
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).insert(key, value)
    }
}
