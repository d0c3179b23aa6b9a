//! `GET /metrics` over a socket.

use crate::support::{Console, PROJECT, SPAN, TRACE};
use serde_json::json;

const CHILD: &str = "44444444-4444-4444-8444-444444444402";

async fn scrape(console: &Console) -> String {
    console.client.get(console.url("/metrics")).send().await.unwrap().text().await.unwrap()
}

fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

#[tokio::test]
async fn spans_count_once_when_they_have_ended_under_their_service() {
    let console = Console::start().await;
    let spans = format!("/v2/projects/{PROJECT}/spans");
    let root = json!({"trace_id": TRACE, "parent_id": TRACE, "spans": [{"type": "workflow", "id": SPAN, "name": "ask \"it\"", "created_at": "2026-01-01T00:00:00Z", "user_metadata": {"service.name": "front"}}]});
    console.post(&spans, root).await;
    let labels = r#"service="front",type="workflow",name="ask \"it\"""#;
    let text = scrape(&console).await;
    assert_eq!(
        (value(&text, "galileo_open_spans"), value(&text, &format!("galileo_spans_total{{{labels},outcome=\"ok\"}}"))),
        (Some(1.0), None),
        "{text}"
    );

    let child = json!({"trace_id": TRACE, "parent_id": SPAN, "spans": [{
        "type": "llm", "id": CHILD, "name": "m", "output": {"role": "assistant", "content": "a"}, "status_code": 500, "created_at": "2026-01-01T00:00:00Z",
        "metrics": {"duration_ns": 40_000_000, "num_input_tokens": 3, "num_output_tokens": 4}}]});
    console.post(&spans, child.clone()).await;
    console
        .patch(&format!("{spans}/{SPAN}"), json!({"span_id": SPAN, "output": "o", "duration_ns": 2_000_000_000}))
        .await;
    for _ in 0..2 {
        let text = scrape(&console).await;
        let llm = r#"service="front",type="llm",name="m""#;
        for (series, expected) in [
            ("galileo_open_spans".to_owned(), 0.0),
            (format!("galileo_spans_total{{{labels},outcome=\"ok\"}}"), 1.0),
            (format!("galileo_spans_total{{{llm},outcome=\"error\"}}"), 1.0),
            (format!("galileo_tokens_total{{{llm},direction=\"input\"}}"), 3.0),
            (format!("galileo_span_duration_seconds_bucket{{{llm},le=\"0.01\"}}"), 0.0),
            (format!("galileo_span_duration_seconds_bucket{{{llm},le=\"0.05\"}}"), 1.0),
            (format!("galileo_span_duration_seconds_bucket{{{llm},le=\"+Inf\"}}"), 1.0),
            (format!("galileo_span_duration_seconds_sum{{{labels}}}"), 2.0),
        ] {
            assert_eq!(value(&text, &series), Some(expected), "{series}\n{text}");
        }
        // A repeat is no new span.
        console.post(&spans, child.clone()).await;
    }
    console.post("/api/console/prune", json!({"seconds": 0})).await;
    console.post(&spans, child).await;
    let text = scrape(&console).await;
    assert_eq!(
        value(&text, r#"galileo_spans_total{service="",type="llm",name="m",outcome="error"}"#),
        Some(1.0),
        "numbers begin anew: {text}"
    );
    console.stop().await;
}
