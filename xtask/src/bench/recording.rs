//! `cargo xtask bench recording`: what a span costs its own thread and all threads together, as ratios to fastrace on the same work.
//!
//! Every contestant runs in processes of its own, one after another and again from the beginning; each process gives the median of its
//! bursts, and the median of the processes counts. Times are those of the processor, so that what else the machine does costs little.

use std::collections::BTreeMap;

use clap::Args;

use super::programs::{Programs, conditions, median, number};
use super::verdict::Verdicts;
use crate::run::Outcome;

#[derive(Args)]
pub(crate) struct Options {
    /// How many processes of each contestant
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// How many bursts of each row in a process
    #[arg(long, default_value_t = 30)]
    bursts: usize,
}

const CONTESTANTS: [&str; 7] = ["nothing", "off", "unsampled", "fastrace", "batch", "distributed", "tracing"];

/// A row, what it is, and the ratio to fastrace that is promised on the calling thread.
const ROWS: [(&str, &str, f64); 6] = [
    ("empty", "an empty function, under a root", 0.7),
    ("root", "a root alone", 0.4),
    ("json", "200 B in, 500 B out, captured as JSON", 0.35),
    ("empty_async", "an empty async function that yields once", 0.15),
    ("json_async", "the async form of the JSON one", 0.2),
    ("tree", "a tree of 1 + 10 + 100 with JSON", 0.35),
];
/// Of the processor time of all threads before any HTTP, for the tree.
const ALL_THREADS: f64 = 0.36;
/// How much more the distributed mode may cost.
const DISTRIBUTED: f64 = 1.2;
/// Two threads at once against one alone.
const TWO_THREADS: f64 = 1.1;

/// By contestant and row: the calling thread, all threads.
type Figures = BTreeMap<(String, String), (Vec<f64>, Vec<f64>)>;

pub(crate) fn run(options: &Options) -> Outcome {
    let programs = Programs::build()?;
    let mut figures = Figures::new();
    for round in 0..options.rounds.max(1) {
        eprintln!("round {} of {}", round + 1, options.rounds);
        for contestant in CONTESTANTS {
            for line in programs.lines(&["figures", contestant, &options.bursts.to_string()])? {
                let name = line.first().cloned().unwrap_or_default();
                let (calling, all) = figures.entry((contestant.to_owned(), name)).or_default();
                calling.push(number(line.get(1))?);
                all.push(number(line.get(2))?);
            }
        }
    }
    eprintln!("\n{}", conditions()?);
    report(&figures)
}

fn report(figures: &Figures) -> Outcome {
    let get = |contestant: &str, row: &str| {
        let known = figures.get(&(contestant.to_owned(), row.to_owned())).cloned().unwrap_or_default();
        (median(known.0), median(known.1))
    };
    for (title, which) in [("ns a span on the calling thread", 0), ("ns a span on all threads", 1)] {
        eprintln!("\n| {title} | {} |\n| --- |{}", CONTESTANTS.join(" | "), " ---: |".repeat(CONTESTANTS.len()));
        let extra = ["empty_one_thread", "empty_two_threads", "json_one_thread", "json_two_threads"];
        for row in ROWS.iter().map(|row| row.0).chain(extra) {
            let cells = CONTESTANTS.map(|contestant| {
                let (calling, all) = get(contestant, row);
                format!("{:.1}", if which == 0 { calling } else { all })
            });
            eprintln!("| {row} | {} |", cells.join(" | "));
        }
    }
    let mut verdicts = Verdicts::default();
    verdicts.head("batch mode against fastrace");
    for (row, what, mark) in ROWS {
        verdicts.at_most(what, get("batch", row).0 / get("fastrace", row).0, mark);
    }
    let all = |contestant: &str| get(contestant, "tree").1 / get("fastrace", "tree").1;
    verdicts.at_most("processor time of all threads, the tree", all("batch"), ALL_THREADS);
    verdicts.head("distributed mode against fastrace");
    for (row, what, mark) in ROWS {
        verdicts.at_most(what, get("distributed", row).0 / get("fastrace", row).0, mark * DISTRIBUTED);
    }
    verdicts.at_most("processor time of all threads, the tree", all("distributed"), ALL_THREADS * DISTRIBUTED);
    verdicts.head("two threads at once against one alone");
    for contestant in ["batch", "distributed"] {
        for row in ["empty", "json"] {
            let of = |threads: &str| get(contestant, &format!("{row}_{threads}")).0;
            verdicts.at_most(&format!("{row}, {contestant}"), of("two_threads") / of("one_thread"), TWO_THREADS);
        }
    }
    verdicts.outcome()
}
