//! `cargo xtask full`: what takes too long for every change. Runs every step even after a failure and writes the results down, each with
//! its commit and day, so that a step may also be run alone.

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
    /// Run only the steps whose name contains this text (repeatable); the rows of the others stay as they are
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
        ("frameworks and headers of others", Box::new(|| roads::run(&roads::Options::default()))),
        ("agent of rig with MCP servers", Box::new(agents::run)),
        ("cross-language lane", Box::new(|| interop::run(&options.interop))),
    ];
    steps.extend(release::checks().into_iter().map(|(name, check)| -> Step<'_> { (name, Box::new(check)) }));
    let chosen = |name: &str| options.step.is_empty() || options.step.iter().any(|text| name.contains(text.as_str()));
    if !steps.iter().any(|(name, _)| chosen(name)) {
        return Err(format!("no step is named like {:?}", options.step));
    }
    let path = root().join(RESULTS);
    // No file yet, no rows yet.
    let earlier = fs::read_to_string(&path).unwrap_or_default();
    let kept =
        |name: &str| row_of(&earlier, name).map_or_else(|| format!("| {name} | not run yet | | | |"), str::to_owned);
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    for (name, step) in &steps {
        if !chosen(name) {
            rows.push(kept(name));
            continue;
        }
        eprintln!("\n== {name}");
        let started = Instant::now();
        let outcome = step();
        if let Err(error) = &outcome {
            eprintln!("!! {name}: {error}");
        }
        rows.push(row(name, &outcome, started.elapsed())?);
        if outcome.is_err() {
            failed.push(*name);
        }
        // After every step: what is interrupted has still said what it found.
        let rest = steps.iter().skip(rows.len()).map(|(name, _)| kept(name));
        let text = page(rows.iter().cloned().chain(rest));
        fs::write(&path, text).map_err(|error| format!("cannot write `{RESULTS}`: {error}"))?;
    }
    eprintln!("\nwritten to {RESULTS}");
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
}

/// What the page said of a step.
fn row_of<'a>(page: &'a str, name: &str) -> Option<&'a str> {
    page.lines().find(|line| line.strip_prefix("| ").is_some_and(|rest| rest.starts_with(&format!("{name} |"))))
}

/// One step, with the commit and the day that its result holds for.
fn row(name: &str, outcome: &Outcome, took: Duration) -> Result<String, String> {
    let commit = capture(program("git").args(["rev-parse", "--short", "HEAD"]))?;
    let dirty = capture(program("git").args(["status", "--porcelain", "--", ".", &format!(":!{RESULTS}")]))?;
    let changed = if dirty.is_empty() { "" } else { ", with changes" };
    let day = capture(program("date").args(["-u", "+%Y-%m-%d"]))?;
    let result =
        outcome.as_ref().map_or_else(|error| format!("failed: {}", error.replace('|', "/")), |()| "ok".to_owned());
    Ok(format!("| {name} | {result} | {} | {commit}{changed} | {day} |", took.as_secs()))
}

fn page(rows: impl Iterator<Item = String>) -> String {
    let rows: Vec<String> = rows.collect();
    format!(
        "# Results of `cargo xtask full`\n\nThe last result of each step, which `cargo xtask full --step NAME` runs alone. Written by the command; do \
         not edit.\n\n| step | result | seconds | commit | day |\n| --- | --- | --- | --- | --- |\n{}\n",
        rows.join("\n")
    )
}
