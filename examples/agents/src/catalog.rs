//! An MCP server with one tool, on standard input and output or over HTTP. Each call continues the trace that its `_meta` names.

use std::error::Error;

use axum::Router;
use galileo::middleware::mcp::{McpTracing, request_context};
use galileo::{Context, InContext, log};
use rmcp::handler::server::wrapper::Parameters;
use rmcp::service::{RequestContext, RoleServer};
use rmcp::transport::stdio;
use rmcp::transport::streamable_http_server::StreamableHttpService;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::{ServiceExt, tool, tool_router};
use tokio::io::AsyncReadExt;

const BOOKS: [&str; 3] = ["The Starry Messenger, on the moons of Jupiter", "On Sunspots", "The Assayer, on comets"];

#[derive(Clone)]
struct Catalog;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Query {
    /// A word of the title.
    word: String,
}

#[tool_router(server_handler)]
impl Catalog {
    #[tool(description = "Titles of books with a word in them")]
    async fn find_books(&self, Parameters(query): Parameters<Query>, request: RequestContext<RoleServer>) -> String {
        // `McpTracing` has done this already; the HTTP service takes a handler as it is, so there the handler does it.
        let running = Context::current();
        let context =
            if running.span_id().is_some() { running } else { request_context(&request.meta, &request.extensions) };
        async { look_up(&query.word).join("; ") }.in_context(context).await
    }
}

#[log(span_type = "retriever")]
fn look_up(word: &str) -> Vec<&'static str> {
    BOOKS.into_iter().filter(|title| title.contains(word)).collect()
}

pub(crate) async fn on_standard_input() -> Result<(), Box<dyn Error>> {
    McpTracing::new(Catalog).serve(stdio()).await?.waiting().await?;
    Ok(())
}

/// Prints its address, and ends when standard input is closed.
pub(crate) async fn over_http() -> Result<(), Box<dyn Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/mcp", listener.local_addr()?);
    let service = StreamableHttpService::new(|| Ok(Catalog), LocalSessionManager::default().into(), Default::default());
    let ended = async { drop(tokio::io::stdin().read_to_end(&mut Vec::new()).await) };
    tokio::select! {
        served = axum::serve(listener, Router::new().nest_service("/mcp", service)) => served?,
        () = ended => {}
    }
    Ok(())
}
