//! The same spans as LangSmith runs: here to the console, which speaks that protocol too.

use galileo::{Config, Mode, log};

#[log(span_type = "tool")]
fn count(text: &str) -> usize {
    text.len()
}

#[log]
fn report(text: &str) -> String {
    // The headers by which a service with LangSmith's own SDK would continue this run.
    assert!(galileo::get_tracing_headers().contains_key("langsmith-trace"));
    format!("{} letters", count(text))
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let langsmith = std::env::var("GALILEO_API_URL").unwrap_or_else(|_| "https://api.smith.langchain.com".to_owned());
    let config = Config::builder().mode(Mode::Distributed).exporters("langsmith");
    let _galileo = config.variable("LANGSMITH_ENDPOINT", langsmith).init()?;
    println!("{}", report("Ganymede"));
    Ok(())
}
