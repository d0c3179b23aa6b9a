//! The quickstart: a console, two services in processes of their own, real questions, and one trace for each of them.
//!
//! Without a subcommand it is the conductor: it starts the console in this process and this same binary twice more, as
//! the retrieval service and as the orchestrator, which share nothing but HTTP headers.

mod ask;
mod conductor;
mod orchestrator;
mod retrieval;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use galileo_examples::service::with_causes;

#[derive(Parser)]
#[command(name = "quickstart", about = "One request through two services is one trace")]
struct Cli {
    #[command(subcommand)]
    service: Option<Service>,
    #[command(flatten)]
    conductor: conductor::Options,
}

#[derive(Subcommand)]
enum Service {
    /// The retrieval service alone: full-text search over Markdown documents
    Retrieval(retrieval::Options),
    /// The orchestrator alone: asks a retrieval service and answers
    Orchestrator(orchestrator::Options),
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.service {
        None => conductor::run(cli.conductor).await,
        Some(Service::Retrieval(options)) => retrieval::run(options).await,
        Some(Service::Orchestrator(options)) => orchestrator::run(options).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quickstart: {}", with_causes(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
