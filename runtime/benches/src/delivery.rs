//! Trees of spans to the sink: how fast, at what price, how much memory, how soon.

use crate::contestant::Contestant;
use crate::fast::{self, Fastrace};
use crate::ours::{Batch, Started};
use crate::process;
use crate::row::TREE;
use crate::work::QUESTION;
use galileo::{Mode, Report};
use std::hint::black_box;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Trees between two flushes: what the others' queues hold.
const TREES: usize = 13;

/// A tracer with a way to the sink.
enum Sender {
    Fastrace,
    Ours(Started),
}

impl Sender {
    fn start(name: &str, url: &str) -> Self {
        match name {
            "fastrace_otlp" => {
                fast::start_otlp(url);
                Self::Fastrace
            }
            "galileo_otlp" => Self::Ours(Started::sending("otlp", url, Mode::Batch)),
            "galileo" => Self::Ours(Started::sending("galileo", url, Mode::Batch)),
            "galileo_distributed" => Self::Ours(Started::sending("galileo", url, Mode::Distributed)),
            other => panic!("`{other}` is no sender"),
        }
    }

    fn tree(&self) {
        match self {
            Self::Fastrace => drop(black_box(Fastrace::tree(black_box(QUESTION), 2))),
            Self::Ours(_) => drop(black_box(Batch::tree(black_box(QUESTION), 2))),
        }
    }

    fn flush(&self) {
        match self {
            Self::Fastrace => fastrace::flush(),
            Self::Ours(started) => started.flush(),
        }
    }

    /// Ends it; the account is ours alone.
    fn end(self) -> Option<Report> {
        match self {
            Self::Fastrace => {
                fastrace::flush();
                None
            }
            Self::Ours(started) => started.end(),
        }
    }
}

/// Bursts of trees with a flush after each.
pub fn send(name: &str, url: &str, bursts: usize) {
    let sender = Sender::start(name, url);
    let burst = || {
        (0..TREES).for_each(|_| sender.tree());
        sender.flush();
    };
    // Warm: connected, logged in, buffers have their size.
    (0..3).for_each(|_| burst());
    let before = books(url).spans;
    let (wall, cpu, mut creating) = (Instant::now(), process::all_threads(), 0.0);
    for _ in 0..bursts {
        let start = process::this_thread();
        (0..TREES).for_each(|_| sender.tree());
        creating += process::this_thread() - start;
        sender.flush();
    }
    let (wall, cpu) = (wall.elapsed().as_nanos(), process::all_threads() - cpu);
    let made = (bursts * TREES * TREE) as u64;
    let accepted = wait_for(url, before + made) - before;
    println!("{wall} {cpu:.0} {creating:.0} {made} {accepted}");
}

/// Trees without a pause.
pub fn flood(name: &str, url: &str, seconds: usize) {
    let sender = Sender::start(name, url);
    sender.tree();
    sender.flush();
    let before = books(url).spans - TREE as u64;
    let (idle, _) = process::memory();
    let start = Instant::now();
    let mut made = TREE as u64;
    while start.elapsed() < Duration::from_secs(seconds as u64) {
        sender.tree();
        made += TREE as u64;
    }
    let (_, peak) = process::memory();
    let report = sender.end();
    let arrived = books(url).spans - before;
    let (delivered, spooled, dropped) = match &report {
        Some(report) => {
            assert_eq!(report.accepted, made, "{report}");
            (report.delivered, report.spooled, report.dropped.total())
        }
        None => (arrived, 0, 0),
    };
    println!("{made} {arrived} {delivered} {spooled} {dropped} {idle} {peak}");
}

/// From the start of a span in an idle process to its acceptance.
pub fn latency(url: &str, rounds: usize) {
    let sender = Sender::start("galileo_distributed", url);
    sender.tree();
    sender.flush();
    let mut times: Vec<f64> = (0..rounds)
        .map(|_| {
            // Long enough for the worker to have gone to sleep.
            std::thread::sleep(Duration::from_millis(150));
            let before = books(url).spans;
            let start = process::monotonic();
            let span = galileo::Span::workflow("waiting").input("is anybody there?").enter();
            wait_for(url, before + 1);
            let accepted = books(url).last;
            drop(span);
            sender.flush();
            accepted.saturating_sub(start) as f64 / 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("{:.0} {:.0}", times[times.len() / 2], times[times.len() - 1]);
}

/// What the sink has accepted.
#[derive(Debug)]
struct Books {
    spans: u64,
    last: u64,
}

fn books(url: &str) -> Books {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(url.trim_start_matches("http://"))?;
        stream.write_all(b"GET /books HTTP/1.1\r\n\r\n")?;
        stream.shutdown(std::net::Shutdown::Write)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().expect("the sink answers");
    let line = answer.lines().next_back().unwrap_or_default();
    let mut numbers = line.split(' ').map(|number| number.parse().expect("a number"));
    let spans = numbers.next().expect("spans");
    Books { spans, last: numbers.next_back().expect("the time of the last") }
}

/// Waits a while for so many spans; what has arrived by then comes back.
fn wait_for(url: &str, spans: u64) -> u64 {
    let start = Instant::now();
    loop {
        let seen = books(url).spans;
        if seen >= spans || start.elapsed() > Duration::from_secs(5) {
            return seen;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
