//! The chores that CI and people call: `cargo xtask LANE`, each lane in a file of its own.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod agents;
mod bench;
mod browser;
mod check;
mod ci;
mod crates;
mod full;
mod fuzz;
mod interop;
mod kills;
mod peers;
mod picture;
mod release;
mod roads;
mod run;
mod simulate;
mod soak;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The chores that CI and people call")]
struct Cli {
    #[command(subcommand)]
    lane: Lane,
}

#[derive(Subcommand)]
enum Lane {
    /// An agent of rig with tools and two MCP servers: three processes, one trace
    Agents,
    /// Measurements that need programs of their own
    #[command(subcommand)]
    Bench(bench::Bench),
    /// The console's pages in a real Chromium
    Browser(browser::Options),
    /// Format, clippy and docs, with warnings as errors
    Check,
    /// What CI runs after the README's test command: check, the quickstart, the cross-language lane
    Ci(ci::Options),
    /// How many crates a build pulls in, against what is promised
    Crates,
    /// What takes too long for every change; writes the results to docs/full-results.md
    Full(full::Options),
    /// Every fuzz target for a while; needs a nightly compiler and cargo-fuzz
    Fuzz(fuzz::Options),
    /// The reference Python SDK against this repository's console and services, and this SDK against a strict stub
    Interop(interop::Options),
    /// A console that is killed again and again; nothing that it acknowledged may be lost
    Kills(kills::Options),
    /// Other people's programs, installed by name, against this repository's
    Peers(peers::Options),
    /// Photographs the page of a quickstart trace for the README
    Picture,
    /// What has to hold before a version is published
    Release(release::Options),
    /// Thousands of simulated services against the real pipeline; draws the curves of docs/scaling.md
    Simulate(simulate::Options),
    /// Every framework and client, and headers to and from the packages of others
    Roads(roads::Options),
    /// Kills, an outage of ten minutes and random faults for as long as one likes
    Soak(soak::Options),
}

fn main() -> ExitCode {
    let result = match Cli::parse().lane {
        Lane::Agents => agents::run(),
        Lane::Bench(bench) => bench::run(&bench),
        Lane::Browser(options) => browser::run(&options),
        Lane::Check => check::run(),
        Lane::Ci(options) => ci::run(&options),
        Lane::Crates => crates::run(),
        Lane::Full(options) => full::run(&options),
        Lane::Fuzz(options) => fuzz::run(&options),
        Lane::Interop(options) => interop::run(&options),
        Lane::Kills(options) => kills::run(&options),
        Lane::Peers(options) => peers::run(&options),
        Lane::Release(options) => release::run(&options),
        Lane::Simulate(options) => simulate::run(&options),
        Lane::Roads(options) => roads::run(&options),
        Lane::Soak(options) => soak::run(&options),
        Lane::Picture => picture::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
