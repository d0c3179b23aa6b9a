//! The same spans to anything that takes OpenTelemetry: here to the console's OTLP address, in production to a Collector.

use galileo::{Config, Mode, log};

#[log(span_type = "retriever")]
fn search(query: &str) -> Vec<String> {
    vec![format!("a document about {query}")]
}

#[log]
fn answer(question: &str) -> String {
    search(question).join("\n")
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let collector = std::env::var("GALILEO_API_URL").unwrap_or_else(|_| "http://127.0.0.1:4318".to_owned());
    let config = Config::builder().mode(Mode::Distributed).exporters("otlp");
    let _galileo = config.variable("OTEL_EXPORTER_OTLP_ENDPOINT", collector).init()?;
    println!("{}", answer("moons"));
    Ok(())
}
