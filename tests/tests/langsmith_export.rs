//! Spans as LangSmith runs, received by a server that says what it can do and keeps what it gets.

#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::{BTreeMap, VecDeque};
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::{Json, Router};
use galileo::{Config, ConfigBuilder, Context, DropReason, InContext, Report, current_span, get_tracing_headers, log};
use serde_json::{Value, json};

/// One process has one pipeline.
static TURN: Mutex<()> = Mutex::new(());

struct LangSmith {
    url: String,
    state: Arc<Received>,
    _runtime: tokio::runtime::Runtime,
    _turn: MutexGuard<'static, ()>,
}

#[derive(Default)]
struct Received {
    info: Value,
    script: Mutex<VecDeque<u16>>,
    requests: Mutex<Vec<Request>>,
}

#[derive(Clone)]
struct Request {
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

impl LangSmith {
    fn new(info: Value, script: &[u16]) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let script = Mutex::new(script.iter().copied().collect());
        let state = Arc::new(Received { info, script, ..Received::default() });
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let app = Router::new().fallback(receive).layer(DefaultBodyLimit::disable()).with_state(state.clone());
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, state, _runtime: runtime, _turn: turn }
    }

    fn config(&self) -> ConfigBuilder {
        Config::builder()
            .without_dotenv()
            .exporters("langsmith")
            .service_name("svc")
            .variable("LANGSMITH_ENDPOINT", self.url.as_str())
            .variable("LANGSMITH_API_KEY", "key")
            .variable("LANGSMITH_PROJECT", "proj")
    }

    fn run(&self, config: ConfigBuilder, program: impl FnOnce()) -> Report {
        let guard = config.init().unwrap();
        program();
        guard.shutdown(Duration::from_secs(20))
    }

    fn requests(&self) -> Vec<Request> {
        self.state.requests.lock().unwrap().clone()
    }

    /// Every run by its name; the one that stands for the trace as `trace`.
    fn runs(&self) -> BTreeMap<String, Value> {
        let mut runs = BTreeMap::new();
        for run in self.requests().iter().flat_map(Request::runs) {
            let is_trace = run["id"] == run["trace_id"];
            runs.insert(if is_trace { "trace".to_owned() } else { run["name"].as_str().unwrap().to_owned() }, run);
        }
        runs
    }
}

async fn receive(
    State(state): State<Arc<Received>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Json<Value>) {
    if method == Method::GET && uri.path() == "/info" {
        return (StatusCode::OK, Json(state.info.clone()));
    }
    state.requests.lock().unwrap().push(Request { path: uri.path().to_owned(), headers, body });
    let status = state.script.lock().unwrap().pop_front().unwrap_or(202);
    (StatusCode::from_u16(status).unwrap(), Json(json!({})))
}

impl Request {
    fn plain(&self) -> Vec<u8> {
        let mut plain = Vec::new();
        match self.headers.get("content-encoding") {
            Some(_) => {
                flate2::read::GzDecoder::new(self.body.as_ref()).read_to_end(&mut plain).unwrap();
            }
            None => plain.extend_from_slice(&self.body),
        }
        plain
    }

    /// The runs of a form or of a batch, whole.
    fn runs(&self) -> Vec<Value> {
        let kind = self.headers["content-type"].to_str().unwrap();
        let Some((_, boundary)) = kind.split_once("boundary=") else {
            let body: Value = serde_json::from_slice(&self.plain()).unwrap();
            return body["post"].as_array().unwrap().clone();
        };
        let text = String::from_utf8(self.plain()).unwrap();
        let mut runs: Vec<Value> = Vec::new();
        for part in text.split(&format!("--{boundary}")).filter(|part| part.contains("Content-Disposition")) {
            let (head, value) = part.split_once("\r\n\r\n").unwrap();
            let value = value.trim_end();
            assert!(head.contains(&format!("Content-Length: {}", value.len())), "{head}");
            let name = head.split('"').nth(1).unwrap().strip_prefix("post.").unwrap();
            let value: Value = serde_json::from_str(value).unwrap();
            match name.split_once('.') {
                None => runs.push(value),
                Some((id, field)) => {
                    let run = runs.last_mut().unwrap();
                    assert_eq!(run["id"], id);
                    run[field] = value;
                }
            }
        }
        runs
    }
}

