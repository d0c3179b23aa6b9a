//! The programs behind `cargo xtask bench`. Each prints lines that the command reads.
//!
//! ```text
//! figures CONTESTANT BURSTS       row calling all_threads          ns a span, medians of this process
//! spans   CONTESTANT ROW N        nothing: makes N spans of a row  for callgrind
//! sink                            its address, then serves         a backend that counts spans
//! send    SENDER URL BURSTS       wall_ns cpu_ns creating_ns accepted delivered
//! flood   SENDER URL SECONDS      accepted delivered spooled dropped idle_kib peak_kib
//! latency URL ROUNDS              median_us worst_us
//! ```

use galileo_benches::contestant::{Contestant, Job, on};
use galileo_benches::measure::measure;
use galileo_benches::row::{BURST, Row};
use galileo_benches::{delivery, sink};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["figures", contestant, bursts] => on(contestant, Figures(number(bursts))),
        ["spans", contestant, row, spans] => on(contestant, Spans(Row::named(row).expect("a row"), number(spans))),
        ["sink"] => sink::serve(),
        ["send", sender, url, bursts] => delivery::send(sender, url, number(bursts)),
        ["flood", sender, url, seconds] => delivery::flood(sender, url, number(seconds)),
        ["latency", url, rounds] => delivery::latency(url, number(rounds)),
        _ => panic!("see the top of main.rs"),
    }
}

fn number(text: &str) -> usize {
    text.parse().expect("a number")
}

/// Every row under one contestant.
struct Figures(usize);

impl Job for Figures {
    fn run<C: Contestant>(self) {
        let contestant = C::start();
        let show = |name: &str, row, threads, spans| {
            let figure = measure(&contestant, row, self.0, threads, spans);
            println!("{name} {:.2} {:.2}", figure.calling, figure.all_threads);
        };
        for row in Row::ALL {
            show(row.name(), row, 1, BURST);
        }
        // Half a burst each, so that both fit into OpenTelemetry's queue; and for comparison, as much on one thread.
        for row in [Row::Empty, Row::Json] {
            show(&format!("{}_one_thread", row.name()), row, 1, BURST / 2);
            show(&format!("{}_two_threads", row.name()), row, 2, BURST / 2);
        }
    }
}

/// Spans and one flush. What N more spans cost is the difference of two runs, and everything else cancels out.
struct Spans(Row, usize);

impl Job for Spans {
    fn run<C: Contestant>(self) {
        let contestant = C::start();
        // Warm: call sites are registered, buffers have their size.
        C::burst(self.0, 222);
        contestant.flush();
        C::burst(self.0, self.1);
        contestant.flush();
    }
}
