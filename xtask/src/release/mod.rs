//! `cargo xtask release`: what has to hold before a version is published. `cargo xtask full` runs the same checks.

use crate::run::{Outcome, capture, cargo, execute};

mod api;
mod features;
mod image;
mod packages;
mod versions;

/// A name, and what is run under it.
pub(crate) type Check = (&'static str, fn() -> Outcome);

#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Options {
    /// Run the checks whose name contains this text (repeatable)
    #[arg(long)]
    check: Vec<String>,
}

/// Every check, the cheapest first.
pub(crate) fn checks() -> Vec<Check> {
    vec![
        ("Dockerfile", image::lint),
        ("licences, bans, sources", packages::deny),
        ("packages, dry run", packages::dry_run),
        ("installed console", packages::install),
        ("lowest versions of the SDK's dependencies", versions::lowest),
        ("oldest compiler of the SDK", versions::oldest_compiler),
        ("features of the SDK, alone and in pairs", features::pairs),
        ("listing of the public API", api::listing),
        (
            if api::baseline().is_some() { "semver against the last tag" } else { "semver: no tag to compare with" },
            api::semver,
        ),
    ]
}

/// Runs all of them, also after a failure, and names those that failed.
pub(crate) fn run(options: &Options) -> Outcome {
    let chosen = |name: &str| options.check.is_empty() || options.check.iter().any(|text| name.contains(text.as_str()));
    let mut failed = Vec::new();
    let mut ran = 0;
    for (name, check) in checks().into_iter().filter(|(name, _)| chosen(name)) {
        eprintln!("\n== {name}");
        ran += 1;
        if let Err(error) = check() {
            eprintln!("!! {name}: {error}");
            failed.push(name);
        }
    }
    match (ran, failed.is_empty()) {
        (0, _) => Err(format!("no check is named like {:?}", options.check)),
        (_, true) => Ok(()),
        (_, false) => Err(format!("failed: {}", failed.join(", "))),
    }
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
