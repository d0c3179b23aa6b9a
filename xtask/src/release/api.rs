//! The public API: written down item by item, and compared with the last version that was tagged.

use std::fs;

use super::installed;
use crate::run::{Outcome, capture, cargo, execute, program, root, target_dir};

/// Where the listing stands; its changes are read in review.
const LISTING: &str = "docs/public-api.txt";

/// The last tag that can be reached from here.
pub(super) fn baseline() -> Option<String> {
    capture(program("git").args(["describe", "--tags", "--abbrev=0"])).ok()
}

/// Writes every public item of the SDK with all features to `docs/public-api.txt`.
///
/// rustdoc's JSON is unstable and is asked for with `RUSTC_BOOTSTRAP`; the compiler is the project's own.
pub(super) fn listing() -> Outcome {
    installed("cargo-public-api")?;
    let folder = target_dir().join("public-api");
    let json = ["-Z", "unstable-options", "--output-format", "json", "--cap-lints", "warn"];
    let mut document = cargo();
    document.args(["rustdoc", "--package", "galileo-sdk", "--lib", "--all-features", "--target-dir"]).arg(&folder);
    execute(document.arg("--").args(json).env("RUSTC_BOOTSTRAP", "1"))?;
    let items = capture(cargo().args(["public-api", "-sss", "--rustdoc-json"]).arg(folder.join("doc/galileo.json")))?;
    eprintln!("  {} public items", items.lines().count());
    fs::write(root().join(LISTING), items + "\n").map_err(|error| format!("cannot write `{LISTING}`: {error}"))
}

/// Whether the version says what changed since the last tag. Without a tag there is nothing to compare with, and it says so.
pub(super) fn semver() -> Outcome {
    let Some(tag) = baseline() else {
        eprintln!("  no tag can be reached from here: nothing was compared");
        return Ok(());
    };
    installed("cargo-semver-checks")?;
    execute(cargo().args([
        "semver-checks",
        "--package",
        "galileo-sdk",
        "--package",
        "galileo-console",
        "--baseline-rev",
        &tag,
    ]))
}
