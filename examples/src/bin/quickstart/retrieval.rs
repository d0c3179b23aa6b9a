//! The retrieval service: full-text search over the Markdown documents of a folder.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use galileo::middleware::{ServerSpan, TracingLayer};
use galileo::{Mode, init, log};
use galileo_examples::retrieval::{Hit, Index};
use galileo_examples::{corpus, service};
use serde::Serialize;

use crate::ask::{SearchReply, SearchRequest};

#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Options {
    #[command(flatten)]
    service: service::Options,
    /// Folder whose Markdown files are searched; this repository unless given
    #[arg(long)]
    docs: Option<PathBuf>,
}

pub(crate) async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let _galileo = init(Mode::Distributed)?;
    let folder = options.docs.unwrap_or_else(corpus::repository);
    let retrieval = Arc::new(Retrieval { index: Index::build(corpus::load(&folder)?) });
    // Reads the headers of a request, so that the spans below join the caller's trace.
    let tracing = TracingLayer::new().server_span(ServerSpan::Off);
    let router = Router::new().route("/search", post(search)).with_state(retrieval).layer(tracing);
    service::serve("retrieval", router, &options.service).await
}

async fn search(State(retrieval): State<Arc<Retrieval>>, Json(request): Json<SearchRequest>) -> Json<SearchReply> {
    Json(SearchReply { hits: retrieval.retrieve(&request.query, request.limit) })
}

struct Retrieval {
    index: Index,
}

impl Retrieval {
    #[log(span_type = "workflow", name = "retrieve")]
    fn retrieve(&self, query: &str, limit: usize) -> Vec<Hit> {
        // The best hits often overlap: of several from one section only the first is worth the reader's time.
        let found = self.search_index(query, limit * 2);
        let mut hits: Vec<Hit> = Vec::new();
        for Document { hit, .. } in found {
            let same_section =
                |other: &Hit| other.passage.path == hit.passage.path && other.passage.heading == hit.passage.heading;
            if hits.len() < limit && !hits.iter().any(same_section) {
                hits.push(hit);
            }
        }
        hits
    }

    #[log(span_type = "retriever", name = "search_index")]
    fn search_index(&self, query: &str, limit: usize) -> Vec<Document> {
        self.index.search(query, limit).into_iter().map(Document::from).collect()
    }
}

/// A hit in the form in which a retriever span shows documents: the text, and what is known about it.
#[derive(Serialize)]
struct Document {
    content: String,
    metadata: BTreeMap<&'static str, String>,
    #[serde(skip)]
    hit: Hit,
}

impl From<Hit> for Document {
    fn from(hit: Hit) -> Document {
        let metadata = [
            ("path", hit.passage.path.clone()),
            ("heading", hit.passage.heading.clone()),
            ("score", format!("{:.2}", hit.score)),
        ];
        Document { content: hit.passage.text.clone(), metadata: metadata.into(), hit }
    }
}
