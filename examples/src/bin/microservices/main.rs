//! The microservices example: seven services in processes of their own, eight scenarios, and what each trace has to show.
//!
//! `cargo build -p galileo-examples --features microservices --bins`, then `target/debug/microservices`.

mod client;
mod fleet;
mod outline;
mod scenario;

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use galileo_console::term::render_tree;
use galileo_examples::service::with_causes;

use fleet::Fleet;
use scenario::Scenario;

#[derive(Parser)]
#[command(name = "microservices", about = "Seven services, eight scenarios, one trace for each request")]
struct Options {
    /// Run this scenario (repeatable); all of them unless given
    #[arg(long = "scenario", value_name = "NAME", value_enum)]
    scenarios: Vec<Scenario>,
    /// Stay up after the scenarios until Ctrl-C, with the pages of the console
    #[arg(long)]
    stay: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("microservices: {}", with_causes(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout();
    let fleet = Fleet::start().await?;
    writeln!(out, "The console is {}.\n", fleet.console.url)?;

    let chosen = if options.scenarios.is_empty() { Scenario::ALL.to_vec() } else { options.scenarios };
    for scenario in chosen {
        writeln!(out, "== {scenario}: {}", scenario.about())?;
        let shown =
            scenario.run(&fleet).await.map_err(|error| format!("{scenario}: {}", with_causes(error.as_ref())))?;
        writeln!(out, "{}", render_tree(&shown.trace).trim_end())?;
        writeln!(out, "{}\n{}\n", fleet.console.page(shown.trace.summary.id), shown.finding)?;
    }
    if options.stay {
        writeln!(out, "The gateway is {}, the console {}. Ctrl-C ends them.", fleet.gateway_url(), fleet.console.url)?;
        tokio::signal::ctrl_c().await?;
    }
    fleet.stop().await
}
