//! Adding the SDK to a service that exists: how many lines change, that the page about it shows these lines, and that it traces.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::Stdio;

use galileo_console::model::{SpanNode, TraceQuery};
use galileo_examples::console::Console;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// With the line in the manifest it is one more.
const CHANGED_LINES: usize = 4;

fn source(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin/adopting").join(file)).unwrap()
}

/// The lines of `after` that are not in `before`, by the longest common subsequence; comments at the top aside.
fn changed<'a>(before: &str, after: &'a str) -> Vec<&'a str> {
    let old: Vec<&str> = before.lines().filter(|line| !line.starts_with("//!")).collect();
    let new: Vec<&str> = after.lines().filter(|line| !line.starts_with("//!")).collect();
    let mut common = vec![vec![0; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] =
                if old[i] == new[j] { 1 + common[i + 1][j + 1] } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut changed) = (0, 0, Vec::new());
    while j < new.len() {
        if i < old.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
        } else if i < old.len() && common[i + 1][j] >= common[i][j + 1] {
            i += 1;
        } else {
            changed.push(new[j]);
            j += 1;
        }
    }
    changed
}

#[test]
fn a_service_changes_in_four_lines_beside_the_attributes() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/adopting.md")).unwrap();
    for framework in ["axum", "actix"] {
        let (before, after) = (source(&format!("{framework}_before.rs")), source(&format!("{framework}_after.rs")));
        assert!(!before.contains("galileo::"), "{framework}: the service before knows the SDK");
        let changed = changed(&before, &after);
        let (attributes, lines): (Vec<&str>, Vec<&str>) = changed.iter().partition(|line| line.starts_with("#[log"));
        assert!(!attributes.is_empty(), "{framework}: nothing is traced");
        assert!(lines.len() <= CHANGED_LINES, "{framework}: {} lines changed\n{}", lines.len(), lines.join("\n"));
        for line in changed {
            assert!(page.contains(&format!("+{line}\n")), "docs/adopting.md does not show: {line}");
        }
    }
}

#[tokio::test]
async fn each_service_after_the_change_sends_one_trace_for_one_request() {
    let cases = [
        (
            "axum_after",
            "GET /offers\n  offers\n    find_titles\n    ask_price\n      POST /price\n        price\n    ask_price\n      POST /price\n        price\n",
        ),
        (
            "actix_after",
            "GET /offers\n  make_offers\n    find_titles\n    ask_price\n      POST /price\n    ask_price\n      POST /price\n",
        ),
    ];
    for (name, expected) in cases {
        let console = Console::start("127.0.0.1:0").await.unwrap();
        let mut changes = console.store.changes();
        let (mut service, url) = start(name, &console.url).await;
        let client = galileo_examples::http_client().unwrap();
        let answer = client.get(format!("{url}/offers?topic=moons")).send().await.unwrap().text().await.unwrap();
        assert!(answer.contains("A history of moons") && answer.contains("18.00"), "{name}: {answer}");
        let id = loop {
            let rows = console.store.traces(TraceQuery { limit: 2, ..TraceQuery::default() }).await.unwrap().rows;
            if let Some(row) = rows.first() {
                break row.id;
            }
            changes.recv().await.unwrap();
        };
        let trace = console.completed(id, &[name]).await.unwrap();
        let line = |span: &SpanNode| format!("{}{}\n", "  ".repeat(span.depth), span.name);
        assert_eq!(trace.spans.iter().map(line).collect::<String>(), expected, "{name}");
        service.kill().await.unwrap();
    }
}

#[tokio::test]
async fn each_service_before_the_change_answers_the_same() {
    for name in ["axum_before", "actix_before"] {
        let (mut service, url) = start(name, "http://127.0.0.1:9").await;
        let client = galileo_examples::http_client().unwrap();
        let answer = client.get(format!("{url}/offers?topic=moons")).send().await.unwrap().text().await.unwrap();
        assert!(answer.contains("A history of moons") && answer.contains("18.00"), "{name}: {answer}");
        service.kill().await.unwrap();
    }
}

async fn start(name: &str, console: &str) -> (Child, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adopting"));
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("GALILEO_") {
            command.env_remove(&variable);
        }
    }
    command.args([name, "127.0.0.1:0"]).env("GALILEO_API_URL", console).env("GALILEO_SERVICE_NAME", name);
    command.env("GALILEO_MODE", "distributed").env("GALILEO_TRACE_LINGER", "100ms").env("GALILEO_SPOOL", "off");
    let mut service = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(service.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().expect("the service says where it listens");
    (service, line.split_once(" on ").unwrap().1.to_owned())
}
