//! Measures what tracing costs, and drives the pipeline and a console with the traces of thousands of simulated services.
//!
//! `cargo xtask simulate` runs it optimised and draws the curves of docs/scaling.md. Costs are processor time of the threads
//! concerned, so a busy machine changes them little.

mod clock;
mod curve;
mod fleet;

use std::error::Error;
use std::io::Write;
use std::time::Duration;

use clap::Parser;
use galileo::{Config, Mode};
use galileo_examples::console::Console;
use serde_json::json;

#[derive(Parser)]
struct Options {
    /// How many services there are
    #[arg(long, default_value_t = 2000)]
    services: usize,
    /// How many requests they get
    #[arg(long, default_value_t = 2000)]
    requests: usize,
    /// How many of them are under way at once
    #[arg(long, default_value_t = 200)]
    at_once: usize,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let options = Options::parse();
    let console = Console::start("127.0.0.1:0").await.map_err(|error| error.to_string())?;
    let config = Config::builder().without_dotenv().mode(Mode::Distributed).exporters("galileo");
    let config = config.api_url(&console.url).project("simulation").service_name("simulate");
    let config = config.spool(galileo::config::SpoolMode::Off).trace_linger(Duration::from_millis(100));
    // The largest points are larger than what a service would hold back.
    let galileo = config.queue_bytes(512 << 20).init()?;

    let curves = tokio::task::spawn_blocking(curve::all).await??;
    let fleet = fleet::run(&options, &console).await?;
    let report = galileo.shutdown_async(Duration::from_secs(60)).await;
    if report.delivered != report.accepted {
        return Err(format!("not everything was delivered: {report}").into());
    }
    let result = json!({ "curves": curves, "fleet": fleet, "delivered": report.delivered, "peak_memory_mib": clock::peak_memory_mib()? });
    writeln!(std::io::stdout(), "{result}")?;
    Ok(())
}

/// Waits until the console has everything, so that one measurement does not run into the next.
fn settle() -> Result<(), Box<dyn Error + Send + Sync>> {
    let report = galileo::flush(Duration::from_secs(120));
    if report.queued == 0 && report.dropped.total() == 0 { Ok(()) } else { Err(format!("{report}").into()) }
}
