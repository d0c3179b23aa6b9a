//! `cargo xtask browser`: the console's pages in a real Chromium.
//!
//! The lane builds the console, starts it with a database in memory, sends traces to its Galileo API and looks at the pages
//! as a reader does: clicks, keys, the address, what is on the screen. No case passes when the page wrote an error to its
//! console or asked another host for anything. Pictures go to `target/browser`.

mod case;
pub(crate) mod chrome;
pub(crate) mod console;
mod look;
mod payload;
mod seed;

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use chrome::Chrome;
use console::Console;

use crate::run::{Outcome, cargo, execute, root};

/// How the lane is run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only the cases that CI runs each time
    #[arg(long)]
    smoke: bool,
    /// Run the cases whose name contains this text (repeatable)
    #[arg(long = "case")]
    cases: Vec<String>,
    /// Folder for the pictures
    #[arg(long, default_value = "target/browser")]
    pictures: PathBuf,
    /// Build the console with optimisation and hold it to the promised times
    #[arg(long)]
    release: bool,
    /// A console that is built already
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Only take a picture of this page of a running console, with `--to`
    #[arg(long, value_name = "URL", requires = "to")]
    of: Option<String>,
    /// Where that picture goes
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// That picture in the dark theme
    #[arg(long)]
    dark: bool,
    /// Fill a console on that port with the cases' traces and keep it until Enter is pressed; no browser
    #[arg(long)]
    seed: Option<u16>,
}

/// What a case works with.
pub(crate) struct World {
    pub(crate) chrome: Chrome,
    pub(crate) console: Console,
    pub(crate) pictures: PathBuf,
    pub(crate) binary: PathBuf,
    pub(crate) release: bool,
}

/// Builds, starts, runs the cases.
pub(crate) fn run(options: &Options) -> Outcome {
    let profile = std::env::temp_dir().join(format!("galileo-browser-{}", std::process::id()));
    if let (Some(url), Some(file)) = (&options.of, &options.to) {
        return look::picture_of(&Chrome::start(&profile)?, url, file, options.dark);
    }
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => {
            let mut build = cargo();
            build.args(["build", "--package", "galileo-console", "--bins"]);
            execute(if options.release { build.arg("--release") } else { &mut build })?;
            let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
            let folder = if options.release { "release" } else { "debug" };
            target.join(folder).join(if cfg!(windows) { "galileo-console.exe" } else { "galileo-console" })
        }
    };
    let console = Console::start(&binary, ":memory:", options.seed.unwrap_or(0))?;
    if options.seed.is_some() {
        case::seed(&console)?;
        eprintln!("{} is full of traces; Enter ends it", console.origin());
        let _ = std::io::stdin().read_line(&mut String::new());
        return Ok(());
    }
    let pictures = root().join(&options.pictures);
    fs::create_dir_all(&pictures).map_err(|error| format!("cannot make `{}`: {error}", pictures.display()))?;
    let world = World { chrome: Chrome::start(&profile)?, console, pictures, binary, release: options.release };

    let chosen = |case: &&case::Case| {
        (!options.smoke || case.smoke)
            && (options.cases.is_empty() || options.cases.iter().any(|text| case.name.contains(text.as_str())))
    };
    let mut failed = Vec::new();
    for case in case::ALL.iter().filter(chosen) {
        let started = Instant::now();
        let result = (case.run)(&world);
        let took = started.elapsed().as_secs_f64();
        match result {
            Ok(()) => eprintln!("ok    {:5.1} s  {}", took, case.name),
            Err(error) => {
                eprintln!("FAIL  {:5.1} s  {}\n      {error}", took, case.name);
                failed.push(case.name);
            }
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("{} browser cases failed: {}", failed.len(), failed.join(", ")))
    }
}
