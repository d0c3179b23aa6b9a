//! `cargo xtask soak`: what the fault matrix has that takes too long for every change. Prints the figures of `docs/reliability.md`.

use crate::run::{Outcome, cargo, execute};

#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Options {
    /// Times that a process is killed while it records
    #[arg(long, default_value_t = 1000)]
    rounds: u32,
    /// Minutes of random faults
    #[arg(long, default_value_t = 30.0)]
    minutes: f64,
    /// Run the tests whose name contains this text (repeatable), such as `f28`, `f03`, `g20`
    #[arg(long)]
    only: Vec<String>,
}

/// Runs the tests that name this lane, optimised, one after another.
pub(crate) fn run(options: &Options) -> Outcome {
    let mut unit = cargo();
    unit.args(["test", "--profile", "soak", "--package", "galileo-sdk", "--lib"]);
    let mut matrix = cargo();
    matrix.args(["test", "--profile", "soak", "--package", "galileo-tests", "--test", "faults"]);
    matrix.env("FAULTS_ROUNDS", options.rounds.to_string()).env("FAULTS_MINUTES", options.minutes.to_string());
    for command in [&mut unit, &mut matrix] {
        command.args(["--", "--ignored", "--nocapture", "--test-threads=1"]).args(&options.only);
        execute(command)?;
    }
    Ok(())
}
