//! Who is measured: a tracer, and how one uses it.

use crate::fast::Fastrace;
use crate::nothing::Nothing;
use crate::otel::Otel;
use crate::ours::{Batch, Distributed, Off, Unsampled};
use crate::row::{Row, TREE};
use crate::work::{QUESTION, block_on};
use std::future::Future;
use std::hint::black_box;

/// A tracer with the work annotated for it.
pub trait Contestant {
    /// Whether spans reach a destination at all.
    const RECORDS: bool = true;

    /// Starts it, with a destination that counts spans and throws them away.
    fn start() -> Self
    where
        Self: Sized;
    /// Runs `work` inside a root span.
    fn under_root(work: &mut dyn FnMut());
    /// A trace of one span.
    fn root();
    /// A span without values.
    fn empty();
    /// A span with values.
    fn json(question: &str, limit: u32) -> String;
    /// A span without values around a pause.
    fn empty_async() -> impl Future<Output = ()>;
    /// A span with values around a pause.
    fn json_async(question: &str, limit: u32) -> impl Future<Output = String>;
    /// A span with values around ten branches; `depth` says how many levels are below.
    fn tree(question: &str, depth: u32) -> String;
    /// Waits until everything has reached the destination.
    fn flush(&self);
    /// How many spans have reached it.
    fn seen(&self) -> u64;

    /// Makes `spans` spans of a row, and as many as it has to make beside them.
    #[inline(never)]
    fn burst(row: Row, spans: usize) {
        match row {
            Row::Empty => Self::under_root(&mut || (0..spans).for_each(|_| Self::empty())),
            Row::Root => (0..spans).for_each(|_| Self::root()),
            Row::Json => Self::under_root(&mut || {
                for n in 0..spans {
                    black_box(Self::json(black_box(QUESTION), n as u32));
                }
            }),
            Row::EmptyAsync => Self::under_root(&mut || (0..spans).for_each(|_| block_on(Self::empty_async()))),
            Row::JsonAsync => Self::under_root(&mut || {
                for n in 0..spans {
                    black_box(block_on(Self::json_async(black_box(QUESTION), n as u32)));
                }
            }),
            Row::Tree => (0..spans / TREE).for_each(|_| {
                black_box(Self::tree(black_box(QUESTION), 2));
            }),
        }
    }
}

/// How many spans a burst leaves behind.
pub fn expected(row: Row, spans: usize) -> u64 {
    let made = match row {
        Row::Empty | Row::Json | Row::EmptyAsync | Row::JsonAsync => spans + 1,
        Row::Root => spans,
        Row::Tree => spans / TREE * TREE,
    };
    made as u64
}

/// Something to be done under a contestant that is known by name.
pub trait Job {
    /// Does it.
    fn run<C: Contestant>(self);
}

/// Does `job` under the contestant of this name.
///
/// # Panics
///
/// When there is none.
pub fn on(name: &str, job: impl Job) {
    match name {
        "nothing" => job.run::<Nothing>(),
        "fastrace" => job.run::<Fastrace>(),
        "tracing" => job.run::<Otel>(),
        "batch" => job.run::<Batch>(),
        "distributed" => job.run::<Distributed>(),
        "unsampled" => job.run::<Unsampled>(),
        "off" => job.run::<Off>(),
        other => panic!("`{other}` is no contestant"),
    }
}
