//! One tree of OpenTelemetry's spans and ours: a service that uses OpenTelemetry adds the processor, and `#[log]` where it likes.

use galileo::otel::{GalileoIdGenerator, GalileoSpanProcessor};
use galileo::{Config, export::Memory};
use opentelemetry::KeyValue;
use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::error::Error;

#[galileo::log(span_type = "retriever")]
fn search(query: &str) -> Vec<String> {
    // A library with OpenTelemetry inside: its span is a child of this function's.
    opentelemetry::global::tracer("index").in_span("scan", |_| vec![format!("all about {query}")])
}

/// A request as a web framework with OpenTelemetry would trace it.
pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let memory = Memory::new();
    // To Galileo: `GalileoSpanProcessor::from_env()?`.
    let processor = GalileoSpanProcessor::with_config(Config::builder().exporter(memory.clone()))?;
    let provider =
        SdkTracerProvider::builder().with_span_processor(processor).with_id_generator(GalileoIdGenerator).build();
    opentelemetry::global::set_tracer_provider(provider.clone());
    provider.tracer("shop").in_span("POST /ask", |cx| {
        cx.span().set_attribute(KeyValue::new("gen_ai.operation.name", "invoke_agent"));
        search("moons")
    });
    provider.shutdown()?;

    let names: Vec<_> = memory.spans().into_iter().map(|span| (span.span_type.as_str(), span.name)).collect();
    let expected = [("workflow", "scan"), ("retriever", "search"), ("agent", "POST /ask")];
    assert_eq!(names, expected.map(|(kind, name)| (kind, name.to_owned())));
    Ok(())
}
