//! The work under `fastrace`, as its own attribute and documentation suggest it.

use crate::contestant::Contestant;
use crate::work::{answer, pause};
use fastrace::collector::{Config, Reporter, SpanContext, SpanRecord};
use fastrace::prelude::{LocalSpan, Span, trace};
use fastrace_opentelemetry::OpenTelemetryReporter;
use opentelemetry::InstrumentationScope;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use serde::Serialize;
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// fastrace with a reporter that counts and discards.
pub struct Fastrace(Arc<AtomicU64>);

struct Counting(Arc<AtomicU64>);

impl Reporter for Counting {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        self.0.fetch_add(spans.len() as u64, Ordering::Relaxed);
        std::hint::black_box(spans);
    }
}

#[derive(Serialize)]
struct Input<'a> {
    question: &'a str,
    limit: u32,
}

fn input(question: &str, limit: u32) -> (&'static str, String) {
    ("input", serde_json::to_string(&Input { question, limit }).unwrap_or_default())
}

fn output(value: &str) -> (&'static str, String) {
    ("output", serde_json::to_string(value).unwrap_or_default())
}

#[trace]
#[inline(never)]
fn empty() {
    std::hint::black_box(());
}

#[trace]
fn json(question: &str, limit: u32) -> String {
    LocalSpan::add_property(|| input(question, limit));
    let result = answer(question, limit);
    LocalSpan::add_property(|| output(&result));
    result
}

#[trace]
async fn empty_async() {
    pause().await;
}

#[trace]
async fn json_async(question: &str, limit: u32) -> String {
    LocalSpan::add_property(|| input(question, limit));
    pause().await;
    let result = answer(question, limit);
    LocalSpan::add_property(|| output(&result));
    result
}

#[trace]
fn branch(question: &str, depth: u32) -> String {
    LocalSpan::add_property(|| input(question, depth));
    if depth > 0 {
        (0..10).for_each(|_| drop(branch(question, depth - 1)));
    }
    let result = answer(question, depth);
    LocalSpan::add_property(|| output(&result));
    result
}

/// fastrace with its reporter for OpenTelemetry and OTLP over HTTP, as its documentation shows.
///
/// # Panics
///
/// When the exporter cannot be built.
pub fn start_otlp(url: &str) {
    // One that is installed already is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let exporter = SpanExporter::builder().with_http().with_endpoint(format!("{url}/v1/traces"));
    let exporter = exporter.with_protocol(Protocol::HttpBinary).build().expect("an exporter");
    let resource = Resource::builder().with_service_name("bench").build();
    let scope = InstrumentationScope::builder("bench").build();
    fastrace::set_reporter(OpenTelemetryReporter::new(exporter, Cow::Owned(resource), scope), Config::default());
}

impl Contestant for Fastrace {
    fn start() -> Self {
        let seen = Arc::<AtomicU64>::default();
        fastrace::set_reporter(Counting(seen.clone()), Config::default());
        Self(seen)
    }

    fn under_root(work: &mut dyn FnMut()) {
        let root = Span::root("root", SpanContext::random());
        let _guard = root.set_local_parent();
        work();
    }

    fn root() {
        let root = Span::root("root", SpanContext::random());
        let _guard = root.set_local_parent();
        std::hint::black_box(());
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
        let root = Span::root("root", SpanContext::random()).with_property(|| input(question, depth));
        let _guard = root.set_local_parent();
        (0..10).for_each(|_| drop(branch(question, depth - 1)));
        let result = answer(question, depth);
        LocalSpan::add_property(|| output(&result));
        result
    }

    fn flush(&self) {
        fastrace::flush();
    }

    fn seen(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
