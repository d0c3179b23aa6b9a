//! `cargo xtask roads`: every framework and client in Rust, and headers to and from the packages of others: `galileo` and
//! `langsmith` for Python, `langsmith` for Node.

use std::fs;
use std::path::{Path, PathBuf};

use crate::interop::environment;
use crate::run::{Outcome, cargo, execute, program, root, target_dir};

/// Exact, because the rows assert what these versions do.
const PYTHON: [&str; 5] = ["galileo==2.7.0", "langsmith==0.14.17", "fastapi", "uvicorn", "httpx"];
const NODE: [&str; 2] = ["langsmith@0.10.5", "express@5.3.0"];

#[derive(Default, clap::Args)]
#[group(skip)]
pub(crate) struct Options {
    /// Run the rows whose name contains this text (repeatable)
    #[arg(long = "road")]
    rows: Vec<String>,
}

/// Tests the frameworks, builds the programs, installs the packages, runs the rows.
pub(crate) fn run(options: &Options) -> Outcome {
    let tests = ["test", "--package", "galileo-tests", "--features", "frameworks"];
    let files = ["--test", "http_frameworks", "--test", "otlp_flush_before_response"];
    execute(cargo().args(tests).args(files))?;
    execute(cargo().args(["build", "--package", "galileo-tests", "--package", "galileo-console", "--bins"]))?;
    let python = environment(&root().join(".interop/roads-venv"), &PYTHON)?;
    let node = node_modules(&root().join(".interop/roads-node"))?;
    let mut rows = program(python);
    rows.arg("tests/interop/roads/run.py").arg("--bin-dir").arg(target_dir().join("debug"));
    rows.arg("--node-modules").arg(node);
    for row in &options.rows {
        rows.arg("--row").arg(row);
    }
    execute(&mut rows)
}

/// The folder of Node packages, beside which the service lies, because modules are looked for from where a program is.
fn node_modules(folder: &Path) -> Result<PathBuf, String> {
    let failed = |error| format!("cannot prepare `{}`: {error}", folder.display());
    fs::create_dir_all(folder).map_err(failed)?;
    fs::copy(root().join("tests/interop/roads/langsmith_service.mjs"), folder.join("langsmith_service.mjs"))
        .map_err(failed)?;
    let modules = folder.join("node_modules");
    let (stamp, wanted) = (folder.join("packages.txt"), NODE.join("\n"));
    if !fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        let arguments = ["install", "--no-audit", "--no-fund", "--no-save", "--prefix"];
        execute(program("npm").args(arguments).arg(folder).args(NODE))?;
        fs::write(&stamp, wanted).map_err(failed)?;
    }
    Ok(modules)
}
