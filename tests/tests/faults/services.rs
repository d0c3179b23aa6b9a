//! Calls inside calls through several services, each a process with a pipeline of its own, towards one strict backend.

use crate::common::*;
use crate::process::{self, Scene, say};
use axum::Router;
use axum::routing::post;
use galileo::middleware::TracingLayer;
use galileo::{InSpan, get_tracing_headers};
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

/// Calls the first service of `plan` as often as it says, all at once and each in a span of its own, and passes the rest on.
/// A plan is `3 http://first;2 http://second;`.
async fn call(plan: &str) {
    let Some((first, rest)) = plan.split_once(';') else { return };
    let (times, url) = first.split_once(' ').unwrap();
    let client = galileo_tests::http_client();
    let one = || {
        let request = async {
            let request = client.post(url).headers(get_tracing_headers()).body(rest.to_owned());
            assert_eq!(request.send().await.unwrap().status(), 200);
        };
        request.in_span(Span::workflow("call"))
    };
    futures::future::join_all((0..times.parse().unwrap()).map(|_| one())).await;
}

/// The scene of a service: it serves until its standard input is closed.
pub(crate) fn service(scene: &Scene) {
    let guard = config(&scene.url).mode(Mode::Distributed).init().unwrap();
    let (closed, closes) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        drop(closed);
    });
    runtime().block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        say(listener.local_addr().unwrap());
        let router = Router::new().route("/", post(async |plan: String| call(&plan).await)).layer(TracingLayer::new());
        let served = axum::serve(listener, router).with_graceful_shutdown(async {
            let _ = closes.await;
        });
        served.await.unwrap();
    });
    let report = guard.shutdown(LONG);
    say(format_args!("{} of {}", report.delivered, report.accepted));
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

struct Service {
    process: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    address: String,
}

impl Service {
    fn start(backend: &Backend, folder: &std::path::Path) -> Self {
        let mut command = process::command("service", &backend.url(), folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut service = Self { process, lines, address: String::new() };
        service.address = service.said();
        service
    }

    fn said(&mut self) -> String {
        self.lines.find_map(|line| Some(line.unwrap().split_once("said: ")?.1.to_owned())).unwrap()
    }

    /// Ends it and returns what became of its spans.
    fn end(mut self) -> String {
        drop(self.process.stdin.take());
        let said = self.said();
        self.process.wait().unwrap();
        said
    }
}

#[test]
fn parallel_nested_calls_arrive_in_order_and_only_remote_parents_are_waited_for() {
    // A hundred at once, and then two hundred, three services deep.
    const TIMES: [usize; 3] = [100, 2, 1];
    let _turn = turn();
    let (backend, folder) = (Backend::start(), temporary("services"));
    let services: Vec<_> = TIMES.iter().map(|_| Service::start(&backend, &folder)).collect();
    let plan: String =
        TIMES.iter().zip(&services).map(|(times, service)| format!("{times} http://{}/;", service.address)).collect();

    let guard = config(&backend.url()).mode(Mode::Distributed).init().unwrap();
    runtime().block_on(call(&plan).in_span(Span::workflow("ask")));
    let said: Vec<_> = services.into_iter().map(Service::end).collect();
    assert_eq!(said, ["300 of 300", "400 of 400", "200 of 200"]);
    let report = guard.shutdown(LONG);
    assert_eq!((report.delivered, report.accepted), (101, 101), "{report}");

    backend.books(|books| {
        assert_eq!((books.traces.len(), books.completed_again), (1, 0));
        let mut children: HashMap<&str, Vec<&str>> = HashMap::new();
        for (id, span) in &books.spans {
            assert!(span.ended && span.times == 1, "{} was created {} times", span.name, span.times);
            children.entry(&span.parent).or_default().push(id);
        }
        // Who lies under whom.
        let mut level: Vec<&str> = books.traces.keys().flat_map(|trace| children[trace.as_str()].clone()).collect();
        let mut expected = 1;
        for (name, times) in [("ask", TIMES[0]), ("call", 1), ("POST /", TIMES[1])].into_iter().chain([
            ("call", 1),
            ("POST /", TIMES[2]),
            ("call", 1),
            ("POST /", 0),
        ]) {
            assert_eq!(level.len(), expected, "{name}");
            for id in &level {
                assert_eq!(books.spans[*id].name, name);
                assert_eq!(children.get(id).map_or(0, Vec::len), times, "under {name}");
            }
            level = level.iter().flat_map(|id| children.get(id).cloned().unwrap_or_default()).collect();
            expected *= times;
        }
        // The backend takes nothing before its parent. What it refused for that was the first span of a service under a span of
        // another one; within a process every parent was sent before.
        for refused in &books.refused {
            let words: Vec<_> = refused.split(['"', ' ']).collect();
            let missing = words.windows(2).find_map(|pair| (pair[0] == "parent").then_some(pair[1]));
            match missing {
                Some(parent) => assert_eq!(books.spans[parent].name, "call", "{refused}"),
                None => assert!(refused.contains("not found") && refused.contains("trace "), "{refused}"),
            }
        }
    });
}
