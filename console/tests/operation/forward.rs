//! Forwarding between real consoles and to targets that fail in scripted ways.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use galileo_console::Config;
use galileo_console::forward::Target;
use galileo_console::model::Id;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::{Console, PROJECT};

/// How long something that must happen may take on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

fn target(address: &str) -> Target {
    Target::new(address).unwrap().settle(Duration::ZERO)
}

fn to(addresses: &[String], database: Option<PathBuf>) -> Config {
    Config { database, forward: addresses.iter().map(|address| target(address)).collect(), ..Config::default() }
}

/// The account of the only target, once it is as wanted.
async fn account(console: &Console, wanted: impl Fn(&Value) -> bool) -> Value {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let status = console.get("/api/console/status").await;
        let forward = &status["forward"][0];
        let count = |name: &str| forward[name].as_i64().unwrap();
        let gone: i64 = ["delivered", "queued", "rejected", "looped", "forgotten"].map(count).iter().sum();
        assert_eq!(count("accepted"), gone, "{forward}");
        if wanted(forward) {
            return forward.clone();
        }
        assert!(tokio::time::Instant::now() < deadline, "{forward}");
        tokio::task::yield_now().await;
    }
}

fn settled(forward: &Value) -> bool {
    forward["queued"] == 0 && forward["accepted"].as_i64() > Some(0)
}

/// A target that answers by a script and keeps what it took.
#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<u16>>>,
    taken: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
}

