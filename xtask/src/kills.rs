//! `cargo xtask kills`: a console that is killed again and again in the midst of requests has everything that it acknowledged.

use crate::run::{Outcome, cargo, execute};

#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Options {
    /// How often it is killed
    #[arg(long, default_value_t = 500)]
    rounds: usize,
}

pub(crate) fn run(options: &Options) -> Outcome {
    let mut command = cargo();
    command.args([
        "test",
        "--package",
        "galileo-console",
        "--test",
        "kill",
        "every_acknowledged_span_is_there_after_a_kill",
    ]);
    execute(command.env("KILL_ROUNDS", options.rounds.to_string()))
}

/// As many rounds as every change can wait for.
pub(crate) fn quick() -> Outcome {
    run(&Options { rounds: 20 })
}
