//! `cargo xtask bench instructions`: what a span costs in instructions, by callgrind, and in allocations, by an allocator that counts.
//!
//! A program makes so many spans of a row and flushes once; the difference of two runs divided by the difference of their spans is the
//! price of one, thread by thread. Both kinds of figures hardly depend on what else the machine does.

use std::fs;
use std::path::Path;

use super::programs::{Programs, conditions, number};
use super::verdict::Verdicts;
use crate::run::{Outcome, capture, program, target_dir};

const CONTESTANTS: [&str; 6] = ["nothing", "off", "unsampled", "fastrace", "batch", "distributed"];
const ROWS: [&str; 6] = ["empty", "root", "json", "empty_async", "json_async", "tree"];
/// Whole trees both, and fewer than any queue holds.
const SPANS: [usize; 2] = [333, 1887];
/// More than the plain function, when nobody called `init`.
const OFF: f64 = 12.0;
/// More than the plain function, when the trace is not sampled.
const UNSAMPLED: f64 = 40.0;
/// Allocations of one span beyond the user's own: those of the flush, divided by the spans before it.
const ALLOCATIONS: f64 = 0.02;

pub(crate) fn run() -> Outcome {
    let programs = Programs::build()?;
    let folder = target_dir().join("bench-instructions");
    fs::create_dir_all(&folder).map_err(|error| format!("{} could not be made: {error}", folder.display()))?;
    let mut counts = Vec::new();
    for contestant in CONTESTANTS {
        eprintln!("callgrind: {contestant}");
        let rows: Result<Vec<_>, String> = ROWS.iter().map(|row| count(&programs, contestant, row, &folder)).collect();
        counts.push(rows?);
    }
    let mut allocations = Vec::new();
    for contestant in CONTESTANTS {
        let rows: Result<Vec<(f64, f64)>, String> = programs
            .allocations(contestant)?
            .iter()
            .map(|line| Ok((number(line.get(1))?, number(line.get(2))?)))
            .collect();
        allocations.push(rows?);
    }
    eprintln!("\n{}", conditions()?);
    show("instructions a span: calling thread / others", &counts, 0);
    show("allocations a span: calling thread / all", &allocations, 2);
    let mut verdicts = Verdicts::default();
    verdicts.head("instructions more than the plain function");
    for (index, row) in ROWS.iter().enumerate() {
        verdicts.at_most(&format!("{row}, nobody called init"), counts[1][index].0 - counts[0][index].0, OFF);
    }
    for (index, row) in ROWS.iter().enumerate() {
        verdicts.at_most(&format!("{row}, not sampled"), counts[2][index].0 - counts[0][index].0, UNSAMPLED);
    }
    verdicts.head("allocations more than the plain function, all threads");
    for (contestant, ours) in CONTESTANTS.iter().zip(&allocations) {
        if ["off", "unsampled", "batch", "distributed"].contains(contestant) {
            for (index, row) in ROWS.iter().enumerate() {
                verdicts.at_most(&format!("{row}, {contestant}"), ours[index].1 - allocations[0][index].1, ALLOCATIONS);
            }
        }
    }
    verdicts.outcome()
}

fn show(title: &str, figures: &[Vec<(f64, f64)>], digits: usize) {
    eprintln!("\n| {title} | {} |\n| --- |{}", CONTESTANTS.join(" | "), " ---: |".repeat(CONTESTANTS.len()));
    for (index, row) in ROWS.iter().enumerate() {
        let cells: Vec<String> =
            figures.iter().map(|rows| format!("{:.digits$} / {:.digits$}", rows[index].0, rows[index].1)).collect();
        eprintln!("| {row} | {} |", cells.join(" | "));
    }
}

/// Instructions of one span: on the calling thread, on all others.
fn count(programs: &Programs, contestant: &str, row: &str, folder: &Path) -> Result<(f64, f64), String> {
    let more = (SPANS[1] - SPANS[0]) as f64;
    let mut spent = [0.0; 2];
    for (spent, spans) in spent.iter_mut().zip(SPANS) {
        *spent = of_burst(programs, contestant, row, spans, folder)? / more;
    }
    let calling = spent[1] - spent[0];
    for (spent, spans) in spent.iter_mut().zip(SPANS) {
        *spent = of_others(programs, contestant, row, spans, folder)? / more;
    }
    Ok((calling, spent[1] - spent[0]))
}

/// The calling thread inside of its bursts only: before them, clocks are calibrated for a time and not for a number of instructions.
fn of_burst(programs: &Programs, contestant: &str, row: &str, spans: usize, folder: &Path) -> Result<f64, String> {
    callgrind(programs, contestant, row, spans, folder, &["--toggle-collect=*Contestant*::burst"])?;
    total(&folder.join("out-01"))
}

fn of_others(programs: &Programs, contestant: &str, row: &str, spans: usize, folder: &Path) -> Result<f64, String> {
    callgrind(programs, contestant, row, spans, folder, &[])?;
    let mut all = 0.0;
    for file in fs::read_dir(folder).map_err(|error| error.to_string())?.flatten() {
        // Without a thread's number it is a summary, and the first thread is the calling one.
        if file.file_name() != "out" && file.file_name() != "out-01" {
            all += total(&file.path())?;
        }
    }
    Ok(all)
}

fn callgrind(
    programs: &Programs,
    contestant: &str,
    row: &str,
    spans: usize,
    folder: &Path,
    options: &[&str],
) -> Outcome {
    for old in fs::read_dir(folder).map_err(|error| error.to_string())?.flatten() {
        fs::remove_file(old.path()).map_err(|error| error.to_string())?;
    }
    let out = format!("--callgrind-out-file={}", folder.join("out").display());
    let mut command = program("valgrind");
    command.args(["--tool=callgrind", "--quiet", "--separate-threads=yes", &out]).args(options);
    command.arg(programs.path("galileo-benches")).args(["spans", contestant, row, &spans.to_string()]);
    capture(&mut command).map(drop)
}

fn total(file: &Path) -> Result<f64, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    let lines = text.lines().filter_map(|line| line.strip_prefix("totals: "));
    Ok(lines.filter_map(|count| count.trim().parse::<f64>().ok()).sum())
}
