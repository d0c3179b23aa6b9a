//! The work under `tracing` with OpenTelemetry's batch processor behind it.

use crate::contestant::Contestant;
use crate::work::{answer, pause};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SdkTracerProvider, SpanData, SpanExporter};
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tracing::field::Empty;
use tracing::{Span, info_span, instrument};
use tracing_subscriber::prelude::*;

/// `tracing` + `tracing-opentelemetry` + the SDK's batch processor, with an exporter that counts and discards.
pub struct Otel {
    provider: SdkTracerProvider,
    seen: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Counting(Arc<AtomicU64>);

impl SpanExporter for Counting {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.fetch_add(batch.len() as u64, Ordering::Relaxed);
        std::hint::black_box(batch);
        Ok(())
    }
}

#[derive(Serialize)]
struct Input<'a> {
    question: &'a str,
    limit: u32,
}

fn as_json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[instrument(skip_all)]
#[inline(never)]
fn empty() {
    std::hint::black_box(());
}

#[instrument(skip_all, fields(input = as_json(&Input { question, limit }), output = Empty))]
fn json(question: &str, limit: u32) -> String {
    let result = answer(question, limit);
    Span::current().record("output", as_json(&result));
    result
}

#[instrument(skip_all)]
async fn empty_async() {
    pause().await;
}

#[instrument(skip_all, fields(input = as_json(&Input { question, limit }), output = Empty))]
async fn json_async(question: &str, limit: u32) -> String {
    pause().await;
    let result = answer(question, limit);
    Span::current().record("output", as_json(&result));
    result
}

#[instrument(skip_all, fields(input = as_json(&Input { question, limit: depth }), output = Empty))]
fn branch(question: &str, depth: u32) -> String {
    if depth > 0 {
        (0..10).for_each(|_| drop(branch(question, depth - 1)));
    }
    let result = answer(question, depth);
    Span::current().record("output", as_json(&result));
    result
}

impl Contestant for Otel {
    fn start() -> Self {
        let seen = Arc::<AtomicU64>::default();
        let processor = BatchSpanProcessor::builder(Counting(seen.clone())).build();
        let provider = SdkTracerProvider::builder().with_span_processor(processor).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("bench"));
        tracing_subscriber::registry().with(layer).init();
        Self { provider, seen }
    }

    fn under_root(work: &mut dyn FnMut()) {
        info_span!("root").in_scope(work);
    }

    fn root() {
        empty();
    }

    fn empty() {
        empty();
    }

    fn json(question: &str, limit: u32) -> String {
        json(question, limit)
    }

    fn empty_async() -> impl Future<Output = ()> {
        empty_async()
    }

    fn json_async(question: &str, limit: u32) -> impl Future<Output = String> {
        json_async(question, limit)
    }

    fn tree(question: &str, depth: u32) -> String {
        branch(question, depth)
    }

    fn flush(&self) {
        self.provider.force_flush().expect("the exporter cannot fail");
    }

    fn seen(&self) -> u64 {
        self.seen.load(Ordering::Relaxed)
    }
}
