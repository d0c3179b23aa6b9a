//! What was acknowledged survives a console that is killed.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use galileo_console::model::Id;
use reqwest::StatusCode;
use serde_json::{Value, json};
use support::PROJECT;

/// Rounds when nobody says how many; `cargo xtask kills` does.
const ROUNDS: usize = 4;

fn rounds() -> usize {
    std::env::var("KILL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS)
}
const SENDERS: usize = 4;

/// A console as a process of its own, and its address.
fn serve(database: &std::path::Path) -> (Child, String) {
    serve_with(database, &[])
}

fn serve_with(database: &std::path::Path, arguments: &[String]) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_galileo-console"))
        .args(["serve", "--listen", "127.0.0.1:0", "--db"])
        .arg(database)
        .args(arguments)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.split_whitespace().next_back().unwrap().to_owned();
    (child, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_span_is_there_after_a_kill() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = std::env::temp_dir().join(format!("galileo-console-test-{}", Id::random()));
    let database = folder.join("traces.db");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut acknowledged: Vec<Id> = Vec::new();
    for round in 0..rounds() {
        let (mut console, address) = serve(&database);
        let done = Arc::new(AtomicU32::new(0));
        let senders: Vec<_> = (0..SENDERS)
            .map(|_| {
                let (client, done) = (client.clone(), Arc::clone(&done));
                let url = format!("{address}/v2/projects/{PROJECT}/spans");
                tokio::spawn(async move {
                    let mut stored = Vec::new();
                    loop {
                        let (trace, span) = (Id::random(), Id::random());
                        let body = json!({"trace_id": trace, "parent_id": trace, "spans": [{"type": "tool", "id": span, "name": "t"}]});
                        match client.post(&url).json(&body).send().await {
                            Ok(answer) if answer.status() == StatusCode::OK => stored.push(span),
                            _ => return stored,
                        }
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        // In the midst of requests, each round a little later.
        while done.load(Ordering::Relaxed) < 20 + 30 * (round as u32 % 8) {
            assert!(console.try_wait().unwrap().is_none(), "it ended by itself");
            tokio::task::yield_now().await;
        }
        console.kill().unwrap();
        console.wait().unwrap();
        for sender in senders {
            acknowledged.extend(sender.await.unwrap());
        }
    }
    let (mut console, address) = serve(&database);
    for span in &acknowledged {
        let answer = client.get(format!("{address}/v2/projects/{PROJECT}/spans/{span}")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{span}");
        assert_eq!(answer.json::<Value>().await.unwrap()["name"], "t");
    }
    assert!(acknowledged.len() >= 20 * rounds());
    console.kill().unwrap();
    console.wait().unwrap();
    let connection = rusqlite::Connection::open(&database).unwrap();
    let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    drop(connection);
    std::fs::remove_dir_all(folder).unwrap();
}

/// c13 and c14 have their checks where forwarding is; this is its promise: what was acknowledged arrives at the target as well.
#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_span_is_forwarded_over_kills() {
    let target = support::Console::start().await;
    let folder = std::env::temp_dir().join(format!("galileo-console-test-{}", Id::random()));
    let database = folder.join("traces.db");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let forward = ["--forward".to_owned(), target.url("")];
    let mut acknowledged: Vec<Id> = Vec::new();
    for round in 0..ROUNDS {
        let (mut console, address) = serve_with(&database, &forward);
        let url = format!("{address}/v2/projects/{PROJECT}/spans");
        for _ in 0..10 + round * 5 {
            let (trace, span) = (Id::random(), Id::random());
            let body = json!({"trace_id": trace, "parent_id": trace, "spans": [{"type": "tool", "id": span, "name": "t", "output": "o"}]});
            assert_eq!(client.post(&url).json(&body).send().await.unwrap().status(), StatusCode::OK);
            acknowledged.push(span);
        }
        console.kill().unwrap();
        console.wait().unwrap();
    }
    let (mut console, address) = serve_with(&database, &forward);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(120);
    loop {
        let status: Value =
            client.get(format!("{address}/api/console/status")).send().await.unwrap().json().await.unwrap();
        let line = &status["forward"][0];
        if line["queued"] == 0 {
            assert_eq!(
                (&line["accepted"], &line["delivered"]),
                (&json!(acknowledged.len()), &json!(acknowledged.len()))
            );
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{status}");
        tokio::task::yield_now().await;
    }
    for span in &acknowledged {
        target.get(&format!("/v2/projects/{PROJECT}/spans/{span}")).await;
    }
    console.kill().unwrap();
    console.wait().unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}
