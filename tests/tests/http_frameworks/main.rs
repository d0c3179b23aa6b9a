//! Every framework and client but axum's server: actix-web, hyper, tonic, reqwest-middleware, ureq, MCP, WebSockets, and a chain
//! through four of them.

mod actix;
mod chain;
mod clients;
mod grpc;
mod hyper;
mod mcp;
mod scenario;
mod threads;
mod websocket;

use galileo::{InSpan, Span};
use galileo_tests::collect::{Seen, collecting, tree};

async fn step(name: &'static str) {
    async { tokio::task::yield_now().await }.in_span(Span::tool(name)).await;
}

/// The tree of a trace once it has `count` spans, without holding up the runtime.
async fn tree_of(trace: &str, count: usize) -> String {
    tree(&spans_of(trace, count).await)
}

async fn spans_of(trace: &str, count: usize) -> Vec<Seen> {
    let trace = trace.to_owned();
    let wait = move || collecting().wait_for(&trace, |spans| spans.len() >= count);
    tokio::task::spawn_blocking(wait).await.expect("waited")
}

/// Runs `work` in a workflow of a new trace and returns the trace's id.
async fn traced<T>(work: impl Future<Output = T>) -> (String, T) {
    collecting();
    let work = async {
        let trace = galileo::Context::current().trace_id().expect("inside a span").to_string();
        (trace, work.await)
    };
    work.in_span(Span::workflow("ask")).await
}
