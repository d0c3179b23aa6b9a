//! A test that looks at a trace: what the agent did, not what it said. Needs no server and no `init`.
//!
//! In your own package this is a `#[test]` below `tests/`, with `galileo-sdk = { .., features = ["testing"] }` among the dev-dependencies.

use galileo::{log, testing};
use serde_json::json;

#[log(span_type = "tool")]
async fn forecast(city: &str) -> u32 {
    tokio::task::yield_now().await;
    city.len() as u32
}

#[log(span_type = "agent")]
async fn plan(cities: [&str; 2]) -> u32 {
    let [a, b] = cities.map(forecast);
    let (a, b) = tokio::join!(a, b);
    a.max(b)
}

/// Runs the agent and checks its trace.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() {
    let (degrees, trace) = testing::run_async(|| plan(["Pisa", "Padua"])).await;
    assert_eq!(degrees, 5);
    trace.no_errors().span_count(3).tool_args_match("forecast", json!({ "city": "Padua" }));
    trace.named("plan").children_parallel();
    assert_eq!(
        trace.to_string(),
        "agent plan {\"cities\":[\"Pisa\",\"Padua\"]} -> 5\n\
         ├─ tool forecast {\"city\":\"Pisa\"} -> 4\n\
         └─ tool forecast {\"city\":\"Padua\"} -> 5\n"
    );
}
