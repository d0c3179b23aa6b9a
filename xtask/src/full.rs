//! `cargo xtask full`: what takes too long for every change. Runs every step even after a failure and writes the results down.

use std::fmt::Write;
use std::fs;
use std::time::{Duration, Instant};

use crate::run::{Outcome, capture, cargo, execute, program, root};
use crate::{check, crates, fuzz, interop, roads};

/// Where the last results stand.
const RESULTS: &str = "docs/full-results.md";

/// Sets of features of the SDK that people build: none, each alone, and the sets that belong together.
const FEATURES: [&str; 9] = [
    "",
    "enable",
    "galileo",
    "tokio",
    "reqwest",
    "tower",
    "enable,galileo",
    "enable,galileo,tokio",
    "enable,galileo,tokio,reqwest,tower",
];

/// The packages that are published, in the order of their dependencies.
const PUBLISHED: [&str; 3] = ["galileo-sdk-macros", "galileo-sdk", "galileo-console"];

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
    let steps: Vec<Step<'_>> = vec![
        ("format, clippy, docs", Box::new(check::run)),
        ("tests, optimised", Box::new(|| execute(cargo().args(["test", "--workspace", "--release"])))),
        ("feature sets of the SDK", Box::new(feature_sets)),
        ("oldest compiler of the SDK", Box::new(oldest_compiler)),
        ("crates in a build", Box::new(crates::run)),
        ("licences, bans, sources", Box::new(deny)),
        ("fuzz targets", Box::new(|| fuzz::run(&options.fuzz))),
        ("packages, dry run", Box::new(packages)),
        ("frameworks and headers of others", Box::new(|| roads::run(&options.roads))),
        ("cross-language lane", Box::new(|| interop::run(&options.interop))),
    ];
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

fn feature_sets() -> Outcome {
    for features in FEATURES {
        let build = ["clippy", "--package", "galileo-sdk", "--no-default-features", "--features", features];
        execute(cargo().args(build).args(["--", "-D", "warnings"]))?;
    }
    Ok(())
}

/// The SDK alone: the console needs what its database needs.
fn oldest_compiler() -> Outcome {
    let manifest =
        fs::read_to_string(root().join("Cargo.toml")).map_err(|error| format!("cannot read `Cargo.toml`: {error}"))?;
    let version = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = \"")?.strip_suffix('"'))
        .ok_or("there is no rust-version in Cargo.toml")?;
    execute(program("rustup").args(["toolchain", "install", "--profile", "minimal", version]))?;
    // Its own target folder: another compiler would throw away what is built.
    execute(program("cargo").arg(format!("+{version}")).args([
        "check",
        "--package",
        "galileo-sdk",
        "--target-dir",
        "target/oldest",
    ]))
}

fn deny() -> Outcome {
    installed("cargo-deny")?;
    execute(cargo().args(["deny", "check", "bans", "licenses", "sources"]))
}

fn packages() -> Outcome {
    let mut command = cargo();
    command.args(["publish", "--dry-run", "--allow-dirty"]);
    for package in PUBLISHED {
        command.args(["--package", package]);
    }
    execute(&mut command)
}

/// Makes a cargo subcommand available, by its name in the registry.
fn installed(tool: &str) -> Outcome {
    let subcommand = tool.trim_start_matches("cargo-");
    if capture(cargo().args([subcommand, "--version"])).is_ok() {
        Ok(())
    } else {
        execute(cargo().args(["install", "--locked", tool]))
    }
}
