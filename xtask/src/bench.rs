//! `cargo xtask bench LANE`: measurements that need programs of their own.

use clap::Subcommand;

use crate::run::Outcome;

mod compile;
mod console;
mod instructions;
mod programs;
mod recording;
mod throughput;
mod verdict;

#[derive(Subcommand)]
pub(crate) enum Bench {
    /// What `#[log]` costs when the user's crate is compiled, beside `tracing::instrument` and `fastrace::trace`
    Compile(compile::Options),
    /// Spans a second into the console, and how long its pages take once it holds them
    Console(console::Options),
    /// Instructions and allocations of one span, which repeat on any machine; needs valgrind
    Instructions,
    /// Processor time of one span on its own thread and on all, beside fastrace and tracing with OpenTelemetry
    Recording(recording::Options),
    /// Spans a second into a backend on loopback and what they cost, the delay of a start, memory in a flood
    Throughput(throughput::Options),
}

pub(crate) fn run(bench: &Bench) -> Outcome {
    match bench {
        Bench::Compile(options) => compile::run(options),
        Bench::Console(options) => console::run(options),
        Bench::Instructions => instructions::run(),
        Bench::Recording(options) => recording::run(options),
        Bench::Throughput(options) => throughput::run(options),
    }
}
