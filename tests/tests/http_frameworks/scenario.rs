//! What every framework has to stand: the same handlers, callers and expectations for all of them. A framework only turns an
//! [`Answer`] into its response.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use galileo::model::Field;
use galileo::{Context, InSpan, Span};
use galileo_tests::collect::{caller, collecting};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tonic::transport::Channel;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::{spans_of, step, tree_of};

/// What a handler answers.
pub(crate) enum Answer {
    Whole(String),
    Pieces(BoxStream<'static, Bytes>),
}

/// The handler of all frameworks; `began` is told when `slow` has begun.
pub(crate) async fn handle(what: &str, began: &Notify) -> Answer {
    match what {
        "work" => {
            step("first").await;
            async { step("inner").await }.in_span(Span::workflow("second")).await;
            Answer::Whole("done".to_owned())
        }
        "here" => Answer::Whole(Context::current().trace_id().map(|id| id.to_string()).unwrap_or_default()),
        "events" => {
            let event = async |_| {
                step("event").await;
                Bytes::from_static(b"data: event\n\n")
            };
            Answer::Pieces(stream::iter(0..3).then(event).boxed())
        }
        "endless" => Answer::Pieces(stream::iter([Bytes::from_static(b"first")]).chain(stream::pending()).boxed()),
        "panic" => {
            async { std::panic::resume_unwind(Box::new("handler panicked")) }.in_span(Span::tool("fragile")).await
        }
        "slow" => {
            let forever = async {
                began.notify_one();
                std::future::pending().await
            };
            forever.in_span(Span::tool("slow")).await
        }
        other => panic!("no such route: {other}"),
    }
}

/// What a socket answers after an upgrade.
pub(crate) async fn message(bytes: Bytes) -> Bytes {
    step("message").await;
    bytes
}

/// A server that is up.
pub(crate) struct Served {
    pub(crate) client: Client,
    pub(crate) began: Arc<Notify>,
}

#[derive(Clone)]
pub(crate) enum Client {
    /// The routes are `POST /{what}`, and `GET /{what}` for an upgrade.
    Http(reqwest::Client, String),
    /// `what` is the service that is asked after: `check` for whole answers, `watch` for pieces.
    Grpc(HealthClient<Channel>),
}

type Headers<'a> = &'a [(&'static str, &'a str)];

impl Client {
    pub(crate) fn http(address: String) -> Self {
        Self::Http(galileo_tests::http_client(), address)
    }

    /// The line of the server's span in the tree, without its outcome.
    fn line(&self, what: &str) -> &'static str {
        match self {
            Self::Http(..) => "workflow POST /{what}",
            Self::Grpc(_) if matches!(what, "events" | "endless") => "workflow grpc.health.v1.Health/Watch",
            Self::Grpc(_) => "workflow grpc.health.v1.Health/Check",
        }
    }

    async fn whole(&self, what: &str, headers: Headers<'_>) -> Result<String, String> {
        match self {
            Self::Http(client, address) => {
                let mut request = client.post(format!("{address}/{what}"));
                for (name, value) in headers {
                    request = request.header(*name, *value);
                }
                let response = request.send().await.map_err(|error| error.to_string())?;
                response.text().await.map_err(|error| error.to_string())
            }
            Self::Grpc(client) => {
                let response = client.clone().check(message_of(what, headers)).await;
                let response = response.map_err(|status| status.to_string())?;
                let answer = response.metadata().get("answer").and_then(|answer| answer.to_str().ok());
                Ok(answer.unwrap_or_default().to_owned())
            }
        }
    }

