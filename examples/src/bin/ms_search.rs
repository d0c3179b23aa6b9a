//! Microservices example: the search service finds passages by the direction of their vectors.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use clap::Parser;
use galileo::middleware::TracingLayer;
use galileo::{Mode, current_span, init, log};
use galileo_examples::microservices::message::{Found, Search};
use galileo_examples::retrieval::Hit;
use galileo_examples::vector::VectorStore;
use galileo_examples::{corpus, service};
use serde::Serialize;

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    service: service::Options,
    /// Folder whose Markdown files are searched; this repository unless given
    #[arg(long)]
    docs: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    let _galileo = init(Mode::Distributed)?;
    let store = VectorStore::build(corpus::load(&options.docs.unwrap_or_else(corpus::repository))?);
    let router = Router::new().route("/search", post(search)).with_state(Arc::new(Searcher { store }));
    service::serve("search", router.layer(TracingLayer::new()), &options.service).await
}

async fn search(State(searcher): State<Arc<Searcher>>, Json(request): Json<Search>) -> Json<Found> {
    let documents = searcher.nearest(&request.query, request.limit);
    Json(Found { hits: documents.into_iter().map(|document| document.hit).collect() })
}

struct Searcher {
    store: VectorStore,
}

impl Searcher {
    #[log(span_type = "retriever", name = "vectors.passages.nearest")]
    fn nearest(&self, query: &str, limit: usize) -> Vec<Document> {
        let hits = self.store.search(query, limit);
        current_span().metadata("results.count", hits.len());
        hits.into_iter().map(Document::from).collect()
    }
}

/// A hit in the form in which a retriever span shows documents.
#[derive(Serialize)]
struct Document {
    content: String,
    metadata: BTreeMap<&'static str, String>,
    #[serde(skip)]
    hit: Hit,
}

impl From<Hit> for Document {
    fn from(hit: Hit) -> Document {
        let metadata = [("path", hit.passage.path.clone()), ("score", format!("{:.3}", hit.score))];
        Document { content: hit.passage.text.clone(), metadata: metadata.into(), hit }
    }
}
