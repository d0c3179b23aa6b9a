//! The `galileo-console` command: one file for each subcommand.

mod client;
mod complete;
mod doctor;
mod file;
mod insights;
mod prune;
mod serve;
mod show;
mod status;
mod tail;
mod traces;

use std::fmt;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Local backend and viewer for Galileo, OpenTelemetry and LangSmith traces.
#[derive(Debug, Parser)]
#[command(name = "galileo-console", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the console.
    Serve(serve::Serve),
    /// List traces, newest first.
    Traces(traces::Traces),
    /// Print one trace as a tree.
    Show(show::Show),
    /// Print traces as they change.
    Tail(tail::Tail),
    /// Say what traces spent their time on and what went wrong.
    Insights(insights::Insights),
    /// Say how a running console does.
    Status(status::Status),
    /// Find out why traces do not link or spans are missing.
    Doctor(doctor::Doctor),
    /// Write one trace as a file.
    Export(file::Export),
    /// Read traces from files.
    Import(file::Import),
    /// Forget old traces now.
    Prune(prune::Prune),
    /// Print the completions of a shell.
    Completions(complete::Completions),
    /// Print the manual page.
    #[command(name = "man")]
    Manual(complete::Manual),
}

/// What went wrong, for the person at the terminal.
#[derive(Debug)]
pub(crate) struct CliError(pub(crate) String);

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Parses the command line and does what it says.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    // Fails only when one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&CliError(format!("cannot start: {error}"))),
    };
    let result = runtime.block_on(async {
        match cli.command {
            Command::Serve(serve) => serve.run().await,
            Command::Traces(traces) => traces.run().await,
            Command::Show(show) => show.run().await,
            Command::Tail(tail) => tail.run().await,
            Command::Insights(insights) => insights.run().await,
            Command::Status(status) => status.run().await,
            Command::Doctor(doctor) => doctor.run().await,
            Command::Export(export) => export.run().await,
            Command::Import(import) => import.run().await,
            Command::Prune(prune) => prune.run().await,
            Command::Completions(completions) => completions.run(),
            Command::Manual(manual) => manual.run(),
        }
    });
    // Reads that are still going on do not hold up the exit.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

#[allow(clippy::print_stderr)]
fn fail(error: &CliError) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::FAILURE
}

/// Prints to standard output; a reader that has gone (`| head`) is no failure.
pub(crate) fn print(text: &str) -> Result<(), CliError> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(CliError(format!("cannot write: {error}"))),
        _ => Ok(()),
    }
}