#[log(span_type = "tool")]
fn search_docs(query: &str) -> Result<Vec<String>, String> {
    if query.is_empty() { Err("nothing to search for".to_owned()) } else { Ok(vec![format!("about {query}")]) }
}

#[log(span_type = "llm", model = "small")]
fn ask(prompt: &str) -> String {
    current_span().set_usage((7, 3));
    format!("an answer to {prompt}")
}

#[log]
fn answer(question: &str) -> String {
    current_span().tag("beta").metadata("user", "u1");
    let _ = search_docs(question);
    ask(question)
}

#[test]
fn a_trace_becomes_runs_of_a_form() {
    let langsmith = LangSmith::new(json!({}), &[]);
    let report = langsmith.run(langsmith.config(), || {
        answer("moons");
    });
    assert!(report.is_complete(), "{report}");
    let request = langsmith.requests().remove(0);
    assert_eq!(request.path, "/runs/multipart");
    assert_eq!(request.headers["x-api-key"], "key");

    let runs = langsmith.runs();
    assert_eq!(runs.keys().collect::<Vec<_>>(), ["answer", "ask", "search_docs", "trace"]);
    let (trace, root, tool, llm) = (&runs["trace"], &runs["answer"], &runs["search_docs"], &runs["ask"]);
    let mut orders: Vec<(&str, &str)> =
        runs.iter().map(|(name, run)| (run["dotted_order"].as_str().unwrap(), name.as_str())).collect();
    orders.sort_unstable();
    assert_eq!(orders.iter().map(|(_, name)| *name).collect::<Vec<_>>(), ["trace", "answer", "search_docs", "ask"]);
    for (child, parent) in [(root, trace), (tool, root), (llm, root)] {
        assert_eq!(child["parent_run_id"], parent["id"]);
        assert_eq!(child["trace_id"], trace["id"]);
        let below = child["dotted_order"].as_str().unwrap();
        assert!(below.starts_with(&format!("{}.", parent["dotted_order"].as_str().unwrap())), "{below}");
        assert!(below.ends_with(child["id"].as_str().unwrap()));
    }
    assert!(trace.get("parent_run_id").is_none());

    let types: Vec<_> = [trace, root, tool, llm].map(|run| run["run_type"].as_str().unwrap()).into();
    assert_eq!(types, ["chain", "chain", "tool", "llm"]);
    assert_eq!(root["inputs"], json!({"question": "moons"}));
    assert_eq!(root["outputs"], json!({"output": "an answer to moons"}));
    assert_eq!((&root["tags"], &root["extra"]["metadata"]["user"]), (&json!(["beta"]), &json!("u1")));
    assert_eq!(root["extra"]["metadata"]["service.name"], "svc");
    assert_eq!(root["session_name"], "proj");
    assert_eq!(tool["outputs"], json!({"output": ["about moons"]}));
    let said = json!({"role": "assistant", "content": "an answer to moons",
        "usage_metadata": {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}});
    assert_eq!(llm["outputs"], said);
    assert_eq!(llm["inputs"]["messages"][0]["role"], "user");
    assert_eq!(llm["extra"]["metadata"]["ls_model_name"], "small");
    let start = root["start_time"].as_str().unwrap();
    assert!(start.len() == 32 && start.ends_with("+00:00"), "{start}");
    assert_eq!(&start[..4], &root["dotted_order"].as_str().unwrap()[..4]);
}

#[test]
fn what_the_server_says_of_itself_is_followed() {
    let info = json!({
        "batch_ingest_config": {"size_limit": 4, "size_limit_bytes": 20_000_000},
        "instance_flags": {"gzip_body_enabled": true}
    });
    let langsmith = LangSmith::new(info, &[]);
    let report = langsmith.run(langsmith.config(), || {
        for _ in 0..4 {
            answer("moons");
        }
    });
    assert!(report.is_complete(), "{report}");
    let requests = langsmith.requests();
    assert!(requests.iter().all(|request| request.runs().len() <= 4), "no more runs than it takes");
    assert!(requests.iter().any(|request| request.headers.get("content-encoding").is_some_and(|v| v == "gzip")));

    drop(langsmith);
    let langsmith = LangSmith::new(json!({"batch_ingest_config": {"use_multipart_endpoint": false}}), &[]);
    langsmith.run(langsmith.config(), || {
        answer("moons");
    });
    assert_eq!(langsmith.requests()[0].path, "/runs/batch");
    assert_eq!(langsmith.runs().len(), 4);
}

