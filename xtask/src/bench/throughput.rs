//! `cargo xtask bench throughput`: trees of spans into a backend on loopback that counts what it decodes, beside fastrace with OTLP.
//!
//! Three measurements: bursts of trees with a flush after each (spans a second and the client's processor time), the delay of a
//! start in an idle process, and memory while trees are made without a pause.

use clap::Args;

use super::programs::{Programs, Sink, conditions, median, number};
use super::verdict::Verdicts;
use crate::run::Outcome;

#[derive(Args)]
pub(crate) struct Options {
    /// How many processes of each sender
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// How long a flood lasts
    #[arg(long, default_value_t = 60)]
    seconds: usize,
}

/// The one to beat, and ours.
const SENDERS: [&str; 3] = ["fastrace_otlp", "galileo_otlp", "galileo"];
/// Bursts of 13 trees of 111 spans: 60,606 spans a process.
const BURSTS: &str = "42";
const SPEED: f64 = 1.1;
const PRICE: f64 = 0.75;
const DELAY_MS: f64 = 5.0;
const MEMORY_MIB: f64 = 40.0;

#[derive(Default)]
struct Sent {
    speed: Vec<f64>,
    price: Vec<f64>,
    creating: Vec<f64>,
}

pub(crate) fn run(options: &Options) -> Outcome {
    let programs = Programs::build()?;
    let sink = Sink::start(&programs)?;
    let mut sent: [Sent; SENDERS.len()] = Default::default();
    for round in 0..options.rounds.max(1) {
        eprintln!("round {} of {}", round + 1, options.rounds);
        for (sender, sent) in SENDERS.iter().zip(&mut sent) {
            let line = programs.lines(&["send", sender, &sink.url, BURSTS])?.pop().unwrap_or_default();
            let figures: Result<Vec<f64>, String> = (0..5).map(|at| number(line.get(at))).collect();
            let [wall, cpu, creating, made, accepted] = figures?[..] else { continue };
            if accepted < made {
                return Err(format!("{sender}: {accepted} of {made} spans arrived"));
            }
            sent.speed.push(made / wall * 1e9);
            sent.price.push(cpu / made / 1e3);
            sent.creating.push(creating / made / 1e3);
        }
    }
    eprintln!("\n{}", conditions()?);
    eprintln!("\n| | spans/s | client CPU, us/span | creating, us/span |\n| --- | ---: | ---: | ---: |");
    let medians = sent.map(|sent| (median(sent.speed), median(sent.price), median(sent.creating)));
    for (sender, (speed, price, creating)) in SENDERS.iter().zip(medians) {
        eprintln!("| {sender} | {speed:.0} | {price:.2} | {creating:.2} |");
    }
    let mut verdicts = Verdicts::default();
    verdicts.head("against fastrace with OTLP");
    for (sender, (speed, price, _)) in SENDERS.iter().zip(medians).skip(1) {
        verdicts.at_least(&format!("{sender}: spans a second"), speed / medians[0].0, SPEED);
        verdicts.at_most(&format!("{sender}: processor time of a span"), price / medians[0].1, PRICE);
    }
    let line = programs.lines(&["latency", &sink.url, "100"])?.pop().unwrap_or_default();
    verdicts.head("a start in an idle process, milliseconds until it is accepted");
    verdicts.at_most("median of 100", number(line.first())? / 1e3, DELAY_MS);
    eprintln!("| the longest | {:.2} | | |", number(line.get(1))? / 1e3);
    flood(&programs, &sink, options.seconds, &mut verdicts)?;
    verdicts.outcome()
}

fn flood(programs: &Programs, sink: &Sink, seconds: usize, verdicts: &mut Verdicts) -> Outcome {
    verdicts.head(&format!("flat out for {seconds} s"));
    for sender in &SENDERS[1..] {
        let line = programs.lines(&["flood", sender, &sink.url, &seconds.to_string()])?.pop().unwrap_or_default();
        let figures: Result<Vec<f64>, String> = (0..7).map(|at| number(line.get(at))).collect();
        let [made, arrived, delivered, spooled, dropped, idle, peak] = figures?[..] else { continue };
        eprintln!(
            "| {sender}: {made:.0} made, {arrived:.0} arrived, {delivered:.0} delivered, {spooled:.0} spooled, {dropped:.0} dropped | | | |"
        );
        verdicts.at_most(&format!("{sender}: MiB above idle"), (peak - idle) / 1024.0, MEMORY_MIB);
        verdicts.at_most(
            &format!("{sender}: spans that nobody counted"),
            (made - delivered - spooled - dropped).abs(),
            0.0,
        );
        verdicts.at_most(
            &format!("{sender}: spans counted as delivered that did not arrive"),
            delivered - arrived,
            0.0,
        );
    }
    Ok(())
}
