//! How fast a console takes spans and answers questions: `cargo xtask bench console --spans N`.
//!
//! The console is a process of its own on a file, so that its processor time can be told from the sender's; the senders share the
//! machine with it. Every request is answered after its commit.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "console/load.rs"]
mod load;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use galileo_console::model::Id;
use load::{
    OTLP_TRACES, PROJECT, RARE_PROJECT, SPANS_PER_TRACE, START_NS, galileo_request, mix, otlp_request, trace_id,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const CONNECTIONS: usize = 8;
/// Requests for each question.
const ASKED: usize = 200;

fn main() {
    let spans = std::env::var("BENCH_SPANS").ok().and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = std::env::var_os("BENCH_FOLDER").map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = folder.join(format!("galileo-console-bench-{}", Id::random()));
    let _ = rustls::crypto::ring::default_provider().install_default();
    runtime.block_on(run(spans, &folder));
    std::fs::remove_dir_all(folder).unwrap();
}

struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(database: &Path) -> (Server, Duration) {
        let started = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_galileo-console"))
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--keep-mib",
                "0",
                "--keep-days",
                "0",
                "--allow-host",
                "bench",
                "--db",
            ])
            .arg(database)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split_whitespace().next_back().unwrap().trim_start_matches("http://").to_owned();
        // It listens before it has opened its database; the first answer is what counts.
        let mut stream = std::net::TcpStream::connect(&address).unwrap();
        let request = format!("GET /healthcheck HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        assert!(std::io::Read::read(&mut stream, &mut [0; 256]).unwrap() > 0);
        (Server { child, address }, started.elapsed())
    }

    /// Nanoseconds of processor time, over all threads.
    fn cpu_ns(&self) -> u64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let of = |task: std::fs::DirEntry| {
            std::fs::read_to_string(task.path().join("schedstat")).ok()?.split(' ').next()?.parse::<u64>().ok()
        };
        tasks.map_or(0, |tasks| tasks.flatten().filter_map(of).sum())
    }

    fn memory_mib(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().next().and_then(|text| text.parse::<u64>().ok()).unwrap_or(0) / 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn run(spans: usize, folder: &Path) {
    let database = folder.join("bench.db");
    let (server, start) = Server::start(&database);
    println!(
        "start with no database: {} ms until the first answer, {} MiB",
        start.as_millis(),
        server.memory_mib("VmRSS:")
    );
    let half = spans / 2 / SPANS_PER_TRACE / OTLP_TRACES * OTLP_TRACES;
    ingest(&server, "Galileo API, one nested trace a request", 0, half, 1, galileo_request).await;
    ingest(&server, "OTLP protobuf, ten traces a request", half, half * 2, OTLP_TRACES, otlp_request).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = async |path: &str| {
        let response = client.get(format!("http://{}{path}", server.address)).send().await.unwrap();
        response.json::<Value>().await.unwrap()
    };
    let (before, cpu) = (Instant::now(), server.cpu_ns());
    println!("text index: {} traces behind", ask("/api/console/status").await["unindexed"]);
    while ask("/api/console/status").await["unindexed"] != 0 {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let cpu = (server.cpu_ns() - cpu) as f64 / 1e3 / spans as f64;
    println!("text index: complete {:.1?} after the last span, {cpu:.1} us of processor time a span", before.elapsed());
    let bytes = ask("/api/console/status").await["database_bytes"].as_u64().unwrap();
    println!(
        "database: {:.2} GB, {} bytes a span; memory {} MiB, at most {} MiB",
        bytes as f64 / 1e9,
        bytes / spans as u64,
        server.memory_mib("VmRSS:"),
        server.memory_mib("VmHWM:")
    );
    drop(server);
    let (server, start) = Server::start(&database);
    println!("start with this database: {} ms until the first answer", start.as_millis());
    questions(&server, half * 2).await;
    println!(
        "memory after all questions: {} MiB, at most {} MiB",
        server.memory_mib("VmRSS:"),
        server.memory_mib("VmHWM:")
    );
}

async fn ingest(server: &Server, what: &str, from: usize, to: usize, step: usize, request: fn(usize) -> Vec<u8>) {
    let next = Arc::new(AtomicUsize::new(from));
    let (started, cpu) = (Instant::now(), server.cpu_ns());
    let senders: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (next, address) = (Arc::clone(&next), server.address.clone());
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(&address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let mut answer = vec![0; 4096];
                loop {
                    let trace = next.fetch_add(step, Ordering::Relaxed);
                    if trace >= to {
                        break;
                    }
                    stream.write_all(&request(trace)).await.unwrap();
                    let read = stream.read(&mut answer).await.unwrap();
                    let answer = &answer[..read];
                    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(answer));
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    let (took, spans) = (started.elapsed(), (to - from) * SPANS_PER_TRACE);
    println!(
        "{what}: {:.0} spans/s ({spans} spans of {} bytes in {took:.1?}), {:.1} us of the console's processor time a span",
        spans as f64 / took.as_secs_f64(),
        request(from).len() / step / SPANS_PER_TRACE,
        (server.cpu_ns() - cpu) as f64 / 1e3 / spans as f64
    );
}

/// Asks each question many times, one after the other.
async fn questions(server: &Server, traces: usize) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    println!("\n| question | p50 ms | p99 ms | processor p50 ms | processor p99 ms |\n| --- | --- | --- | --- | --- |");
    let cursor = |turn: usize| {
        let trace = mix(turn) % traces;
        format!("{}_{}", START_NS + trace as i64 * 10_000_000, trace_id(trace))
    };
    let of = |rest: String| format!("/api/console/traces?{rest}");
    let span_search = format!("POST /v2/projects/{PROJECT}/spans/search");
    type Question<'a> = &'a dyn Fn(usize) -> String;
    let list: [(&str, Question<'_>); 18] = [
        ("list, first page", &|_| of(String::new())),
        ("list, the page itself", &|_| "/".into()),
        ("list, any older page", &|turn| of(format!("after={}", cursor(turn)))),
        ("one project in a thousand traces", &|_| of(format!("project={RARE_PROJECT}"))),
        ("one service in two thousand traces", &|_| of("service=rare-service".into())),
        ("failed ones, any page", &|turn| of(format!("failed=true&after={}", cursor(turn)))),
        ("failed ones of a rare service", &|_| of("failed=true&service=rare-service".into())),
        ("a type that no span has", &|_| of("span_type=control".into())),
        ("so many tokens that none has them", &|_| "/?min_tokens=100000".into()),
        ("text: a word in every trace", &|_| of("text=moons".into())),
        ("text: a word in every trace, any page", &|turn| of(format!("text=moons&after={}", cursor(turn)))),
        ("text: one word of 5,000", &|turn| of(format!("text=w{}%20", 50 + mix(turn) % 4_950))),
        ("text: the beginning of a word", &|turn| of(format!("text=w{}", 100 + mix(turn) % 400))),
        ("text: two words in order", &|turn| of(format!("text=moons%20w{}%20", mix(turn) % 50))),
        ("text: a word that one text has", &|turn| {
            of(format!("text=needle{}", mix(turn) % traces * 40 / 20_000 * 20_000 + 7))
        }),
        ("a trace as JSON", &|turn| format!("/api/console/traces/{}", trace_id(mix(turn) % traces))),
        ("a trace, the page itself", &|turn| format!("/traces/{}", trace_id(mix(turn) % traces))),
        ("Galileo API, the latest spans of a project", &|_| span_search.clone()),
    ];
    for (what, question) in list {
        let mut times = Vec::new();
        for turn in 0..ASKED {
            let question = question(turn);
            let request = match question.strip_prefix("POST ") {
                Some(path) => client.post(format!("http://{}{path}", server.address)).json(&json!({"limit": 100})),
                None => client.get(format!("http://{}{question}", server.address)),
            };
            let (started, cpu) = (Instant::now(), server.cpu_ns());
            let response = request.send().await.unwrap();
            assert!(response.status().is_success(), "{what}: {}", response.status());
            response.bytes().await.unwrap();
            times.push((started.elapsed().as_secs_f64() * 1e3, (server.cpu_ns() - cpu) as f64 / 1e6));
        }
        let at = |share: f64, of: fn(&(f64, f64)) -> f64| {
            let mut sorted: Vec<f64> = times.iter().map(of).collect();
            sorted.sort_by(f64::total_cmp);
            sorted[((sorted.len() - 1) as f64 * share) as usize]
        };
        let [wall, processor]: [fn(&(f64, f64)) -> f64; 2] = [|time| time.0, |time| time.1];
        println!(
            "| {what} | {:.1} | {:.1} | {:.1} | {:.1} |",
            at(0.5, wall),
            at(0.99, wall),
            at(0.5, processor),
            at(0.99, processor)
        );
    }
}
