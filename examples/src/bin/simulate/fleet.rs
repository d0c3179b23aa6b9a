//! A fleet of services that call each other: requests of four shapes, each hop by headers, each service with its own name.

use std::collections::HashMap;
use std::error::Error;
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, join_all};
use futures::stream::{self, StreamExt};
use galileo::prelude::*;
use galileo::{Context, Span, current_span};
use galileo_console::model::TraceQuery;
use galileo_examples::console::Console;
use serde_json::{Value, json};

use crate::clock::time_of;
use crate::{Options, settle};

/// One step of a request; what it calls goes on in other services.
struct Shape {
    name: &'static str,
    kind: fn(&str) -> Span,
    /// Bytes of input and output.
    bytes: usize,
    calls: Vec<Shape>,
}

fn shape(name: &'static str, kind: fn(&str) -> Span, bytes: usize, calls: Vec<Shape>) -> Shape {
    Shape { name, kind, bytes, calls }
}

/// Of ten requests five are RAG questions, three chats, one is an agent's loop and one a batch job.
fn request(number: usize) -> Shape {
    let leaf = |name, kind, bytes| shape(name, kind, bytes, Vec::new());
    match number % 10 {
        0..5 => {
            let cache = shape("cache", Span::tool, 120, vec![leaf("get", Span::tool, 120)]);
            let search = shape("search", Span::tool, 200, vec![leaf("nearest", Span::retriever, 4000)]);
            let rag =
                shape("rag", Span::tool, 4200, vec![leaf("prepare", Span::tool, 4000), leaf("ask", Span::llm, 6000)]);
            shape("question", Span::workflow, 300, vec![leaf("auth", Span::tool, 80), cache, search, rag])
        }
        5..8 => {
            shape("chat", Span::workflow, 800, vec![leaf("ask", Span::llm, 2500), leaf("moderate", Span::tool, 400)])
        }
        8 => {
            let turn = |_| {
                let tool = shape("tool", Span::tool, 900, vec![leaf("run", Span::tool, 900)]);
                shape("turn", Span::workflow, 400, vec![leaf("decide", Span::llm, 5000), tool])
            };
            shape("agent", Span::agent, 500, (0..6).map(turn).collect())
        }
        _ => shape("import", Span::workflow, 100, (0..50).map(|_| leaf("row", Span::tool, 250)).collect()),
    }
}

fn count(shape: &Shape) -> usize {
    1 + shape.calls.iter().map(count).sum::<usize>()
}

/// Runs a shape: calls that lie beside each other run at the same time, each reached through headers as in a fleet.
fn serve(shape: &Shape, service: usize, services: usize) -> BoxFuture<'_, ()> {
    let span =
        (shape.kind)(shape.name).input("q".repeat(shape.bytes)).metadata("service.name", format!("service-{service}"));
    let work = async move {
        let mut headers: HashMap<String, String> = HashMap::new();
        Context::current().inject(&mut headers);
        let calls = shape.calls.iter().enumerate().map(|(number, call)| {
            let next = (service * 31 + number * 17 + 1) % services;
            serve(call, next, services).in_context(Context::extract(&headers))
        });
        join_all(calls).await;
        current_span().set_output("a".repeat(shape.bytes));
    };
    Box::pin(work.in_span(span))
}

/// Sends all requests, and says what each span cost and whether the console has every one.
pub(crate) async fn run(options: &Options, console: &Console) -> Result<Value, Box<dyn Error + Send + Sync>> {
    let shapes: Vec<Shape> = (0..options.requests).map(request).collect();
    let spans: usize = shapes.iter().map(count).sum();
    let known = stored(console).await?;
    let (worker, started) = (time_of("galileo")?, Instant::now());
    let served = stream::iter(shapes.iter().enumerate()).map(|(number, shape)| {
        let service = (number * 7919) % options.services;
        async move { serve(shape, service, options.services).in_context(Context::root()).await }
    });
    served.buffer_unordered(options.at_once).collect::<Vec<()>>().await;
    let recorded = started.elapsed();
    tokio::task::spawn_blocking(settle).await??;
    let delivered = started.elapsed();
    let worker = time_of("galileo")? - worker;
    let arrived = stored(console).await? - known;
    if arrived != spans {
        return Err(format!("{spans} spans were made and {arrived} are in the console").into());
    }
    let per_second = |time: Duration| (spans as f64 / time.as_secs_f64()).round() as u64;
    Ok(json!({
        "services": options.services,
        "requests": options.requests,
        "spans": spans,
        "recorded_per_second": per_second(recorded),
        "delivered_per_second": per_second(delivered),
        "worker_ns_per_span": worker / spans as u64,
    }))
}

/// Spans in the console.
async fn stored(console: &Console) -> Result<usize, Box<dyn Error + Send + Sync>> {
    let (mut sum, mut after) = (0, None);
    loop {
        let page = console.store.traces(TraceQuery { limit: 500, after, ..TraceQuery::default() }).await?;
        sum += page.rows.iter().map(|row| row.span_count as usize).sum::<usize>();
        after = page.next;
        if after.is_none() {
            return Ok(sum);
        }
    }
}