    async fn pieces(&self, what: &str, headers: Headers<'_>) -> BoxStream<'static, ()> {
        match self {
            Self::Http(client, address) => {
                let mut request = client.post(format!("{address}/{what}"));
                for (name, value) in headers {
                    request = request.header(*name, *value);
                }
                let response = request.send().await.expect("served");
                let next = async |mut response: reqwest::Response| {
                    response.chunk().await.expect("unbroken")?;
                    Some(((), response))
                };
                stream::unfold(response, next).boxed()
            }
            Self::Grpc(client) => {
                let response = client.clone().watch(message_of(what, headers)).await.expect("served");
                let next = async |mut pieces: tonic::Streaming<HealthCheckResponse>| {
                    pieces.message().await.expect("unbroken")?;
                    Some(((), pieces))
                };
                stream::unfold(response.into_inner(), next).boxed()
            }
        }
    }

    /// The answers to several requests on one connection.
    async fn on_one_connection(&self, what: &str, requests: &[Headers<'_>]) -> Vec<String> {
        let mut answers = Vec::new();
        match self {
            Self::Http(_, address) => {
                let mut socket = connect(address).await;
                for headers in requests {
                    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
                    let request = format!("POST /{what} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n{headers}\r\n");
                    socket.write_all(request.as_bytes()).await.expect("sent");
                    let head = read_until(&mut socket, b"\r\n\r\n").await.to_ascii_lowercase();
                    let length = head.split_once("content-length: ").and_then(|(_, rest)| rest.lines().next());
                    let mut body = vec![0; length.expect("a length").parse().expect("a number")];
                    socket.read_exact(&mut body).await.expect("answered");
                    answers.push(String::from_utf8(body).expect("text"));
                }
            }
            // A channel is one connection.
            Self::Grpc(_) => {
                for headers in requests {
                    answers.push(self.whole(what, headers).await.expect("served"));
                }
            }
        }
        answers
    }
}

fn message_of(what: &str, headers: Headers<'_>) -> tonic::Request<HealthCheckRequest> {
    let mut request = tonic::Request::new(HealthCheckRequest { service: what.to_owned() });
    for (name, value) in headers {
        request.metadata_mut().insert(*name, value.parse().expect("valid"));
    }
    request
}

async fn connect(address: &str) -> TcpStream {
    TcpStream::connect(address.trim_start_matches("http://")).await.expect("connected")
}

async fn read_until(socket: &mut TcpStream, end: &[u8]) -> String {
    let mut read = Vec::new();
    while !read.ends_with(end) {
        let mut byte = [0];
        assert_eq!(socket.read(&mut byte).await.expect("connected"), 1, "closed early");
        read.push(byte[0]);
    }
    String::from_utf8(read).expect("text")
}

fn headers_of((trace, span): &(String, String)) -> [(&'static str, &str); 2] {
    [("x-galileo-trace-id", trace), ("x-galileo-parent-id", span)]
}

pub(crate) async fn concurrent_requests_do_not_mix(served: Served, count: usize) {
    let client = &served.client;
    let requests = (0..count).map(|_| async move {
        let caller = caller();
        assert_eq!(client.whole("work", &headers_of(&caller)).await.as_deref(), Ok("done"));
        caller
    });
    let callers: Vec<_> = stream::iter(requests).buffer_unordered(32).collect().await;
    for (trace, span) in callers {
        let line = client.line("work");
        assert_eq!(
            tree_of(&trace, 4).await,
            format!("{line} ok 200\n  tool first ok 200\n  workflow second ok 200\n    tool inner ok 200\n")
        );
        let spans = spans_of(&trace, 4).await;
        assert!(spans.iter().any(|server| server.parent.as_ref() == Some(&span)), "under the caller's span");
    }
}

pub(crate) async fn nothing_of_a_request_stays_on_its_connection(served: Served) {
    let caller = caller();
    let hostile = [("x-galileo-trace-id", "nonsense"), ("traceparent", "00-nonsense")];
    let requests: [Headers<'_>; 4] = [&headers_of(&caller), &[], &hostile, &[]];
    let traces = served.client.on_one_connection("here", &requests).await;
    assert_eq!(traces[0], caller.0);
    for (place, trace) in traces.iter().enumerate() {
        assert_eq!(trace.len(), 36, "{trace:?}");
        assert!(!traces[..place].contains(trace), "{traces:?}: each has a trace of its own");
    }
}

pub(crate) async fn a_streamed_body_lies_inside_the_requests_span(served: Served) {
    let caller = caller();
    let pieces = served.client.pieces("events", &headers_of(&caller)).await.count().await;
    assert!(pieces > 0);
    let (line, event) = (served.client.line("events"), "  tool event ok 200\n");
    assert_eq!(tree_of(&caller.0, 4).await, format!("{line} ok 200\n{event}{event}{event}"));
    let spans = spans_of(&caller.0, 4).await;
    let server = spans.iter().find(|span| span.span_type == "workflow").expect("the server's span");
    let last = spans.iter().filter(|span| span.span_type == "tool").map(|span| span.started).max().expect("events");
    assert!(Duration::from_nanos(last - server.started) <= server.duration, "the span lasts until the body ends");
}

pub(crate) async fn a_panicking_handler_is_recorded_and_the_server_goes_on(served: Served) {
    let caller = caller();
    served.client.whole("panic", &headers_of(&caller)).await.expect_err("the connection or the call is gone");
    let line = served.client.line("panic");
    assert_eq!(tree_of(&caller.0, 2).await, format!("{line} panic 500\n  tool fragile panic 500\n"));
    let spans = spans_of(&caller.0, 2).await;
    let server = spans.iter().find(|span| span.span_type == "workflow").expect("the server's span");
    assert_eq!(server.text(Field::Error), "handler panicked");
    assert_eq!(served.client.whole("work", &[]).await.as_deref(), Ok("done"));
}

pub(crate) async fn a_client_that_disconnects_cancels_the_request(served: Served) {
    let (client, caller) = (served.client.clone(), caller());
    let of_caller = caller.clone();
    let request = tokio::spawn(async move { client.whole("slow", &headers_of(&of_caller)).await });
    served.began.notified().await;
    request.abort();
    let line = served.client.line("slow");
    assert_eq!(tree_of(&caller.0, 2).await, format!("{line} cancelled 499\n  tool slow cancelled 499\n"));
}

pub(crate) async fn a_client_that_disconnects_in_the_middle_of_a_stream_cancels_it(served: Served) {
    let caller = caller();
    let mut pieces = served.client.pieces("endless", &headers_of(&caller)).await;
    assert_eq!(pieces.next().await, Some(()));
    drop(pieces);
    assert_eq!(tree_of(&caller.0, 1).await, format!("{} cancelled 499\n", served.client.line("endless")));
}

/// The layers do not look into frames, so the other protocol here is an echo of bare bytes.
pub(crate) async fn messages_after_an_upgrade_belong_to_its_trace(served: Served) {
    let Client::Http(_, address) = &served.client else { panic!("nothing to upgrade") };
    let (trace, _) = caller();
    let mut socket = connect(address).await;
    let request = format!(
        "GET /upgrade HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nx-galileo-trace-id: {trace}\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.expect("sent");
    let head = read_until(&mut socket, b"\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert_eq!(tree_of(&trace, 1).await, "workflow GET /{what} ok 101\n", "over with the upgrade");
    socket.write_all(b"hi").await.expect("sent");
    assert_eq!(read_until(&mut socket, b"hi").await, "hi");
    assert_eq!(tree_of(&trace, 2).await, "workflow GET /{what} ok 101\n  tool message ok 200\n");
}

/// The scenarios as tests of the framework that `serve(threads)` starts, with as many threads of its own where it has any.
macro_rules! scenarios {
    (@each $serve:path => $($name:ident),+) => {
        $(#[tokio::test]
        async fn $name() {
            scenario::$name($serve(1).await).await;
        })+
    };
    ($serve:path) => {
        mod scenarios {
            use crate::scenario::{self, scenarios};

            #[tokio::test]
            async fn concurrent_requests_on_one_thread_do_not_mix() {
                scenario::concurrent_requests_do_not_mix($serve(1).await, 100).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn concurrent_requests_on_many_threads_do_not_mix() {
                scenario::concurrent_requests_do_not_mix($serve(4).await, 300).await;
            }

            scenarios!(@each $serve =>
                nothing_of_a_request_stays_on_its_connection,
                a_streamed_body_lies_inside_the_requests_span,
                a_panicking_handler_is_recorded_and_the_server_goes_on,
                a_client_that_disconnects_cancels_the_request,
                a_client_that_disconnects_in_the_middle_of_a_stream_cancels_it
            );
        }
    };
    ($serve:path, upgrades) => {
        scenarios!($serve);

        #[tokio::test]
        async fn messages_after_an_upgrade_belong_to_its_trace() {
            crate::scenario::messages_after_an_upgrade_belong_to_its_trace($serve(1).await).await;
        }
    };
}
pub(crate) use scenarios;

/// What every server begins with.
pub(crate) fn served(client: Client, began: Arc<Notify>) -> Served {
    collecting();
    Served { client, began }
}