#[test]
fn answers_are_followed() {
    for (script, delivered, rejected, paths, why) in [
        (vec![404], 3, 0, vec!["/runs/multipart", "/runs/batch"], "an old server knows no forms"),
        (vec![409], 3, 0, vec!["/runs/multipart"], "the runs are there already"),
        (vec![429, 500], 3, 0, vec!["/runs/multipart"; 3], "later it is willing"),
        (vec![422], 0, 3, vec!["/runs/multipart"], "it will never take them"),
    ] {
        let langsmith = LangSmith::new(json!({}), &script);
        let report = langsmith.run(langsmith.config(), || {
            answer("moons");
        });
        assert_eq!(
            (report.delivered, report.dropped.by(DropReason::Rejected)),
            (delivered, rejected),
            "{why}: {report}"
        );
        assert_eq!(langsmith.requests().iter().map(|r| r.path.clone()).collect::<Vec<_>>(), paths, "{why}");
    }
}

const CALLER: &str = "20261120T193556253017Z01a1fa75-565d-7cff-8c50-405353df141d.20261120T193556300000Z01a1fa75-5690-7c00-8c50-405353df1422";

#[test]
fn a_callers_run_is_the_parent_and_its_project_is_ours() {
    let langsmith = LangSmith::new(json!({}), &[]);
    let mut sent = None;
    let headers = HeaderMap::from_iter(
        [
            ("langsmith-trace".parse().unwrap(), CALLER.parse().unwrap()),
            ("baggage".parse().unwrap(), "langsmith-project=theirs,langsmith-tags=inherited".parse().unwrap()),
        ]
        .map(|(name, value): (axum::http::HeaderName, axum::http::HeaderValue)| (name, value)),
    );
    // A caller's trace is continued whatever the rate for one's own is.
    let config = langsmith.config().variable("LANGSMITH_TRACING_SAMPLING_RATE", "0");
    langsmith.run(config, || {
        let work = async {
            let outer = galileo::Span::workflow("outer").enter();
            sent = Some(get_tracing_headers());
            drop(outer);
        };
        futures::executor::block_on(work.in_context(Context::extract(&headers)));
        answer("one of our own");
    });
    let runs = langsmith.runs();
    assert_eq!(runs.keys().collect::<Vec<_>>(), ["outer"]);
    let outer = &runs["outer"];
    assert_eq!(outer["trace_id"], "01a1fa75-565d-7cff-8c50-405353df141d");
    assert_eq!(outer["parent_run_id"], "01a1fa75-5690-7c00-8c50-405353df1422");
    assert_eq!((&outer["session_name"], &outer["tags"]), (&json!("theirs"), &json!(["inherited"])));
    // The services that are called from here name the same runs.
    assert_eq!(sent.unwrap()["langsmith-trace"], outer["dotted_order"].as_str().unwrap());
}

#[test]
fn headers_of_a_trace_that_begins_here_name_the_runs_that_are_sent() {
    let langsmith = LangSmith::new(json!({}), &[]);
    let mut sent = HeaderMap::new();
    langsmith.run(langsmith.config(), || {
        let _outer = galileo::Span::workflow("outer").enter();
        let _inner = galileo::Span::tool("inner").enter();
        sent = get_tracing_headers();
    });
    assert_eq!(sent["langsmith-trace"], langsmith.runs()["inner"]["dotted_order"].as_str().unwrap());
}

#[test]
fn what_is_to_be_hidden_is_left_out_and_errors_are_told() {
    let langsmith = LangSmith::new(json!({}), &[]);
    let config = ["INPUTS", "OUTPUTS", "METADATA"]
        .iter()
        .fold(langsmith.config(), |config, what| config.variable(&format!("LANGSMITH_HIDE_{what}"), "true"));
    langsmith.run(config, || {
        let _ = search_docs("");
    });
    let run = &langsmith.runs()["search_docs"];
    assert_eq!((&run["inputs"], &run["outputs"], &run["extra"]["metadata"]), (&json!({}), &json!({}), &json!({})));
    assert_eq!(run["error"], "nothing to search for");
}
