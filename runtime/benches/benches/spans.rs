//! The rows under criterion, for people who work on one of them: `cargo bench -- json`.
//!
//! Compare with care: criterion's loops never flush, so this SDK's worker and fastrace's collector run whenever they like. The table of
//! `cargo xtask bench` comes from the programs instead, which flush between bursts and check that every span arrived.

use criterion::{BenchmarkId, Criterion, Throughput};
use galileo_benches::contestant::Contestant;
use galileo_benches::fast::Fastrace;
use galileo_benches::nothing::Nothing;
use galileo_benches::ours::{Batch, Distributed, Off};
use galileo_benches::row::{Row, TREE};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    rows::<Nothing>(&mut criterion, "nothing");
    rows::<Off>(&mut criterion, "off");
    rows::<Fastrace>(&mut criterion, "fastrace");
    rows::<Batch>(&mut criterion, "batch");
    rows::<Distributed>(&mut criterion, "distributed");
    criterion.final_summary();
}

/// Started and ended around its rows: one process holds one galileo at a time.
fn rows<C: Contestant>(criterion: &mut Criterion, name: &str) {
    let contestant = C::start();
    for row in Row::ALL {
        let mut group = criterion.benchmark_group(row.name());
        group.throughput(Throughput::Elements(TREE as u64));
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| bencher.iter(|| C::burst(row, TREE)));
        group.finish();
        contestant.flush();
    }
}
