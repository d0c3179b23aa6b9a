//! `allocations CONTESTANT`: each row's allocations for each span, once everything is warm: `row calling all_threads`.

use galileo_benches::contestant::{Contestant, Job, expected, on};
use galileo_benches::count::Counting;
use galileo_benches::row::{BURST, Row};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What is warm after so many bursts stays so.
const WARM_UP: usize = 30;
const BURSTS: usize = 20;

fn main() {
    on(&std::env::args().nth(1).unwrap_or_default(), Allocations);
}

struct Allocations;

impl Job for Allocations {
    fn run<C: Contestant>(self) {
        let contestant = C::start();
        for row in Row::ALL {
            let burst = || {
                C::burst(row, BURST);
                contestant.flush();
            };
            (0..WARM_UP).for_each(|_| burst());
            let (own, all) = (Counting::of_this_thread(), Counting::of_all_threads());
            (0..BURSTS).for_each(|_| burst());
            let spans = (expected(row, BURST) * BURSTS as u64) as f64;
            let (own, all) = (Counting::of_this_thread() - own, Counting::of_all_threads() - all);
            println!("{} {:.3} {:.3}", row.name(), own as f64 / spans, all as f64 / spans);
        }
    }
}
