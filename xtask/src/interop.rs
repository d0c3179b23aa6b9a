//! `cargo xtask interop`: this repository's console and services with the reference Python SDK, and this SDK with a strict stub.
//!
//! The lane builds the Rust programs, makes a Python environment in a folder that git ignores, and hands over to
//! `tests/interop/run.py`, which starts the processes and reads the traces back.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{Outcome, cargo, execute, program, root, target_dir};

/// Exact, because the rows assert what this version does.
const PACKAGES: [&str; 5] = ["galileo==2.7.0", "fastapi", "uvicorn", "httpx", "jsonschema"];

/// How the lane is run.
#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Options {
    /// Folder with `tools/galileo_stub.py` and `tools/galileo_validate.py`; the rows that need them fail without it
    #[arg(long, env = "GALILEO_SHARED", default_value = "../shared")]
    shared: PathBuf,
    /// Run the rows whose name contains this text (repeatable)
    #[arg(long = "row")]
    rows: Vec<String>,
    /// Leave out the rows that need the shared folder, and say so
    #[arg(long)]
    without_shared: bool,
}

/// Builds, installs, runs the rows.
pub(crate) fn run(options: &Options) -> Outcome {
    execute(cargo().args(["build", "--package", "galileo-examples", "--package", "galileo-console", "--bins"]))?;
    let python = environment(&root().join(".interop/venv"), &PACKAGES)?;
    let shared = fs::canonicalize(root().join(&options.shared));

    let mut rows = program(python);
    rows.arg("tests/interop/run.py").arg("--bin-dir").arg(target_dir().join("debug"));
    if options.without_shared {
        rows.arg("--without-shared");
    } else {
        rows.arg("--shared").arg(shared.as_deref().unwrap_or(&options.shared));
    }
    for row in &options.rows {
        rows.arg("--row").arg(row);
    }
    execute(&mut rows)
}

/// The Python of an environment that has the packages; made when it is not there yet.
pub(crate) fn environment(folder: &Path, packages: &[&str]) -> Result<PathBuf, String> {
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let wanted = packages.join("\n");
    let stamp = folder.join("packages.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    let system = std::env::var_os("PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from);
    execute(program(system).args(["-m", "venv"]).arg(folder))?;
    execute(program(&python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages))?;
    fs::write(&stamp, wanted).map_err(|error| format!("cannot write `{}`: {error}", stamp.display()))?;
    Ok(python)
}