impl Script {
    async fn serve(&self, answers: &[u16]) -> String {
        self.answers.lock().unwrap().extend(answers);
        let script = self.clone();
        let answer = async move |headers: HeaderMap, body: Bytes| {
            let status = script.answers.lock().unwrap().pop_front().unwrap_or(200);
            let bad = body.windows(8).any(|window| window == b"bad-span");
            if status == 200 && bad {
                return StatusCode::BAD_REQUEST;
            }
            if status == 200 {
                script.taken.lock().unwrap().push((headers, body));
            }
            StatusCode::from_u16(status).unwrap()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/v1/traces", post(answer))).await });
        format!("http://{address}")
    }

    fn holds(&self, text: &str) -> bool {
        let taken = self.taken.lock().unwrap();
        taken.iter().any(|(_, body)| body.windows(text.len()).any(|window| window == text.as_bytes()))
    }
}

async fn span(console: &Console, name: &str) {
    let (trace, id) = (Id::random(), Id::random());
    let body = json!({"trace_id": trace, "parent_id": trace, "spans": [{"type": "tool", "id": id, "name": name, "output": "o"}]});
    console.post(&format!("/v2/projects/{PROJECT}/spans"), body).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_of_every_protocol_arrive_with_their_ids() {
    let second = Console::start().await;
    let first = Console::with(to(&[second.url("")], None)).await;
    // A W3C trace whose id and span ids are no UUIDs of version 4, in the middle a Galileo service that received them.
    let (trace, root, leaf) = ("0af7651916cd03dd0448eb211c80319c", "37ad6b7169203331", "00f067aa0ba902b7");
    let otlp = |id: &str, parent: &str, name: &str, service: &str| {
        json!({"resourceSpans": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}, "scopeSpans": [{"spans": [
            {"traceId": trace, "spanId": id, "parentSpanId": parent, "name": name, "kind": 2, "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000000500000000",
             "attributes": [{"key": "deep", "value": {"arrayValue": {"values": [{"intValue": "1"}]}}}]}]}]}]})
    };
    let uuid = "0af76519-16cd-43dd-8448-eb211c80319c";
    let (entry, child) = ("44444444-4444-4444-8444-444444444401", "44444444-4444-4444-8444-444444444402");
    // The Galileo service ends before the service that called it.
    let metadata = json!({"service.name": "rust", "w3c.trace_id": trace, "w3c.parent_id": root});
    let spans = json!({"trace_id": uuid, "parent_id": uuid, "spans": [{"type": "workflow", "id": entry, "name": "entry", "created_at": "2023-11-14T22:13:20.1Z", "metrics": {"duration_ns": 1000}, "user_metadata": metadata,
        "spans": [{"type": "llm", "id": child, "name": "call", "created_at": "2023-11-14T22:13:20.2Z", "metrics": {"duration_ns": 10, "num_input_tokens": 3}, "input": [{"role": "user", "content": "hi"}], "output": {"role": "assistant", "content": "yes"}}]}]});
    first.post(&format!("/v2/projects/{PROJECT}/spans"), spans).await;
    first.post("/v1/traces", otlp(leaf, "8444444444444401", "leaf", "otel")).await;
    first.post("/v1/traces", otlp(root, "", "root", "front")).await;
    // A run of LangSmith with its child.
    let (run, inner) = ("0199b7a0-1111-7222-8333-444444444444", "0199b7a0-1111-7222-8333-555555555555");
    let runs = json!({"post": [
        {"id": run, "trace_id": run, "name": "chain", "run_type": "chain", "start_time": "2023-11-14T22:13:20", "end_time": "2023-11-14T22:13:21", "inputs": {"q": 1}, "outputs": {"a": 2}, "session_name": "smith"},
        {"id": inner, "trace_id": run, "parent_run_id": run, "name": "tool", "run_type": "tool", "start_time": "2023-11-14T22:13:20", "end_time": "2023-11-14T22:13:21", "inputs": {"input": "x"}, "outputs": {"output": "y"}}]});
    let (status, _) = first.send(Method::POST, "/runs/batch", &runs).await;
    assert_eq!(status, 202);
    account(&first, |forward| forward["delivered"] == 6).await;

    let tree = |view: &Value| -> Vec<(String, String, u64, String)> {
        let spans = view["spans"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        spans
            .map(|span| {
                (
                    text(&span["name"]),
                    text(&span["service"]),
                    span["depth"].as_u64().unwrap(),
                    text(&span["id"])[19..].to_owned(),
                )
            })
            .collect()
    };
    for id in [uuid, "0199b7a0-1111-4222-8333-444444444444"] {
        let path = format!("/api/console/traces/{id}");
        let (sent, received) = (first.get(&path).await, second.get(&path).await);
        assert_eq!(tree(&sent), tree(&received));
        assert_eq!(sent["summary"]["span_count"], received["summary"]["span_count"]);
    }
    // The ids as bytes, with the bits that a UUID would fix.
    let file = second.get(&format!("/api/console/traces/{uuid}/download")).await;
    let all: Vec<&Value> = file["resourceSpans"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|resource| resource["scopeSpans"][0]["spans"].as_array().unwrap())
        .collect();
    let find = |name: &str| *all.iter().find(|span| span["name"] == name).unwrap();
    assert!(all.iter().all(|span| span["traceId"] == trace), "{file}");
    assert_eq!((&find("root")["spanId"], &find("entry")["parentSpanId"]), (&json!(root), &json!(root)));
    assert_eq!((&find("leaf")["spanId"], &find("leaf")["parentSpanId"]), (&json!(leaf), &json!("8444444444444401")));
    assert_eq!(
        find("leaf")["attributes"],
        otlp("", "", "", "")["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"]
    );
    let llm = second.get(&format!("/api/console/traces/{uuid}")).await["spans"]
        .as_array()
        .unwrap()
        .iter()
        .find(|span| span["name"] == "call")
        .unwrap()
        .clone();
    assert_eq!(
        (&llm["type"], &llm["tokens"]["input"], &llm["detail"]["output"]["content"]),
        (&json!("llm"), &json!(3), &json!("yes"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_and_a_restart_lose_nothing() {
    let folder = std::env::temp_dir().join(format!("galileo-console-test-{}", Id::random()));
    let script = Script::default();
    let address = script.serve(&[503, 429, 500, 404, 401, 302]).await;
    let console = Console::with(to(std::slice::from_ref(&address), Some(folder.join("a.db")))).await;
    span(&console, "one").await;
    let after = account(&console, settled).await;
    assert_eq!((&after["delivered"], &after["failures"], &after["error"]), (&json!(1), &json!(6), &Value::Null));
    // Nobody listens there: the queue waits in the file until somebody does.
    script.answers.lock().unwrap().extend([503; 1000]);
    span(&console, "two").await;
    account(&console, |forward| forward["queued"] == 1 && forward["failures"].as_i64() > Some(6)).await;
    console.stop().await;
    script.answers.lock().unwrap().clear();
    let console = Console::with(to(&[address], Some(folder.join("a.db")))).await;
    let after = account(&console, settled).await;
    assert_eq!(after["delivered"], 2, "the account goes on where it was");
    assert!(script.holds("one") && script.holds("two"));
    let text = console.client.get(console.url("/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(text.contains("galileo_forward_spans_total") && text.contains(r#"fate="delivered"} 2"#), "{text}");
    console.stop().await;
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_that_the_target_refuses_costs_no_other() {
    let script = Script::default();
    // The first answers hold the queue back until all spans are in it.
    let address = script.serve(&[503; 3]).await;
    let console = Console::with(to(&[address], None)).await;
    for index in 0..20 {
        span(&console, &if index == 7 { "bad-span".to_owned() } else { format!("good-{index}-") }).await;
    }
    let after = account(&console, settled).await;
    assert_eq!((&after["delivered"], &after["rejected"]), (&json!(19), &json!(1)));
    assert!((0..20).filter(|index| *index != 7).all(|index| script.holds(&format!("good-{index}-"))));
}

/// c14: the only credentials that go out are those of the configuration.
#[tokio::test(flavor = "multi_thread")]
async fn keys_of_senders_are_neither_kept_nor_passed_on() {
    let folder = std::env::temp_dir().join(format!("galileo-console-test-{}", Id::random()));
    let script = Script::default();
    let address = script.serve(&[]).await;
    let own = target(&address).header("X-Own", "own-key").unwrap();
    let config = Config { database: Some(folder.join("a.db")), forward: vec![own], ..Config::default() };
    let console = Console::with(config).await;
    let trace = Id::random();
    let body = json!({"trace_id": trace, "parent_id": trace, "spans": [{"type": "tool", "id": Id::random(), "name": "t", "output": "o"}]});
    let request = console.client.post(console.url(&format!("/v2/projects/{PROJECT}/spans"))).json(&body);
    let request = ["Galileo-API-Key", "Authorization", "x-api-key", "Cookie"]
        .iter()
        .fold(request, |request, name| request.header(*name, "sender-secret"));
    assert_eq!(request.send().await.unwrap().status(), 200);
    account(&console, settled).await;
    let (headers, body) = script.taken.lock().unwrap()[0].clone();
    assert_eq!(headers["x-own"], "own-key");
    assert!(
        !format!("{headers:?}").contains("sender-secret") && !String::from_utf8_lossy(&body).contains("sender-secret")
    );
    for path in ["/metrics", "/api/console/status"] {
        let text = console.client.get(console.url(path)).send().await.unwrap().text().await.unwrap();
        assert!(!text.contains("own-key") && !text.contains("sender-secret"), "{text}");
    }
    console.stop().await;
    for file in std::fs::read_dir(&folder).unwrap() {
        let bytes = match std::fs::read(file.unwrap().path()) {
            // A file of the write-ahead log, which goes with the last connection.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            read => read.unwrap(),
        };
        for secret in [&b"sender-secret"[..], b"own-key"] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret));
        }
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn consoles_that_forward_in_a_circle_notice_it() {
    let listeners = [TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap()];
    let addresses = listeners.each_ref().map(|listener| format!("http://{}", listener.local_addr().unwrap()));
    let [one, two] = listeners;
    let first = Console::on(one, to(&[addresses[1].clone()], None)).await;
    let second = Console::on(two, to(&[addresses[0].clone()], None)).await;
    span(&first, "round").await;
    assert_eq!(account(&first, settled).await["delivered"], 1);
    let back = account(&second, settled).await;
    assert_eq!((&back["looped"], &back["delivered"]), (&json!(1), &json!(0)));
    // And one that is its own target.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = format!("http://{}", listener.local_addr().unwrap());
    let console = Console::on(listener, to(&[own], None)).await;
    span(&console, "self").await;
    assert_eq!(account(&console, settled).await["looped"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_retention_takes_from_the_queue_is_counted() {
    let script = Script::default();
    let address = script.serve(&[503; 1000]).await;
    let console = Console::with(to(&[address], None)).await;
    span(&console, "old").await;
    account(&console, |forward| forward["queued"] == 1).await;
    console.post("/api/console/prune", json!({"seconds": 0})).await;
    let after = account(&console, settled).await;
    assert_eq!((&after["forgotten"], &after["delivered"]), (&json!(1), &json!(0)));
}
