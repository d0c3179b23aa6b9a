//! Each one-idea program runs as its user would run it, and the trace that it says it shows arrives in a console.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use futures::stream::{self, StreamExt};
use galileo_console::model::{Depth, Outcome, TraceQuery, TraceView};
use galileo_examples::console::Console;
use tokio::process::Command;

/// Program, and its traces: a line for each span with its type, name and how it ended when that was not well.
const IDEAS: [(&str, &str); 25] = [
    ("function", "workflow report\n  tool count\n  tool count\n"),
    (
        "parallel",
        "workflow book\n  workflow chapter 0\n    workflow page 0.0\n      tool count_words\n    workflow page 0.1\n      tool count_words\n  \
         workflow chapter 1\n    workflow page 1.0\n      tool count_words\n    workflow page 1.1\n      tool count_words\n",
    ),
    ("stream", "workflow read_aloud\n  tool words\n"),
    (
        "outcomes",
        "workflow try_everything\n  tool divide Panic\n  tool open\n  tool open Error\n  tool wait_for_ever Cancelled\n",
    ),
    ("late_work", "workflow answer\n  tool write_to_archive\n"),
    ("threads", "workflow sum_of_squares\n  tool square\n  tool square\n"),
    ("blocks", "workflow by hand\n  llm ask\n  retriever look up\n  tool add\n"),
    ("logger", "agent astronomer\n  llm phrase\n  retriever search\n"),
    ("from_inside", "workflow answer\n  llm ask\n"),
    ("redaction", "tool invite\n"),
    ("sampling", "agent decide\n  workflow look_up\n"),
    ("conversation", "workflow reply\nworkflow reply\nworkflow reply\n"),
    ("dataset", "workflow answer\nworkflow answer\n"),
    ("two_services", "workflow answer\n  workflow POST 127.0.0.1\n    workflow POST /search\n      retriever search\n"),
    ("child_process", "workflow start_converter\n  tool convert\n"),
    ("job_queue", "workflow request\n  tool render\nworkflow request\n  tool render\n"),
    ("llm_call", "workflow answer\n  llm ask\n"),
    ("own_exporter", "tool add\n"),
    ("report", STEPS),
    ("batch", "workflow import\n  tool clean\n  tool clean\n  tool clean\n"),
    ("server_sent_events", "workflow POST /chat\n  llm complete\n"),
    ("opentelemetry", "workflow answer\n  retriever search\n"),
    // There the root run is the trace, so it has the name twice.
    ("langsmith", "workflow report\n  workflow report\n    tool count\n"),
    ("labels", "workflow import\n  tool check\n"),
    ("cache", "workflow count\n  tool look_up\nworkflow count\n  tool look_up\n"),
];

const STEPS: &str = "tool step\ntool step\ntool step\ntool step\ntool step\ntool step\ntool step\ntool step\ntool step\ntool step\ntool step\n";

/// What no program here is allowed to send: the secrets of `redaction`.
const SECRETS: [&str; 4] = ["correct horse", "ada@example.com", "abcdef0123456789abcdef", "9f2c"];

#[tokio::test(flavor = "multi_thread")]
async fn each_program_shows_what_it_says() {
    let wrong: Vec<String> = stream::iter(IDEAS)
        .map(|(name, expected)| async move {
            let found = run(name).await;
            (found != expected).then(|| format!("{name}: expected\n{expected}found\n{found}"))
        })
        .buffer_unordered(4)
        .filter_map(|wrong| async { wrong })
        .collect()
        .await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Runs a program against a console of its own and says what arrived there.
async fn run(name: &str) -> String {
    let console = Console::start("127.0.0.1:0").await.unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_ideas"));
    for (variable, _) in std::env::vars_os() {
        let variable = variable.to_string_lossy();
        if ["GALILEO_", "OTEL_", "LANGSMITH_"].iter().any(|prefix| variable.starts_with(prefix)) {
            program.env_remove(&*variable);
        }
    }
    program.arg(name).kill_on_drop(true).env("GALILEO_API_URL", &console.url).env("GALILEO_MODE", "distributed");
    program.env("GALILEO_TRACE_LINGER", "50ms").env("GALILEO_FLUSH_TIMEOUT", "30s");
    program.env("GALILEO_HOME_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("ideas").join(name));
    let Ok(output) = tokio::time::timeout(Duration::from_secs(120), program.output()).await else {
        return "it did not end\n".to_owned();
    };
    let output = output.unwrap();
    if !output.status.success() {
        return format!("{}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    let rows = console.store.traces(TraceQuery { limit: 100, ..TraceQuery::default() }).await.unwrap().rows;
    let mut traces = Vec::new();
    for row in rows {
        let trace = console.store.trace(row.id, Depth::Full).await.unwrap().unwrap();
        let text = serde_json::to_string(&trace).unwrap();
        assert!(!SECRETS.iter().any(|secret| text.contains(secret)), "{name} sent a secret: {text}");
        let roots = (0..trace.spans.len()).filter(|index| trace.spans[*index].parent_index.is_none());
        traces.push(sorted(roots.map(|index| outline(&trace, index)).collect()));
    }
    sorted(traces)
}

/// A span and what lies below it; siblings in the order of the alphabet, since many of them run at the same time.
fn outline(trace: &TraceView, index: usize) -> String {
    let span = &trace.spans[index];
    let end = if span.outcome == Outcome::Ok { String::new() } else { format!(" {:?}", span.outcome) };
    // Ports are whatever was free.
    let name = span.name.split("127.0.0.1:").next().filter(|start| start.len() < span.name.len());
    let name = name.map_or(span.name.clone(), |start| format!("{start}127.0.0.1"));
    let line = format!("{}{} {name}{end}\n", "  ".repeat(span.depth), span.span_type);
    line + &sorted(span.children.iter().map(|child| outline(trace, *child)).collect())
}

fn sorted(mut parts: Vec<String>) -> String {
    parts.sort();
    parts.concat()
}

#[test]
fn each_program_is_here_and_has_at_most_forty_lines() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin/ideas");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if name != "main" {
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.lines().count() <= 40, "{name} has {} lines", text.lines().count());
            assert!(text.starts_with("//! "), "the first line of {name} does not say what it shows");
            found.push(name);
        }
    }
    found.sort();
    let mut tested = IDEAS.map(|(name, _)| name);
    tested.sort_unstable();
    assert_eq!(found, tested);
}
