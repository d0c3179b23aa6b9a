//! The hand-off between threads and the worker.

use super::*;
use crate::model::{Outcome, SpanId, TraceId};
use crate::pipeline::global;
use crate::pipeline::record::StartFlags;
use crate::pipeline::recorded::{recorded_in, unrecorded};
use crate::sampling::Sampler;
use std::sync::mpsc;

fn queue(budget: usize) -> Arc<Queue> {
    Arc::new(Queue::new(global::next_generation(), budget, Box::new(|| ())))
}

/// A record whose time tells it from others.
fn header(kind: Kind, time: u64) -> Header {
    Header {
        kind,
        detail: Outcome::Ok as u8,
        flags: StartFlags(0),
        callsite: 0,
        trace: TraceId::from_bytes([1; 16]),
        span: SpanId::from_bytes([2; 16]),
        parent: SpanId::NONE,
        time,
    }
}

fn times(queue: &Queue) -> Vec<u64> {
    let mut times = Vec::new();
    queue.drain(|record| times.push(record.header.time));
    times
}

#[test]
fn records_of_a_thread_arrive_in_order_over_many_chunks() {
    let queue = queue(1 << 30);
    recorded_in(&queue, Sampler::default(), || {
        let values = vec![7; 1000];
        for time in 0..500 {
            assert!(push(&header(Kind::Start, time), &values));
        }
        assert_eq!(times(&queue), (0..500).collect::<Vec<_>>());
        assert!(push(&header(Kind::End, 500), &[]));
        assert!(!queue.is_empty());
        assert_eq!(times(&queue), [500], "the chunk that was being read goes on");
        assert!(queue.is_empty());
    });
}

#[test]
fn a_record_larger_than_a_chunk_gets_one_of_its_own() {
    let queue = queue(1 << 30);
    recorded_in(&queue, Sampler::default(), || {
        let large = vec![7; 3 * CHUNK];
        push(&header(Kind::Start, 1), &[]);
        push(&header(Kind::Start, 2), &large);
        push(&header(Kind::Start, 3), &[]);
        let mut seen = Vec::new();
        queue.drain(|record| seen.push((record.header.time, record.parts.0.len())));
        assert_eq!(seen, [(1, 0), (2, 3 * CHUNK), (3, 0)]);
    });
}

