#![allow(clippy::unwrap_used)]

use super::*;
use crate::http::AllowedHosts;
use crate::pipeline::recorded::recorded;
use crate::span::Span;
use bytes::Bytes;
use futures::executor::block_on;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{self, Poll};
use tower_layer::Layer;
use tower_service::Service;

/// A server that answers with prepared statuses and keeps the headers of its requests; status 0 is a broken connection.
#[derive(Clone, Default)]
struct Server {
    statuses: Arc<Mutex<Vec<u16>>>,
    seen: Arc<Mutex<Vec<HeaderMap>>>,
}

#[derive(Debug)]
struct Empty;

impl Body for Empty {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        Poll::Ready(None)
    }
}

impl Service<Request<()>> for Server {
    type Response = Response<Empty>;
    type Error = &'static str;
    type Future = std::future::Ready<Result<Response<Empty>, &'static str>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        self.seen.lock().unwrap().push(request.headers().clone());
        let status = self.statuses.lock().unwrap().pop().unwrap_or(200);
        std::future::ready(if status == 0 {
            Err("connection reset")
        } else {
            Ok(Response::builder().status(status).body(Empty).unwrap())
        })
    }
}

/// Tries again until it succeeds, with a copy of the request.
#[derive(Clone)]
struct Retry<S>(S);

impl<S> Service<Request<()>> for Retry<S>
where
    S: Service<Request<()>> + Clone + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>>>>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        let mut inner = self.0.clone();
        Box::pin(async move {
            loop {
                if let Ok(response) = inner.call(request.clone()).await {
                    return Ok(response);
                }
            }
        })
    }
}

fn request() -> Request<()> {
    Request::post("http://user:secret@search.internal:8081/query?key=secret").body(()).unwrap()
}

#[test]
fn each_attempt_is_a_sibling_with_its_number_and_a_parent_of_its_own() {
    let server = Server::default();
    server.statuses.lock().unwrap().extend([200, 0, 0]);
    let lines = recorded(|| {
        let mut client = AttemptsLayer.layer(Retry(ClientTracingLayer::new().layer(server.clone())));
        Span::workflow("ask").in_scope(|| drop(block_on(client.call(request())).unwrap()));
    });
    let post = "POST search.internal:8081";
    let facts = "=POST http://search.internal:8081/query http.request.method=POST server.address=search.internal server.port=8081";
    assert_eq!(
        lines,
        [
            "start ask under -".to_owned(),
            format!("start {post} under ask {facts} http.request.attempt=1"),
            format!("propagated {post}"),
            format!("error {post} =connection reset"),
            format!("start {post} under ask {facts} http.request.attempt=2"),
            format!("propagated {post}"),
            format!("error {post} =connection reset"),
            format!("start {post} under ask {facts} http.request.attempt=3"),
            format!("propagated {post}"),
            format!("ok {post} =200"),
            "ok ask".to_owned(),
        ]
    );
    let seen = server.seen.lock().unwrap();
    let parents: std::collections::HashSet<_> =
        seen.iter().map(|headers| headers["x-galileo-parent-id"].clone()).collect();
    let traces: std::collections::HashSet<_> =
        seen.iter().map(|headers| headers["x-galileo-trace-id"].clone()).collect();
    assert_eq!((seen.len(), parents.len(), traces.len()), (3, 3, 1));
}

#[test]
fn only_hosts_of_the_list_get_headers() {
    for (hosts, expected, why) in [
        (AllowedHosts::all(), true, "no list"),
        (AllowedHosts::only(["search.internal"]), true, "on the list"),
        (AllowedHosts::only(["other.internal"]), false, "not on the list"),
    ] {
        let server = Server::default();
        let lines = recorded(|| {
            let mut client = ClientTracingLayer::new().allowed_hosts(hosts).layer(server.clone());
            Span::workflow("ask").in_scope(|| drop(block_on(client.call(request())).unwrap()));
        });
        assert_eq!(!server.seen.lock().unwrap()[0].is_empty(), expected, "{why}");
        assert_eq!(lines.iter().any(|line| line.starts_with("propagated")), expected, "{why}");
        assert!(lines.iter().any(|line| line.starts_with("start POST")), "{why}: the call itself is recorded");
    }
}

#[test]
fn a_client_records_what_went_wrong() {
    for (status, expected) in [(200, "ok"), (404, "error"), (503, "error"), (0, "error")] {
        let server = Server::default();
        server.statuses.lock().unwrap().push(status);
        let lines = recorded(|| {
            let mut client = ClientTracingLayer::new().layer(server.clone());
            let _result = Span::workflow("ask").in_scope(|| block_on(client.call(request())).map(drop));
        });
        let end = lines.iter().find(|line| line.contains("POST") && line.starts_with(expected));
        assert!(end.is_some(), "{status}: {lines:?}");
    }
}

#[test]
fn a_request_outside_of_any_trace_goes_out_as_it_is() {
    let server = Server::default();
    let lines = recorded(|| {
        let mut client = ClientTracingLayer::new().layer(server.clone());
        drop(block_on(client.call(request())).unwrap());
    });
    assert!(lines.is_empty(), "{lines:?}");
    assert!(server.seen.lock().unwrap()[0].is_empty());
}

#[test]
fn headers_without_a_span_name_the_running_one() {
    let server = Server::default();
    let lines = recorded(|| {
        let mut client = ClientTracingLayer::new().without_span().layer(server.clone());
        Span::workflow("ask").in_scope(|| drop(block_on(client.call(request())).unwrap()));
    });
    assert_eq!(lines, ["start ask under -", "propagated ask", "ok ask"]);
    assert!(server.seen.lock().unwrap()[0].contains_key("traceparent"));
}

#[cfg(feature = "reqwest")]
#[test]
fn a_reqwest_builder_keeps_what_the_application_said() {
    // Another test of this process may have been first.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let client = ::reqwest::Client::builder().no_proxy().build().unwrap();
    recorded(|| {
        Span::workflow("ask").in_scope(|| {
            let _guard = crate::Context::current()
                .with_baggage(crate::propagation::Baggage::parse(b"tenant=ours,plan=pro").unwrap())
                .attach();
            let built = client
                .post("http://127.0.0.1:1/")
                .header("baggage", "tenant=theirs")
                .header("traceparent", "stale")
                .body("x")
                .with_tracing_headers()
                .build()
                .unwrap();
            assert_eq!(built.headers()["baggage"], "tenant=theirs,plan=pro");
            assert_eq!(built.headers().get_all("traceparent").iter().count(), 1);
            assert_ne!(built.headers()["traceparent"], "stale");
            let invalid = client.post("not an address").with_tracing_headers().build();
            assert!(invalid.unwrap_err().is_builder());
        });
    });
}
