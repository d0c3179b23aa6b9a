//! The oldest of everything that is promised: the compiler, and each dependency in the lowest version that a manifest allows.

use std::fs;
use std::path::Path;

use crate::run::{Outcome, capture, execute, program, root, target_dir};

/// The SDK alone: the console needs what its database needs.
pub(super) fn oldest_compiler() -> Outcome {
    let manifest = read(&root().join("Cargo.toml"))?;
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

/// Builds the SDK and its macros, as a workspace of their own, with the lowest version of each direct dependency.
///
/// The resolver can do that behind an unstable flag only, so the lock file is made with `RUSTC_BOOTSTRAP`; what is compiled is compiled
/// by the stable compiler. Indirect dependencies stay at their newest: their floors are their owners' affair.
pub(super) fn lowest() -> Outcome {
    let copy = target_dir().join("lowest-versions");
    if copy.exists() {
        fs::remove_dir_all(&copy).map_err(|error| format!("cannot remove `{}`: {error}", copy.display()))?;
    }
    for file in capture(program("git").args(["ls-files", "macros", "runtime/Cargo.toml", "runtime/src"]))?.lines() {
        put(&copy.join(file), &fs::read(root().join(file)).map_err(|error| format!("cannot read `{file}`: {error}"))?)?;
    }
    let manifest: String = read(&root().join("Cargo.toml"))?
        .lines()
        .filter(|line| !line.starts_with("default-members"))
        .map(|line| {
            if line.starts_with("members = ") {
                "members = [\"macros\", \"runtime\"]\n".to_owned()
            } else {
                format!("{line}\n")
            }
        })
        .collect();
    put(&copy.join("Cargo.toml"), manifest.as_bytes())?;
    put(&copy.join("rust-toolchain.toml"), read(&root().join("rust-toolchain.toml"))?.as_bytes())?;

    let mut resolve = program("cargo");
    resolve.current_dir(&copy).args(["generate-lockfile", "-Z", "direct-minimal-versions"]);
    execute(resolve.env("RUSTC_BOOTSTRAP", "1"))?;
    // The newest actix-rt has features that the actix-server of that time does not ask for, which is nothing that a floor here could mend.
    execute(program("cargo").current_dir(&copy).args(["update", "--package", "actix-rt", "--precise", "2.11.0"]))?;
    let mut check = program("cargo");
    check.current_dir(&copy).args(["check", "--locked", "--package", "galileo-sdk", "--all-features"]);
    execute(check.arg("--target-dir").arg(target_dir().join("lowest")))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))
}

fn put(path: &Path, bytes: &[u8]) -> Outcome {
    let wrong = |error| format!("cannot write `{}`: {error}", path.display());
    fs::create_dir_all(path.parent().unwrap_or(path)).map_err(wrong)?;
    fs::write(path, bytes).map_err(wrong)
}
