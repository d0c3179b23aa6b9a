//! The `galileo-console` command against a running console.
#![allow(clippy::unwrap_used)]

mod support;

use std::process::{Command, Output};

use serde_json::{Value, json};
use support::{Console, SPAN, TRACE};

fn run(console: &Console, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_galileo-console"))
        .args(arguments)
        .args(["--url", &console.url("")])
        .output()
        .unwrap()
}

/// What it prints when it succeeds.
async fn printed(console: &Console, arguments: &[&str]) -> String {
    let output = tokio::task::block_in_place(|| run(console, arguments));
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

async fn filled() -> Console {
    let console = Console::start().await;
    console
        .post_trace(json!({
            "type": "trace", "id": TRACE, "name": "ask", "input": "q", "created_at": "2026-01-01T00:00:00Z", "metrics": {"duration_ns": 2_000_000_000},
            "spans": [{
                "type": "workflow", "id": SPAN, "name": "answer", "created_at": "2026-01-01T00:00:00Z", "metrics": {"duration_ns": 2_000_000_000}, "user_metadata": {"service.name": "front"},
                "spans": [
                    {"type": "llm", "id": "44444444-4444-4444-8444-444444444402", "name": "model\u{1b}[31m", "created_at": "2026-01-01T00:00:01Z", "metrics": {"duration_ns": 900_000_000, "num_input_tokens": 3, "num_output_tokens": 4}},
                    {"type": "tool", "id": "44444444-4444-4444-8444-444444444403", "name": "look up", "output": "no such star", "status_code": 500, "tags": ["error=no such star"],
                     "created_at": "2026-01-01T00:00:00Z", "metrics": {"duration_ns": 500_000_000}, "user_metadata": {"service.name": "search"}}
                ]
            }]
        }))
        .await;
    console
}

#[tokio::test(flavor = "multi_thread")]
async fn show_prints_the_tree_with_services_durations_bars_and_errors() {
    let console = filled().await;
    let tree = printed(&console, &["show", TRACE]).await;
    let expected = "\
ask  33333333-3333-4333-8333-333333333333  (3 spans, 2 services, 2.00 s, 7 tokens, 1 failed)
└─ workflow answer             front     2.00 s  ████████████████████████
   ├─ tool look up             search    500 ms  ██████                    ✗ error  no such star  status 500
   └─ llm model\\u{1b}[31m     front     900 ms              ███████████   7 tokens
";
    let trimmed =
        |text: &str| text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>();
    assert_eq!(trimmed(&tree), trimmed(expected), "{tree}");
    let whole: Value = serde_json::from_str(&printed(&console, &["show", TRACE, "--json"]).await).unwrap();
    assert_eq!(whole["spans"][0]["name"], "answer");
    console.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_lists_and_filters() {
    let console = filled().await;
    let list = printed(&console, &["traces"]).await;
    assert!(
        list.starts_with(TRACE) && list.contains("1 failed") && list.contains("ask") && list.contains("front, search"),
        "{list}"
    );
    assert_eq!(printed(&console, &["traces", "--service", "nobody"]).await, "no traces\n");
    assert_eq!(printed(&console, &["traces", "--text", "no such"]).await.lines().count(), 1);
    let page: Value = serde_json::from_str(&printed(&console, &["traces", "--json", "--failed"]).await).unwrap();
    assert_eq!(page["traces"][0]["id"], TRACE);
    console.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn insights_name_the_error_and_the_bottleneck() {
    let console = filled().await;
    let one = printed(&console, &["insights", TRACE]).await;
    assert!(one.contains("look up") && one.contains("Bottleneck"), "{one}");
    let many = printed(&console, &["insights"]).await;
    assert!(many.starts_with("1 traces, 3 spans, 1 failed"), "{many}");
    assert!(
        serde_json::from_str::<Value>(&printed(&console, &["insights", TRACE, "--json"]).await).unwrap().is_array()
    );
    console.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_travels_by_file_in_both_forms() {
    let console = filled().await;
    for form in ["otlp", "console"] {
        let other = Console::start().await;
        let path = std::env::temp_dir()
            .join(format!("galileo-console-test-{}-{form}.json", galileo_console::model::Id::random()));
        let file = path.to_str().unwrap();
        printed(&console, &["export", TRACE, "--form", form, "--output", file]).await;
        printed(&other, &["import", file]).await;
        let view = other.get(&format!("/api/console/traces/{TRACE}")).await;
        let names: Vec<&str> =
            view["spans"].as_array().unwrap().iter().map(|span| span["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["answer", "look up", "model\u{1b}[31m"], "{form}");
        std::fs::remove_file(path).unwrap();
        other.stop().await;
    }
    console.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prune_forgets_and_needs_to_be_told_what_to_keep() {
    let console = filled().await;
    let output = tokio::task::block_in_place(|| run(&console, &["prune"]));
    assert!(!output.status.success());
    assert_eq!(
        printed(&console, &["prune", "--keep-days", "1"]).await,
        "0 traces with 0 spans forgotten\n",
        "it came today"
    );
    assert_eq!(printed(&console, &["prune", "--keep-days", "0"]).await, "1 traces with 3 spans forgotten\n");
    assert_eq!(printed(&console, &["traces"]).await, "no traces\n");
    console.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tail_prints_a_trace_that_changes() {
    let console = Console::start().await;
    let mut tail = Command::new(env!("CARGO_BIN_EXE_galileo-console"))
        .args(["tail", "--count", "1", "--url", &console.url("")])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // It may not listen yet: traces go on arriving until it has seen one.
    for n in 0.. {
        let id = format!("{n:08x}-3333-4333-8333-333333333333");
        console.post_trace(json!({"type": "trace", "id": id, "name": "arrives"})).await;
        if tail.try_wait().unwrap().is_some() {
            break;
        }
    }
    let output = tail.wait_with_output().unwrap();
    assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("arrives"));
    console.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_said_with_a_hint() {
    let console = Console::start().await;
    for (arguments, words) in [
        (vec!["show", TRACE], "trace not found"),
        (vec!["show", "nonsense"], "not a UUID"),
        (vec!["import", "/no/such/file"], "cannot read"),
    ] {
        let output = tokio::task::block_in_place(|| run(&console, &arguments));
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && text.contains(words), "{arguments:?}: {text}");
    }
    let nobody = Command::new(env!("CARGO_BIN_EXE_galileo-console"))
        .args(["traces", "--url", "http://127.0.0.1:1"])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("hint: start one"));
    let open = Command::new(env!("CARGO_BIN_EXE_galileo-console"))
        .args(["serve", "--listen", "0.0.0.0:0", "--db", ":memory:"])
        .output()
        .unwrap();
    assert!(!open.status.success() && String::from_utf8_lossy(&open.stderr).contains("--allow-remote"));
    console.stop().await;
}
