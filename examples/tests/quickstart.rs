//! The quickstart as its user runs it: a process that starts two more.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

fn quickstart(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quickstart"));
    command
        .args(arguments)
        .env_remove("OPENAI_API_KEY")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run(command: &mut Command) -> (Output, String) {
    let output = command.output().unwrap();
    let notes = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(output.status.success(), "{notes}");
    (output, notes)
}

fn summary(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("one JSON object on standard output and nothing else")
}

#[test]
fn each_question_is_one_complete_trace_of_both_services() {
    let docs = Folder::with(
        "sky",
        "# Jupiter\n\nGalileo saw four moons of Jupiter in January 1610.\n\n# Venus\n\nVenus shows phases like the moon.\n",
    );
    let questions = [
        "--question",
        "What did Galileo see in 1610?",
        "--question",
        "Who saw moons of Jupiter, and what shows phases?",
    ];
    let (output, notes) = run(quickstart(&["--once", "--json", "--docs", docs.path()]).args(questions));
    let summary = summary(&output);
    assert_eq!(summary["services"], json!(["orchestrator", "retrieval"]));
    assert_eq!(summary["answers"].as_array().unwrap().len(), 2);
    assert!(summary["answers"][0].as_str().unwrap().contains("four moons of Jupiter"), "{summary}");
    let second = summary["answers"][1].as_str().unwrap();
    assert!(second.contains("Jupiter") && second.contains("phases"), "{summary}");
    assert_ne!(summary["trace_ids"][0], summary["trace_ids"][1]);
    assert!(summary["console_url"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    for id in summary["trace_ids"].as_array().unwrap() {
        assert!(notes.contains(&format!("/traces/{}", id.as_str().unwrap())), "{notes}");
    }
    // The second question has two parts, so two look-ups reached the other service.
    assert_eq!(notes.matches("retriever search_index").count(), 3, "{notes}");
}

#[test]
fn a_taken_port_moves_the_console() {
    // When somebody else holds the port already, so much the better.
    let _held = TcpListener::bind("127.0.0.1:8088");
    let (output, notes) = run(&mut quickstart(&["--once", "--json", "--question", "How are commits written?"]));
    assert!(notes.contains("127.0.0.1:8088 is taken"), "{notes}");
    assert_ne!(summary(&output)["console_url"], "http://127.0.0.1:8088");
}

#[test]
fn the_services_end_with_their_parent_even_when_it_is_killed() {
    let mut parent = quickstart(&["--json", "--question", "How are commits written?"]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(parent.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("trace_ids"), "{line}");
    let mut notes = parent.stderr.take().unwrap();
    parent.kill().unwrap();
    parent.wait().unwrap();
    // The services write to the same standard error: it ends when the last of them has.
    let mut rest = String::new();
    notes.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("The console stays up") || rest.contains("orchestrator"), "{rest}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_before_the_answer_is_no_success() {
    let model = TcpListener::bind("127.0.0.1:0").unwrap();
    let home = Folder::with("interrupted", "# Venus\n\nVenus shows phases like the moon.\n");
    let mut command = quickstart(&["--once", "--docs", home.path(), "--question", "What shows phases?"]);
    command.env("OPENAI_API_KEY", "sk-test").env("GALILEO_HOME_DIR", home.path());
    command.env("OPENAI_BASE_URL", format!("http://{}/v1", model.local_addr().unwrap()));
    let parent = command.spawn().unwrap();
    // A model that is asked and never answers.
    let _asked = model.accept().unwrap();
    assert!(Command::new("kill").args(["-INT", &parent.id().to_string()]).status().unwrap().success());
    let output = parent.wait_with_output().unwrap();
    let notes = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{notes}");
    assert!(notes.contains("interrupted"), "{notes}");
    assert!(!home.0.join("spool").exists(), "nothing is left for a console that will not come back");
}

#[test]
fn a_folder_without_documents_is_said_at_once() {
    let empty = Folder::with("empty", "");
    let output = quickstart(&["--once", "--docs", empty.path()]).output().unwrap();
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(notes.contains("no Markdown documents"), "{notes}");
}

/// A folder with one document, gone at the end of the test.
struct Folder(std::path::PathBuf);

impl Folder {
    fn with(name: &str, markdown: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("galileo-quickstart-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("document.md"), markdown).unwrap();
        Folder(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn with_a_key_the_model_answers_and_its_tokens_are_counted() {
    async fn complete(Json(request): Json<Value>) -> Json<Value> {
        let passages = request["messages"][0]["content"].as_str().unwrap().matches("\n[").count();
        let text = format!("A model saw {} more passages.", passages);
        let choice = json!({ "message": { "role": "assistant", "content": text } });
        Json(
            json!({ "model": "tiny-1", "choices": [choice], "usage": { "prompt_tokens": 40, "completion_tokens": 2 } }),
        )
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, Router::new().route("/v1/chat/completions", post(complete))).await });

    let asked = tokio::task::spawn_blocking(move || {
        let mut command = quickstart(&["--once", "--json", "--question", "How are commits written?"]);
        run(command.env("OPENAI_API_KEY", "sk-test").env("OPENAI_BASE_URL", base_url))
    });
    let (output, notes) = asked.await.unwrap();
    assert!(summary(&output)["answers"][0].as_str().unwrap().starts_with("A model saw"), "{notes}");
    assert!(notes.contains("llm ask_model") && notes.contains("42 tokens"), "{notes}");
    assert!(!notes.contains("sk-test"), "{notes}");
}
