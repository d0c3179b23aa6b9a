//! `cargo xtask crates`: how many crates a build pulls in, held to the numbers that the project promises.

use std::collections::BTreeSet;

use crate::run::{Outcome, cargo};

/// What is built, the arguments of `cargo tree` that say so, and how many crates it may have.
const PROMISES: [(&str, &[&str], usize); 3] = [
    (
        "`cargo run`, build scripts and macros included",
        &["--package", "galileo-examples", "--edges", "normal,build"],
        260,
    ),
    ("the SDK with default features", &["--package", "galileo-sdk", "--edges", "normal"], 100),
    ("the SDK without features", &["--package", "galileo-sdk", "--edges", "normal", "--no-default-features"], 40),
];

/// Counts the crates of each build and fails when one has more than it may.
pub(crate) fn run() -> Outcome {
    let mut too_many = Vec::new();
    for (what, arguments, limit) in PROMISES {
        let count = count(arguments)?;
        eprintln!("{count:4} of at most {limit} crates: {what}");
        if count > limit {
            too_many.push(what);
        }
    }
    if too_many.is_empty() { Ok(()) } else { Err(format!("more crates than promised: {}", too_many.join("; "))) }
}

fn count(arguments: &[&str]) -> Result<usize, String> {
    let output = cargo()
        .args(["tree", "--locked", "--prefix", "none", "--no-dedupe", "--format", "{p}"])
        .args(arguments)
        .output()
        .map_err(|error| format!("`cargo tree` could not be started: {error}"))?;
    if !output.status.success() {
        return Err(format!("`cargo tree` failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    // `name v1.2.3 (proc-macro)` or `name v1.2.3 (path)`: name and version make the crate.
    let text = String::from_utf8_lossy(&output.stdout);
    let crates: BTreeSet<Vec<&str>> = text.lines().map(|line| line.split(' ').take(2).collect()).collect();
    // The package itself is no dependency.
    Ok(crates.len().saturating_sub(1))
}
