//! `cargo xtask full`: what takes too long for every change. Runs every step even after a failure and writes the results down.

use std::fmt::Write;
use std::fs;
use std::time::{Duration, Instant};

use crate::run::{Outcome, capture, cargo, execute, program, root};
use crate::{agents, check, crates, fuzz, interop, release, roads};

/// Where the last results stand.
const RESULTS: &str = "docs/full-results.md";

#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Options {
    #[command(flatten)]
    interop: interop::Options,
    #[command(flatten)]
    fuzz: fuzz::Options,
    #[command(flatten)]
    roads: roads::Options,
    /// Run the steps whose name contains this text (repeatable) and leave the file with the results alone
    #[arg(long)]
    step: Vec<String>,
}

type Step<'a> = (&'static str, Box<dyn Fn() -> Outcome + 'a>);

/// Every step, in the order in which they are reported.
pub(crate) fn run(options: &Options) -> Outcome {
    let mut steps: Vec<Step<'_>> = vec![
        ("format, clippy, docs", Box::new(check::run)),
        ("tests, optimised", Box::new(|| execute(cargo().args(["test", "--workspace", "--release"])))),
        ("crates in a build", Box::new(crates::run)),
        ("fuzz targets", Box::new(|| fuzz::run(&options.fuzz))),
        ("frameworks and headers of others", Box::new(|| roads::run(&options.roads))),
        ("agent of rig with MCP servers", Box::new(agents::run)),
        ("cross-language lane", Box::new(|| interop::run(&options.interop))),
    ];
    steps.extend(release::checks().into_iter().map(|(name, check)| -> Step<'_> { (name, Box::new(check)) }));
    let chosen = |name: &str| options.step.is_empty() || options.step.iter().any(|text| name.contains(text.as_str()));
    let mut rows = Vec::new();
    for (name, step) in steps.iter().filter(|(name, _)| chosen(name)) {
        eprintln!("\n== {name}");
        let started = Instant::now();
        let outcome = step();
        if let Err(error) = &outcome {
            eprintln!("!! {name}: {error}");
        }
        rows.push((*name, outcome, started.elapsed()));
    }
    if rows.is_empty() {
        return Err(format!("no step is named like {:?}", options.step));
    }
    if options.step.is_empty() {
        let path = root().join(RESULTS);
        fs::write(&path, page(&rows)?).map_err(|error| format!("cannot write `{RESULTS}`: {error}"))?;
        eprintln!("\nwritten to {RESULTS}");
    }
    let failed: Vec<&str> = rows.iter().filter(|(_, outcome, _)| outcome.is_err()).map(|(name, ..)| *name).collect();
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
}

/// The results as Markdown, with the commit and the day that they hold for.
fn page(rows: &[(&str, Outcome, Duration)]) -> Result<String, String> {
    let commit = capture(program("git").args(["rev-parse", "--short", "HEAD"]))?;
    let changed =
        if capture(program("git").args(["status", "--porcelain"]))?.is_empty() { "" } else { ", with changes" };
    let day = capture(program("date").args(["-u", "+%Y-%m-%d"]))?;
    let rustc = capture(program("rustc").arg("--version"))?;
    let mut page = format!(
        "# Results of `cargo xtask full`\n\nCommit {commit}{changed}, {day}, {rustc}. Written by the command; do not edit.\n\n\
         | step | result | seconds |\n| --- | --- | --- |\n"
    );
    for (name, outcome, took) in rows {
        let result =
            outcome.as_ref().map_or_else(|error| format!("failed: {}", error.replace('|', "/")), |()| "ok".to_owned());
        writeln!(page, "| {name} | {result} | {} |", took.as_secs()).map_err(|error| error.to_string())?;
    }
    Ok(page)
}
