//! `cargo xtask ci`: what CI runs after the README's test command.

use crate::run::{Outcome, cargo, execute, program, target_dir};
use crate::{check, crates, interop, kills, peers};

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
    kills::quick()?;
    microservices()?;
    interop::run(&options.interop)?;
    peers::quick()?;
    browser()
}

/// Seven services and their eight scenarios, each of which judges its own trace.
fn microservices() -> Outcome {
    let feature = ["--package", "galileo-examples", "--features", "microservices"];
    execute(cargo().args(["test", "--lib"]).args(feature))?;
    execute(cargo().args(["build", "--bins"]).args(feature))?;
    execute(&mut program(target_dir().join("debug").join("microservices")))
}

/// The console's pages; the cases that are marked for every change.
fn browser() -> Outcome {
    let this = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    execute(program(this).args(["browser", "--smoke"]))
}
