//! `cargo xtask bench compile`: a crate of annotated functions, built in release with each contestant.
//!
//! All crates hold the same functions: half of them `async`, three arguments and a `Result` each. Dependencies are built first, so that
//! only the crate itself is timed, in seconds of the processor; the smallest of the rounds counts. Two ratios are promised, both against
//! `tracing::instrument(ret, err)`: at most 0.75 of its time, and at most half of the machine code that it adds to each function.
//!
//! Measured on two cores of an AMD EPYC with much else running, rustc 1.95, November 2026:
//!
//! ```text
//! functions  commit   galileo  tracing  fastrace   plain   time   code a function: galileo, tracing
//!     1,000  96a0361   51.8 s   87.1 s    34.2 s  15.1 s   0.59   1,371 B, 2,299 B: 0.60, not met
//!       100  366ed78    3.9 s    7.1 s     2.7 s   1.5 s   0.56   1,039 B, 2,286 B: 0.45
//! ```

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::run::{Outcome, capture, cargo, execute, root, target_dir};

const TIME_RATIO: f64 = 0.75;
const CODE_RATIO: f64 = 0.5;

#[derive(Args)]
pub(crate) struct Options {
    /// How many annotated functions
    #[arg(long, default_value_t = 1000)]
    functions: usize,
    /// How often each crate is built
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

struct Contestant {
    name: &'static str,
    dependency: &'static str,
    attribute: &'static str,
}

const CONTESTANTS: [Contestant; 4] = [
    Contestant { name: "plain", dependency: "", attribute: "" },
    Contestant {
        name: "fastrace",
        dependency: "fastrace = { version = \"0.7\", features = [\"enable\"] }",
        attribute: "#[fastrace::trace]",
    },
    Contestant { name: "tracing", dependency: "tracing = \"0.1\"", attribute: "#[tracing::instrument(ret, err)]" },
    Contestant { name: "galileo", dependency: "", attribute: "#[galileo::log]" },
];

struct Measured {
    /// Processor seconds.
    time: f64,
    /// Bytes of machine code for each function.
    code: f64,
}

pub(crate) fn run(options: &Options) -> Outcome {
    let folder = target_dir().join("bench-compile");
    let mut results = Vec::new();
    for contestant in &CONTESTANTS {
        let program = folder.join("target/release").join(format!("bench-{}", contestant.name));
        let package = write_package(&folder, contestant, 2)?;
        build(&package, &folder)?;
        let two = text_size(&program)?;
        let mut time = f64::MAX;
        for round in 0..options.rounds.max(1) {
            // Another number of functions each round, so that nothing of the last one can be used again.
            write_package(&folder, contestant, options.functions + 2 * (round % 2))?;
            let before = children_seconds()?;
            build(&package, &folder)?;
            time = time.min(children_seconds()? - before);
        }
        write_package(&folder, contestant, options.functions)?;
        build(&package, &folder)?;
        let code = text_size(&program)?.saturating_sub(two) as f64 / options.functions.saturating_sub(2).max(1) as f64;
        results.push(Measured { time, code });
    }
    report(options, &results)
}

/// Processor seconds of all programs that this one has started so far, and of theirs. Unlike the clock on the wall they hardly depend on
/// what else the machine is doing.
fn children_seconds() -> Result<f64, String> {
    let text = fs::read_to_string("/proc/self/stat").map_err(|error| format!("no process statistics: {error}"))?;
    // After the name in parentheses: state is field 3, and the children's user and system ticks are fields 16 and 17.
    let fields = text.rsplit(')').next().unwrap_or_default();
    let ticks: Vec<f64> = fields.split_whitespace().skip(13).take(2).filter_map(|field| field.parse().ok()).collect();
    match ticks[..] {
        [user, system] => Ok((user + system) / 100.0),
        _ => Err("process statistics cannot be read".to_owned()),
    }
}

fn report(options: &Options, results: &[Measured]) -> Outcome {
    let [plain, _, tracing, galileo] = results else { return Err("a contestant is missing".to_owned()) };
    let added = |measured: &Measured| (measured.code - plain.code).max(0.0);
    eprintln!(
        "\n{} functions in release:\n{:10} {:>12} {:>22}",
        options.functions, "", "processor", "added to a function"
    );
    for (contestant, measured) in CONTESTANTS.iter().zip(results) {
        eprintln!("{:10} {:10.1} s {:20.0} B", contestant.name, measured.time, added(measured));
    }
    let time = galileo.time / tracing.time;
    let code = added(galileo) / added(tracing).max(1.0);
    eprintln!("galileo / tracing: time {time:.2} (at most {TIME_RATIO}), code {code:.2} (at most {CODE_RATIO})");
    if time > TIME_RATIO || code > CODE_RATIO {
        return Err("`#[log]` costs more at compile time than promised".to_owned());
    }
    Ok(())
}

/// A package outside the workspace, with a target folder shared by all contestants.
fn write_package(folder: &Path, contestant: &Contestant, functions: usize) -> Result<PathBuf, String> {
    let package = folder.join(contestant.name);
    let dependency = if contestant.name == "galileo" {
        // Without exporters, which are built before and not timed anyway.
        format!(
            "galileo-sdk = {{ path = {:?}, default-features = false, features = [\"enable\"] }}",
            root().join("runtime")
        )
    } else {
        contestant.dependency.to_owned()
    };
    let manifest = format!(
        "[package]\nname = \"bench-{}\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n[workspace]\n\n[dependencies]\n{dependency}\n",
        contestant.name
    );
    write(&package.join("Cargo.toml"), &manifest)?;
    write(&package.join("src/main.rs"), &source(contestant.attribute, functions))?;
    Ok(package)
}

fn source(attribute: &str, functions: usize) -> String {
    let mut source = String::from("use std::future::Future;\nuse std::hint::black_box;\nuse std::pin::Pin;\n");
    let mut plain = String::new();
    let mut futures = String::new();
    for n in 0..functions {
        let (asynchronous, call, table) =
            if n % 2 == 0 { ("", "", &mut plain) } else { ("async ", ".await", &mut futures) };
        // Writing to a `String` cannot fail.
        let _ = write!(
            source,
            "\n{attribute}\n{asynchronous}fn f{n}(query: &str, top_k: usize, filter: Option<u32>) -> Result<String, std::num::ParseIntError> {{\n    \
             let wanted: usize = query.parse()?;\n    let found = helper{call_kind}(wanted, top_k){call};\n    \
             if filter == Some({n}) {{\n        return Ok(String::new());\n    }}\n    Ok(format!(\"{{query}} {{found}} {n}\"))\n}}\n",
            call_kind = if n % 2 == 0 { "" } else { "_later" },
        );
        if n % 2 == 0 {
            let _ = writeln!(table, "    black_box(f{n}(black_box(\"1\"), black_box(2), black_box(None)).is_ok());");
        } else {
            let _ = writeln!(table, "    keep(Box::pin(f{n}(black_box(\"1\"), black_box(2), black_box(None))));");
        }
    }
    let _ = write!(
        source,
        "\nfn helper(a: usize, b: usize) -> usize {{\n    black_box(a + b)\n}}\n\n\
         async fn helper_later(a: usize, b: usize) -> usize {{\n    std::future::ready(black_box(a + b)).await\n}}\n\n\
         fn keep(future: Pin<Box<dyn Future<Output = Result<String, std::num::ParseIntError>>>>) {{\n    black_box(future);\n}}\n\n\
         fn main() {{\n    let _ = helper_later;\n{plain}{futures}}}\n"
    );
    source
}

fn build(package: &Path, folder: &Path) -> Outcome {
    let mut command = cargo();
    command.arg("build").arg("--release").arg("--quiet").arg("--manifest-path").arg(package.join("Cargo.toml"));
    // Warnings of the generated functions are nobody's business.
    command.env("CARGO_TARGET_DIR", folder.join("target")).env("RUSTFLAGS", "--cap-lints allow");
    execute(&mut command)
}

/// The size of a program's machine code.
fn text_size(program: &Path) -> Result<u64, String> {
    let printed = capture(crate::run::program("size").arg("-A").arg(program))?;
    let line = printed.lines().find(|line| line.starts_with(".text")).ok_or("`size` names no .text section")?;
    let size = line.split_whitespace().nth(1).and_then(|size| size.parse().ok());
    size.ok_or_else(|| format!("`size` printed `{line}`"))
}

fn write(path: &Path, text: &str) -> Outcome {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|error| format!("{} could not be made: {error}", parent.display()))?;
    }
    fs::write(path, text).map_err(|error| format!("{} could not be written: {error}", path.display()))
}
