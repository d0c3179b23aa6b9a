//! `cargo xtask bench console`: how fast a console takes spans, and how fast its pages are once it holds them.

use crate::run::{Outcome, cargo, execute};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many spans the database is to hold; 10,000,000 take about 10 GB
    #[arg(long, default_value_t = 1_000_000)]
    spans: usize,
    /// Where the database is made, and removed afterwards; the folder for temporary files without this
    #[arg(long)]
    folder: Option<std::path::PathBuf>,
}

pub(crate) fn run(options: &Options) -> Outcome {
    let mut command = cargo();
    command.args(["bench", "--package", "galileo-console", "--bench", "console"]);
    command.env("BENCH_SPANS", options.spans.to_string());
    if let Some(folder) = &options.folder {
        command.env("BENCH_FOLDER", folder);
    }
    execute(&mut command)
}
