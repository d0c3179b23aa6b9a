//! `cargo xtask bench LANE`: measurements that need programs of their own.

use clap::Subcommand;

use crate::run::Outcome;

mod compile;

#[derive(Subcommand)]
pub(crate) enum Bench {
    /// What `#[log]` costs when the user's crate is compiled, beside `tracing::instrument` and `fastrace::trace`
    Compile(compile::Options),
}

pub(crate) fn run(bench: &Bench) -> Outcome {
    match bench {
        Bench::Compile(options) => compile::run(options),
    }
}
