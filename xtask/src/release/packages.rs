//! The packages as a registry would get them, and the console as somebody would install it.

use std::fs;

use super::installed;
use crate::run::{Outcome, capture, cargo, execute, program, target_dir};

/// The packages that are published, in the order of their dependencies.
const PUBLISHED: [&str; 3] = ["galileo-sdk-macros", "galileo-sdk", "galileo-console"];

/// A package that is larger has something in it that nobody needs.
const LARGEST: u64 = 700 * 1024;

/// Each package is built from what would be uploaded, says what a registry shows, and is small.
pub(super) fn dry_run() -> Outcome {
    let mut command = cargo();
    command.args(["publish", "--dry-run", "--allow-dirty"]);
    for package in PUBLISHED {
        command.args(["--package", package]);
    }
    execute(&mut command)?;
    for package in PUBLISHED {
        let listed = capture(cargo().args(["package", "--list", "--allow-dirty", "--package", package]))?;
        for file in ["LICENSE", "README.md"] {
            if !listed.lines().any(|line| line == file) {
                return Err(format!("`{package}` has no {file}"));
            }
        }
        execute(cargo().args(["package", "--quiet", "--no-verify", "--allow-dirty", "--package", package]))?;
        let file = newest(package)?;
        let size = fs::metadata(&file).map_err(|error| format!("cannot read `{}`: {error}", file.display()))?.len();
        eprintln!("  {package}: {} KiB", size / 1024);
        if size > LARGEST {
            return Err(format!("`{package}` has {} KiB, more than {} KiB", size / 1024, LARGEST / 1024));
        }
    }
    Ok(())
}

/// The file that `cargo package` wrote.
fn newest(package: &str) -> Result<std::path::PathBuf, String> {
    let id = capture(cargo().args(["pkgid", "--package", package]))?;
    let version = id.rsplit(['#', '@']).next().unwrap_or_default();
    Ok(target_dir().join("package").join(format!("{package}-{version}.crate")))
}

/// Licences, doubtful crates and where crates come from: the rules of deny.toml.
pub(super) fn deny() -> Outcome {
    installed("cargo-deny")?;
    execute(cargo().args(["deny", "check", "bans", "licenses", "sources"]))
}

/// `cargo install --path console` gives one binary that starts.
pub(super) fn install() -> Outcome {
    let folder = target_dir().join("installed");
    execute(cargo().args(["install", "--locked", "--force", "--path", "console", "--root"]).arg(&folder))?;
    let installed: Vec<_> = fs::read_dir(folder.join("bin"))
        .map_err(|error| format!("nothing was installed: {error}"))?
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .collect();
    let name = format!("galileo-console{}", std::env::consts::EXE_SUFFIX);
    if installed != [name.as_str()] {
        return Err(format!("installed are {installed:?}, and not `{name}` alone"));
    }
    // Away from the repository, so that nothing of it can be needed.
    let said = capture(program(folder.join("bin").join(name)).current_dir(std::env::temp_dir()).arg("--version"))?;
    eprintln!("  {said}");
    if said.starts_with("galileo-console ") { Ok(()) } else { Err(format!("it says `{said}`")) }
}
