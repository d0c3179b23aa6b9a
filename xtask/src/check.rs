//! `cargo xtask check`: what a change must pass before anyone looks at it.

use crate::run::{Outcome, cargo, execute};

/// Format, clippy over every target, docs; warnings are errors.
pub(crate) fn run() -> Outcome {
    execute(cargo().args(["fmt", "--all", "--check"]))?;
    execute(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    // As its users build it: the other packages of the workspace ask for more of its features.
    execute(cargo().args(["clippy", "--package", "galileo-sdk", "--", "-D", "warnings"]))?;
    execute(cargo().args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-Dwarnings"))
}
