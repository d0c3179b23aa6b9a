//! An agent of rig that answers with tools: one of its own, one of an MCP server on standard input and output, one of an MCP server over HTTP.
//!
//! `GALILEO_API_URL=http://127.0.0.1:8088 GALILEO_MODE=distributed cargo run --manifest-path examples/agents/Cargo.toml` prints the answer
//! and its trace, in which the three processes are one tree. The model is a server that this program brings along.

mod catalog;
mod model;
mod toolbox;

use std::error::Error;
use std::process::Stdio;

use galileo::tracing_layer::GalileoLayer;
use galileo::{Mode, current_span, init, log};
use rig_agent::prelude::*;
use rig_core::providers::openai::OpenAIConfig;
use rmcp::ServiceExt;
use rmcp::transport::{StreamableHttpClientTransport, TokioChildProcess};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tracing_subscriber::prelude::*;

/// The attribute makes the agent's span; what rig says through `tracing` becomes the spans below it.
#[log(span_type = "agent", skip(agent))]
async fn ask(agent: &Agent, question: &str) -> Result<(String, Option<String>), PromptError> {
    let answer = agent.prompt(question).max_turns(4).await?;
    Ok((answer.output().to_string(), current_span().trace_id().map(|id| id.to_string())))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // An error only says that the process has a provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let role = std::env::args().nth(1);
    let _galileo = init(Mode::from_env()?)?;
    match role.as_deref() {
        Some("catalog-stdio") => return catalog::on_standard_input().await,
        Some("catalog-http") => return catalog::over_http().await,
        _ => tracing_subscriber::registry().with(GalileoLayer::new()).init(),
    }

    let near = ().serve(TokioChildProcess::new(this_program("catalog-stdio")?)?).await?;
    let (mut server, address) = start_http_catalog().await?;
    let far = ().serve(StreamableHttpClientTransport::from_uri(address)).await?;

    let model = OpenAIConfig::new("none").with_base_url(model::start().await?).client().chat("local");
    let agent = AgentBuilder::new(model)
        .name("librarian")
        .preamble("You find books.")
        .tool(toolbox::Translate)
        .tool(toolbox::OnTheShelf(near.peer().clone()))
        .tool(toolbox::InOtherLibraries(far.peer().clone()))
        .build();
    let (answer, trace) = ask(&agent, "Which books are about moons?").await?;
    println!("{answer}\ntrace: {}", trace.unwrap_or_default());

    near.cancel().await?;
    far.cancel().await?;
    // Its standard input closes, on which it delivers what it holds.
    drop(server.stdin.take());
    server.wait().await?;
    Ok(())
}

/// This program in another role and as another service.
fn this_program(role: &str) -> Result<Command, std::io::Error> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(role).env("GALILEO_SERVICE_NAME", role).kill_on_drop(true);
    Ok(command)
}

async fn start_http_catalog() -> Result<(Child, String), Box<dyn Error>> {
    let mut server = this_program("catalog-http")?.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(server.stdout.take().ok_or("no standard output")?).lines();
    let address = lines.next_line().await?.ok_or("the server ended before it listened")?;
    Ok((server, address))
}
