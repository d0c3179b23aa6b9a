//! Spans per second through the Galileo API, committed before the answer: `cargo bench -p galileo-console --bench ingest`.
//!
//! A real console on a file, real sockets, bodies that were made beforehand. Each request is one whole trace of nested spans, as the
//! SDK sends a finished trace. Client and server share the machine's cores.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use galileo_console::model::Id;
use galileo_console::{Config, serve};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const PROJECT: &str = "11111111-1111-4111-8111-111111111111";
const SPANS_PER_TRACE: usize = 20;
const CONNECTIONS: usize = 8;

fn span(kind: &str, name: &str, moment: usize) -> Value {
    let text = "What did Galileo observe in 1610? The four largest moons of Jupiter, seen through a telescope of his own making.";
    let mut span = json!({
        "type": kind, "id": Id::random(), "name": name, "created_at": format!("2026-01-01T00:{:02}:{:02}.{:06}Z", moment / 60 % 60, moment % 60, moment % 1_000_000),
        "user_metadata": {"service.name": "bench", "k": "v"}, "tags": ["a"], "status_code": 200, "metrics": {"duration_ns": 1_000_000}, "input": text, "output": text,
    });
    match kind {
        "llm" => {
            span["input"] =
                json!([{"role": "system", "content": "Answer from the passages."}, {"role": "user", "content": text}]);
            span["output"] = json!({"role": "assistant", "content": text});
            span["model"] = json!("m");
            span["metrics"] = json!({"duration_ns": 5_000_000, "num_input_tokens": 40, "num_output_tokens": 30, "num_total_tokens": 70});
        }
        "retriever" => {
            span["output"] =
                json!([{"content": text, "metadata": {"score": 0.5}}, {"content": text, "metadata": {"score": 0.25}}])
        }
        _ => {}
    }
    span
}

fn trace(moment: usize) -> Vec<u8> {
    let mut agent = span("agent", "agent", moment);
    let kinds = ["llm", "tool", "retriever"];
    agent["spans"] = (0..SPANS_PER_TRACE - 2).map(|n| span(kinds[n % 3], "step", moment)).collect();
    let mut root = span("workflow", "root", moment);
    root["spans"] = json!([agent]);
    let mut trace = span("trace", "question", moment);
    trace["spans"] = json!([root]);
    let body = json!({"traces": [trace], "is_complete": true, "reliable": true}).to_string();
    format!("POST /v2/projects/{PROJECT}/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn main() {
    let seconds: u64 = std::env::var("BENCH_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let folder = std::env::temp_dir().join(format!("galileo-console-bench-{}", Id::random()));
    let requests: Vec<Vec<u8>> = (0..4000).map(trace).collect();
    let bytes: usize = requests.iter().map(Vec::len).sum::<usize>() / requests.len();
    let (spans, took) = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let config =
            Config { database: Some(folder.join("bench.db")), hosts: vec!["localhost".into()], ..Config::default() };
        tokio::spawn(serve(listener, config, std::future::pending()));
        let next = Arc::new(AtomicUsize::new(0));
        let requests = Arc::new(requests);
        let start = Instant::now();
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let (next, requests) = (Arc::clone(&next), Arc::clone(&requests));
                tokio::spawn(async move {
                    let mut stream = TcpStream::connect(address).await.unwrap();
                    stream.set_nodelay(true).unwrap();
                    let mut answer = vec![0; 4096];
                    let mut spans = 0;
                    while start.elapsed() < Duration::from_secs(seconds) {
                        let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                        stream.write_all(request).await.unwrap();
                        let read = stream.read(&mut answer).await.unwrap();
                        assert!(
                            answer[..read].starts_with(b"HTTP/1.1 200"),
                            "{}",
                            String::from_utf8_lossy(&answer[..read])
                        );
                        spans += SPANS_PER_TRACE;
                    }
                    spans
                })
            })
            .collect();
        let mut spans = 0;
        for client in clients {
            spans += client.await.unwrap();
        }
        (spans, start.elapsed())
    });
    let size = std::fs::metadata(folder.join("bench.db")).unwrap().len();
    println!("galileo api, {SPANS_PER_TRACE} spans a trace, {bytes} bytes a request, {CONNECTIONS} connections");
    println!(
        "{:.0} spans/s ({spans} spans in {took:.2?}); {} bytes of database a span",
        spans as f64 / took.as_secs_f64(),
        size as usize / spans.max(1)
    );
    std::fs::remove_dir_all(folder).unwrap();
}
