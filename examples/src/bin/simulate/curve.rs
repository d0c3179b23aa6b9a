//! What a span costs the thread that makes it: against the spans of a trace, the spans that are open, the threads and the payload.

use std::error::Error;

use futures::channel::oneshot;
use futures::future::join_all;
use galileo::{Span, log};
use serde_json::{Value, json};

use crate::clock::thread_time;
use crate::settle;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Each point is the best of so many runs: the others had a page fault or a cold cache in them.
const RUNS: usize = 5;

#[log(span_type = "tool")]
fn step(payload: &str) -> usize {
    payload.len()
}

/// All four curves, as lists of [what, nanoseconds per span].
pub(crate) fn all() -> Result<Value> {
    let short = "x".repeat(64);
    for _ in 0..RUNS {
        steps(1000, &short)?;
    }
    settle()?;
    let spans = points(&[10, 100, 1000, 10_000], |count| steps(count, &short))?;
    let payload = points(&[16, 256, 1024, 4096, 16_384, 65_536], |bytes| steps(100, &"x".repeat(bytes)))?;
    let open = points(&[1, 10, 100, 1000, 10_000], |count| while_open(count, &short))?;
    let threads = points(&[1, 2, 4, 8, 16], |count| on_threads(count, &short))?;
    Ok(json!({ "spans": spans, "payload": payload, "open": open, "threads": threads }))
}

fn points(values: &[usize], measure: impl Fn(usize) -> Result<f64>) -> Result<Vec<(usize, u64)>> {
    let mut points = Vec::new();
    for value in values {
        let mut best = f64::MAX;
        for _ in 0..RUNS {
            best = best.min(measure(*value)?);
            settle()?;
        }
        points.push((*value, best.round() as u64));
    }
    Ok(points)
}

/// One trace of so many spans below its root.
fn steps(count: usize, payload: &str) -> Result<f64> {
    let _root = Span::workflow("steps").enter();
    let before = thread_time();
    (0..count).for_each(|_| {
        std::hint::black_box(step(payload));
    });
    Ok((thread_time() - before) as f64 / count as f64)
}

/// Spans that are made while so many others are open.
fn while_open(count: usize, payload: &str) -> Result<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let (ends, opened): (Vec<_>, Vec<_>) = (0..count).map(|_| oneshot::channel::<()>()).unzip();
        let open = join_all(opened.into_iter().map(wait));
        let measured = async {
            let cost = steps(1000, payload);
            drop(ends);
            cost
        };
        // Joined in this order, so that all of them are open before the measurement begins.
        futures::join!(open, measured).1
    })
}

#[log(skip_all)]
async fn wait(end: oneshot::Receiver<()>) {
    let _ = end.await;
}

/// So many threads at once, each with a trace of its own: the mean over them.
fn on_threads(count: usize, payload: &str) -> Result<f64> {
    let costs: Vec<Result<f64>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(|| steps(1000, payload))).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| "a thread panicked")?).collect()
    });
    let costs = costs.into_iter().collect::<Result<Vec<f64>>>()?;
    Ok(costs.iter().sum::<f64>() / costs.len() as f64)
}