#[test]
fn a_thread_that_ends_leaves_its_records_and_then_nothing() {
    let queue = queue(1 << 30);
    recorded_in(&queue, Sampler::default(), || {
        for time in 0..20 {
            std::thread::spawn(move || assert!(push(&header(Kind::Start, time), &[]))).join().expect("pushed");
        }
        let mut all = times(&queue);
        all.sort_unstable();
        assert_eq!(all, (0..20).collect::<Vec<_>>());
        // What was still being closed at the first look is let go at the next one.
        times(&queue);
        assert!(lock(&queue.inbox).is_empty(), "no lane of a thread that is gone");
        assert_eq!(queue.waiting.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn threads_push_while_the_worker_reads() {
    const THREADS: u64 = 4;
    const EACH: u64 = if cfg!(miri) { 200 } else { 20_000 };
    let queue = queue(1 << 30);
    recorded_in(&queue, Sampler::default(), || {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|thread| {
                    scope.spawn(move || {
                        for n in 0..EACH {
                            assert!(push(&header(Kind::Start, thread << 32 | n), &[7; 100]));
                        }
                    })
                })
                .collect();
            let mut seen: Vec<Vec<u64>> = vec![Vec::new(); THREADS as usize];
            loop {
                let over = threads.iter().all(std::thread::ScopedJoinHandle::is_finished);
                queue.drain(|record| {
                    assert_eq!(record.parts.0, [7; 100]);
                    seen[(record.header.time >> 32) as usize].push(record.header.time & u64::from(u32::MAX));
                });
                if over {
                    break;
                }
                std::thread::yield_now();
            }
            for times in seen {
                assert_eq!(times, (0..EACH).collect::<Vec<_>>());
            }
        });
    });
}

#[test]
fn over_the_budget_spans_are_refused_and_open_ones_come_to_their_end() {
    let queue = queue(2 * CHUNK);
    recorded_in(&queue, Sampler::default(), || {
        let values = vec![7; CHUNK / 4];
        let accepted = (0..100).take_while(|&time| push(&header(Kind::Start, time), &values)).count();
        assert!((4..=12).contains(&accepted), "{accepted}");
        assert_eq!(queue.refused(), 1);
        assert!(!push(&header(Kind::Note, 1), &values));
        // Ends are taken, the values that belong to them are not; and the room they make is not for new spans.
        for time in 0..1000 {
            assert!(push(&header(Kind::End, time), &values));
        }
        assert!(!push(&header(Kind::Start, 1), &values));
        assert_eq!((queue.refused(), queue.cut()), (2, 1001));
        let held = queue.waiting.load(Ordering::Relaxed) + CHUNK;
        assert!(held <= 6 * CHUNK, "{held} bytes for a budget of {} and 1000 ends", 2 * CHUNK);
        let (mut starts, mut ends) = (0, 0);
        queue.drain(|record| match record.header.kind {
            Kind::Start => starts += 1,
            _ => ends += 1,
        });
        assert_eq!((starts, ends), (accepted, 1000));
        assert!(push(&header(Kind::Start, 1), &values), "there is room again");
        assert_eq!(queue.refused(), 2);
    });
}

#[test]
fn chunks_come_back_and_nothing_new_is_taken_once_warm() {
    let queue = queue(1 << 30);
    recorded_in(&queue, Sampler::default(), || {
        for round in 0..5 {
            for time in 0..400 {
                push(&header(Kind::Start, time), &[7; 1000]);
            }
            assert_eq!(times(&queue).len(), 400);
            let kept = lock(&queue.free).len();
            assert!((12..=14).contains(&kept), "{kept} chunks kept after round {round}");
        }
    });
}

#[test]
fn the_worker_is_woken_once_for_each_time_it_parks() {
    let (woken, wakes) = mpsc::channel();
    let wake = Box::new(move || woken.send(()).unwrap_or_default());
    let queue = Arc::new(Queue::new(global::next_generation(), 1 << 30, wake));
    recorded_in(&queue, Sampler::default(), || {
        push(&header(Kind::Start, 1), &[]);
        assert_eq!(wakes.try_iter().count(), 0, "it is not parked");
        queue.set_parked(true);
        push(&header(Kind::Start, 2), &[]);
        push(&header(Kind::Start, 3), &[]);
        assert_eq!(wakes.try_iter().count(), 1);
        queue.set_parked(true);
        queue.set_parked(false);
        push(&header(Kind::Start, 4), &[]);
        assert_eq!(wakes.try_iter().count(), 0, "it woke by itself");
    });
}

#[test]
fn a_thread_moves_to_the_pipeline_that_is_installed() {
    let (first, second) = (queue(1 << 30), queue(1 << 30));
    unrecorded(|| assert!(!push(&header(Kind::Start, 0), &[]), "without a pipeline nothing is taken"));
    recorded_in(&first, Sampler::default(), || assert!(push(&header(Kind::Start, 1), &[])));
    recorded_in(&second, Sampler::default(), || assert!(push(&header(Kind::Start, 2), &[])));
    assert_eq!(times(&first), [1]);
    times(&first);
    assert!(lock(&first.inbox).is_empty(), "the thread has closed its lane");
    assert_eq!(times(&second), [2]);
}

#[test]
fn a_record_from_a_thread_local_that_is_being_dropped_is_taken() {
    struct Last;
    impl Drop for Last {
        fn drop(&mut self) {
            assert!(push(&header(Kind::End, 9), &[]));
        }
    }
    thread_local! {
        static LAST: Last = const { Last };
    }
    let queue = queue(1 << 30);
    recorded_in(&queue, Sampler::default(), || {
        let thread = std::thread::spawn(|| {
            // In this order, so that the thread's own side of the queue is gone when `Last` is dropped.
            LAST.with(|_| ());
            push(&header(Kind::Start, 8), &[]);
        });
        thread.join().expect("no panic while the thread ends");
    });
    let mut all = times(&queue);
    all.extend(times(&queue));
    all.sort_unstable();
    assert_eq!(all, [8, 9]);
}
