//! `cargo xtask peers`: other people's programs, installed by their package names, against this repository's.
//!
//! The lane builds the example service and hands over to `tests/interop/peers/run.py`, which installs each peer into a folder that
//! git ignores. CI runs the quick rows; the large peers (Phoenix, MLflow) are for a release.

use crate::run::{Outcome, cargo, execute, program, target_dir};

/// How the lane is run.
#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Options {
    /// Run the rows whose name contains this text (repeatable)
    #[arg(long = "row")]
    rows: Vec<String>,
    /// Only the rows that CI runs for every change
    #[arg(long)]
    quick: bool,
    /// Write what was proven, with versions, to docs/integrations.md
    #[arg(long)]
    record: bool,
}

/// The rows that CI runs for every change.
pub(crate) fn quick() -> Outcome {
    run(&Options { rows: Vec::new(), quick: true, record: false })
}

/// Builds, installs, runs the rows.
pub(crate) fn run(options: &Options) -> Outcome {
    let programs = ["--bin", "ask_service", "--bin", "relay"];
    execute(cargo().args(["build", "--package", "galileo-examples"]).args(programs))?;
    let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let mut rows = program(std::path::Path::new(&python));
    rows.arg("tests/interop/peers/run.py").arg("--bin-dir").arg(target_dir().join("debug"));
    for row in &options.rows {
        rows.arg("--row").arg(row);
    }
    for (wanted, flag) in [(options.quick, "--quick"), (options.record, "--record")] {
        if wanted {
            rows.arg(flag);
        }
    }
    execute(&mut rows)
}
