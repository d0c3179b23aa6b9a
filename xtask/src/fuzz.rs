//! `cargo xtask fuzz`: every fuzz target for a while, from the seeds in `fuzz/seeds`. Needs a nightly compiler and `cargo-fuzz`.

use std::fs;

use crate::run::{Outcome, execute, program, root};

#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Options {
    /// Seconds for each target
    #[arg(long = "fuzz-seconds", default_value_t = 60)]
    seconds: u32,
}

/// Builds and runs each target of `fuzz/fuzz_targets`; the first input that breaks one is kept in `fuzz/artifacts`.
pub(crate) fn run(options: &Options) -> Outcome {
    let fuzz = root().join("fuzz");
    let folder = fs::read_dir(fuzz.join("fuzz_targets")).map_err(|error| format!("no fuzz targets: {error}"))?;
    let mut targets: Vec<String> =
        folder.filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned())).collect();
    targets.sort();
    let limit = format!("-max_total_time={}", options.seconds);
    for target in targets {
        let (corpus, seeds) = (format!("corpus/{target}"), format!("seeds/{target}"));
        for path in [&corpus, &seeds] {
            fs::create_dir_all(fuzz.join(path)).map_err(|error| format!("cannot make `fuzz/{path}`: {error}"))?;
        }
        let mut cargo = program("cargo");
        cargo.current_dir(&fuzz).args(["+nightly", "fuzz", "run", &target, &corpus, &seeds, "--"]);
        // The compiler of the workspace is told to every child; this one chooses its own.
        execute(cargo.env_remove("RUSTUP_TOOLCHAIN").args([limit.as_str(), "-max_len=9000"]))?;
    }
    Ok(())
}
