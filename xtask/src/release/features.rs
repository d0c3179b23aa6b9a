//! Features of the SDK in every pair: what one needs of another shows there, and all subsets of fifteen would be 32,768 builds.

use super::installed;
use crate::run::{Outcome, cargo, execute};

/// No feature, each alone, each pair, all together; warnings are errors.
pub(super) fn pairs() -> Outcome {
    installed("cargo-hack")?;
    let sets = ["--feature-powerset", "--depth", "2", "--exclude-features", "default,__http"];
    execute(cargo().args(["hack", "clippy", "--package", "galileo-sdk"]).args(sets).args(["--", "-D", "warnings"]))
}
