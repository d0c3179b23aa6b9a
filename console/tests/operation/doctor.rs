//! `galileo-console doctor` against a console and services with known faults.

use std::process::Command;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use galileo_console::model::Id;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::{Console, PROJECT};

/// The checks that the command prints, and whether it was content.
async fn doctor(console: &str, environment: &[(&str, &str)], arguments: &[&str]) -> (Vec<Value>, bool) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_galileo-console"));
    command.args(["doctor", "--json", "--url", console]).args(arguments).current_dir(std::env::temp_dir());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GALILEO_") || name.starts_with("OTEL_")) {
        command.env_remove(name);
    }
    command.env("GALILEO_SERVICE_NAME", "s").envs(environment.iter().copied());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let checks = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (checks, output.status.success())
}

/// Of one check: its verdict, and what it found.
fn verdicts<'a>(checks: &'a [Value], name: &str) -> Vec<(&'a str, &'a str)> {
    let of = checks.iter().filter(|check| check["check"] == name);
    of.map(|check| (check["verdict"].as_str().unwrap(), check["found"].as_str().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_in_order_passes_every_check() {
    let console = Console::start().await;
    let (trace, root, child) = (Id::random(), Id::random(), Id::random());
    let span = |kind: &str, id: Id, service: &str, spans: Value| json!({"type": kind, "id": id, "name": kind, "created_at": "2026-01-01T00:00:00Z", "metrics": {"duration_ns": 5}, "user_metadata": {"service.name": service}, "spans": spans});
    console.post_trace(json!({"type": "trace", "id": trace, "name": "t", "spans": [span("workflow", root, "front", json!([span("workflow", child, "back", json!([]))]))]})).await;
    console.post("/v2/projects", json!({"name": "known"})).await;
    let (checks, content) = doctor(&console.url(""), &[("GALILEO_PROJECT", "known")], &[]).await;
    assert!(content, "{checks:?}");
    for name in ["environment", "reachability", "login", "project", "clock", "links", "spans"] {
        assert!(verdicts(&checks, name).iter().all(|(verdict, _)| *verdict == "ok"), "{name}: {checks:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_is_not_there_and_a_key_that_is_refused_are_told() {
    let (checks, content) = doctor("http://127.0.0.1:1", &[], &[]).await;
    assert!(!content);
    assert!(
        matches!(verdicts(&checks, "reachability")[..], [("failed", text)] if text.contains("nothing listens")),
        "{checks:?}"
    );
    assert_eq!(verdicts(&checks, "login")[0].0, "skipped");
    assert_eq!(verdicts(&checks, "links")[0].0, "skipped");
    let config = galileo_console::Config { token: Some("0123456789abcdef0123".into()), ..Default::default() };
    let console = Console::with(config).await;
    let (checks, _) = doctor(&console.url(""), &[("GALILEO_API_KEY", "wrong")], &[]).await;
    assert!(matches!(verdicts(&checks, "login")[..], [("failed", text)] if text.contains("refused")), "{checks:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_links_and_spans_are_named_with_their_cure() {
    let console = Console::start().await;
    let spans = format!("/v2/projects/{PROJECT}/spans");
    // A span whose parent never came, one that never ended, an update without a span, and a request that was refused.
    let trace = Id::random();
    let orphan = json!({"trace_id": trace, "parent_id": Id::random(), "spans": [{"type": "tool", "id": Id::random(), "name": "t", "created_at": "2026-01-01T00:00:00Z", "output": "o", "metrics": {"duration_ns": 1}, "user_metadata": {"service.name": "back"}}]});
    console.post(&spans, orphan).await;
    let open = json!({"trace_id": trace, "parent_id": trace, "spans": [{"type": "workflow", "id": Id::random(), "name": "w", "created_at": "2026-01-01T00:00:00Z", "user_metadata": {"service.name": "died"}}]});
    console.post(&spans, open).await;
    let update = Id::random();
    console.patch(&format!("{spans}/{update}"), json!({"span_id": update, "output": "late"})).await;
    let (status, _) = console.send(reqwest::Method::POST, &spans, &json!({"trace_id": trace})).await;
    assert_eq!(status, 422);
    // A service whose request begins a trace of its own within the call of another one.
    for (service, kind, duration) in [("caller", "tool", 10_000_000_000_i64), ("callee", "workflow", 1_000_000_000)] {
        let trace = Id::random();
        let body = json!({"trace_id": trace, "parent_id": trace, "spans": [{"type": kind, "id": Id::random(), "name": "call", "created_at": "2026-02-01T00:00:01Z", "metrics": {"duration_ns": duration}, "user_metadata": {"service.name": service}}]});
        console.post(&spans, body).await;
    }
    let (checks, content) = doctor(&console.url(""), &[], &[]).await;
    assert!(!content);
    for (name, part) in [
        ("links", "1 spans of `back` name a parent that never arrived"),
        ("links", "1 traces of `callee` lie within calls of `caller`"),
        ("spans", "1 spans of `died` began and never ended"),
        ("spans", "1 updates are here for spans that never came"),
        ("spans", "1 requests to `POST spans` were refused with 422: body.parent_id: Field required"),
    ] {
        let found =
            checks.iter().find(|check| check["check"] == name && check["found"].as_str().unwrap().contains(part));
        assert!(found.is_some_and(|check| !check["fix"].as_str().unwrap().is_empty()), "{part}: {checks:?}");
    }
}

/// A service that leaves a span under the trace of its caller, and asks another one, with the headers or without.
async fn service(
    console: String,
    name: &'static str,
    next: Option<String>,
    sends_headers: bool,
    reads_headers: bool,
) -> String {
    let handler = async move |headers: HeaderMap| {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let received = headers.get("x-galileo-trace-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let trace = received.filter(|_| reads_headers).unwrap_or_else(|| Id::random().to_string());
        let body = json!({"trace_id": trace, "parent_id": trace, "spans": [{"type": "workflow", "id": Id::random(), "name": name, "metrics": {"duration_ns": 1}, "user_metadata": {"service.name": name}}]});
        client.post(format!("{console}/v2/projects/{PROJECT}/spans")).json(&body).send().await.unwrap();
        if let Some(next) = &next {
            let request = client.get(next);
            let request = if sends_headers { request.header("x-galileo-trace-id", &trace) } else { request };
            request.send().await.unwrap();
        }
        "done"
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", get(handler))).await });
    format!("http://{address}/")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_side_that_drops_the_headers_is_found() {
    let console = Console::start().await;
    let url = console.url("");
    for (sends, reads, expected) in [
        (true, true, "is one trace with spans of `back`, `front`"),
        (false, true, "its call does not carry the headers"),
        (true, false, "does not continue the trace of its caller"),
    ] {
        let back = service(url.clone(), "back", None, true, reads).await;
        let front = service(url.clone(), "front", Some(back.clone()), sends, true).await;
        let (checks, _) =
            doctor(&url, &[], &["--hop", &front, &back, "--wait", if sends && reads { "30" } else { "1" }]).await;
        let found = verdicts(&checks, "propagation");
        assert!(
            found.iter().any(|(verdict, text)| text.contains(expected) && (*verdict == "ok") == (sends && reads)),
            "{found:?}"
        );
    }
    assert!(
        console
            .client
            .get(console.url("/api/console/doctor"))
            .timeout(Duration::from_secs(60))
            .send()
            .await
            .unwrap()
            .status()
            .is_success()
    );
}
