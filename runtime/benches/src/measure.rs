//! How a figure is taken.

use crate::contestant::{Contestant, expected};
use crate::process;
use crate::row::Row;
use std::sync::Barrier;

/// One figure of one process: medians over bursts, in nanoseconds a span.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// Processor time of the calling thread.
    pub calling: f64,
    /// Processor time of all threads, the flush and the meeting of the threads included.
    pub all_threads: f64,
}

/// Measures one row under a contestant that has been started: bursts of `spans` on each of the threads, which live for all of them, and a
/// flush after each.
///
/// # Panics
///
/// When spans are missing at the destination: a figure without its spans says nothing.
pub fn measure<C: Contestant>(contestant: &C, row: Row, bursts: usize, threads: usize, spans: usize) -> Figure {
    let before = contestant.seen();
    let warm_up = bursts / 5 + 1;
    let rounds = warm_up + bursts;
    let barrier = Barrier::new(threads + 1);
    let mut all_threads = Vec::new();
    let calling = std::thread::scope(|scope| {
        let running: Vec<_> =
            (0..threads).map(|_| scope.spawn(|| on_thread::<C>(row, rounds, spans, &barrier))).collect();
        for _ in 0..rounds {
            let processor = process::all_threads();
            barrier.wait();
            barrier.wait();
            contestant.flush();
            all_threads.push((process::all_threads() - processor) / (spans * threads) as f64);
        }
        let times = running.into_iter().map(|thread| thread.join().expect("a burst does not panic"));
        times.flat_map(|times| times.into_iter().skip(warm_up)).collect()
    });
    let made = expected(row, spans) * (rounds * threads) as u64;
    let seen = contestant.seen() - before;
    assert!(seen == if C::RECORDS { made } else { 0 }, "{seen} of {made} spans arrived");
    Figure { calling: median(calling), all_threads: median(all_threads.split_off(warm_up)) }
}

/// All bursts of one thread, in processor time for each span.
fn on_thread<C: Contestant>(row: Row, rounds: usize, spans: usize, barrier: &Barrier) -> Vec<f64> {
    let burst = |_| {
        barrier.wait();
        let start = process::this_thread();
        C::burst(row, spans);
        let time = process::this_thread() - start;
        barrier.wait();
        time / spans as f64
    };
    (0..rounds).map(burst).collect()
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
