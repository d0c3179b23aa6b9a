//! Microservices example: the orchestrator asks the cache, the search service and the RAG pipeline, and keeps the answer.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use clap::Parser;
use futures::future::try_join_all;
use galileo::middleware::TracingLayer;
use galileo::{Mode, current_span, init, log};
use galileo_examples::microservices::call::{self, CallError};
use galileo_examples::microservices::message::{
    Answer, Entry, Found, Generate, Generated, Lookup, Process, Search, Store,
};
use galileo_examples::retrieval::Hit;
use galileo_examples::{question, service};

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    service: service::Options,
    /// Address of the cache
    #[arg(long)]
    cache: String,
    /// Address of the search service
    #[arg(long)]
    search: String,
    /// Address of the RAG pipeline
    #[arg(long)]
    rag: String,
}

/// How many passages go to the RAG pipeline.
const PASSAGES: usize = 4;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Options { service, cache, search, rag } = Options::parse();
    let _galileo = init(Mode::Distributed)?;
    let orchestrator = Arc::new(Orchestrator { client: galileo_examples::http_client()?, cache, search, rag });
    let router = Router::new().route("/process", post(process)).with_state(orchestrator).layer(TracingLayer::new());
    service::serve("orchestrator", router, &service).await
}

async fn process(
    State(orchestrator): State<Arc<Orchestrator>>,
    Json(request): Json<Process>,
) -> Result<Json<Answer>, CallError> {
    current_span().metadata("user.tier", &request.user.tier);
    orchestrator.answer(&request.question).await.map(Json)
}

#[derive(Clone)]
struct Orchestrator {
    client: reqwest::Client,
    cache: String,
    search: String,
    rag: String,
}

impl Orchestrator {
    #[log(span_type = "agent", name = "orchestrator.answer")]
    async fn answer(self: &Arc<Self>, question: &str) -> Result<Answer, CallError> {
        let key = question.trim().to_lowercase();
        let trace_id = current_span().trace_id().map(|id| id.to_string());
        if let Some(answer) = self.look_up(&key).await? {
            return Ok(Answer { answer, cached: true, trace_id });
        }
        let lookups = question::parts(question).into_iter().map(|part| self.search(part));
        let mut hits: Vec<Hit> = try_join_all(lookups).await?.into_iter().flatten().collect();
        hits.sort_by(|a, b| b.score.total_cmp(&a.score));
        hits.truncate(PASSAGES);
        let answer = self.generate(question, hits).await?;

        // The user does not wait for this. It belongs to the trace all the same, because `galileo::spawn` takes the context along.
        let (orchestrator, value) = (Arc::clone(self), answer.clone());
        galileo::spawn(async move { orchestrator.keep(key, value).await });
        Ok(Answer { answer, cached: false, trace_id })
    }

    #[log(span_type = "tool", name = "cache.lookup")]
    async fn look_up(&self, key: &str) -> Result<Option<String>, CallError> {
        let request = Lookup { key: key.to_owned() };
        let entry: Entry = call::post(&self.client, "cache", &format!("{}/lookup", self.cache), &request).await?;
        Ok(entry.value)
    }

    #[log(span_type = "tool", name = "search.passages")]
    async fn search(&self, query: &str) -> Result<Vec<Hit>, CallError> {
        let request = Search { query: query.to_owned(), limit: PASSAGES };
        let found: Found = call::post(&self.client, "search", &format!("{}/search", self.search), &request).await?;
        Ok(found.hits)
    }

    #[log(span_type = "tool", name = "rag.generate")]
    async fn generate(&self, question: &str, hits: Vec<Hit>) -> Result<String, CallError> {
        let request = Generate { question: question.to_owned(), hits };
        let done: Generated = call::post(&self.client, "rag", &format!("{}/generate", self.rag), &request).await?;
        Ok(done.answer)
    }

    #[log(span_type = "tool", name = "cache.store")]
    async fn keep(&self, key: String, value: String) -> Result<(), CallError> {
        let request = Store { key, value };
        let _: Entry = call::post(&self.client, "cache", &format!("{}/store", self.cache), &request).await?;
        Ok(())
    }
}
