//! `cargo xtask ci`: what CI runs after the README's test command.

use crate::run::{Outcome, cargo, execute, program};
use crate::{check, crates, interop};

/// Which lanes need something that is not in the repository.
#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Options {
    #[command(flatten)]
    interop: interop::Options,
}

/// The cheapest answer first.
pub(crate) fn run(options: &Options) -> Outcome {
    check::run()?;
    crates::run()?;
    execute(cargo().args(["run", "--", "--once"]))?;
    interop::run(&options.interop)?;
    browser()
}

/// The console's pages; the cases that are marked for every change.
fn browser() -> Outcome {
    let this = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    execute(program(this).args(["browser", "--smoke"]))
}
