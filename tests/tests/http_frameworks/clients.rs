//! Clients: reqwest by extension and by middleware, hyper under a tower stack, ureq on a plain thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Redirect;
use axum::routing::post;
use galileo::middleware::{
    AllowedHosts, ClientTracingLayer, CountAttempts, RequestExt, ReqwestTracing, SendExt, TracingLayer, UreqTracing,
};
use galileo_tests::http_client;
use hyper_util::rt::TokioExecutor;
use reqwest_retry::RetryTransientMiddleware;
use reqwest_retry::policies::ExponentialBackoff;
use tokio::net::TcpListener;
use tower::{Service, ServiceBuilder, ServiceExt};

use super::{spans_of, traced, tree_of};

/// A traced server that fails as often as it is told and answers with the number of our headers it got.
async fn server(failures: usize) -> String {
    let left = Arc::new(AtomicUsize::new(failures));
    let router = Router::new()
        .route(
            "/",
            post(async move |headers: HeaderMap| {
                let failed = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
                let ours = headers.keys().filter(|name| name.as_str().starts_with("x-galileo")).count();
                let status = if failed { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
                (status, ours.to_string())
            }),
        )
        .layer(TracingLayer::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// What stands in the name of a client's span.
fn host(address: &str) -> &str {
    address.trim_start_matches("http://")
}

#[tokio::test]
async fn one_reqwest_request_with_headers_or_with_a_span() {
    let address = server(0).await;
    let (trace, _) = traced(async {
        http_client().post(&address).with_tracing_headers().send().await.expect("served");
        http_client().post(&address).send_traced().await.expect("served");
    })
    .await;
    let host = host(&address);
    assert_eq!(
        tree_of(&trace, 4).await,
        format!(
            "workflow ask ok 200\n  workflow POST / ok 200\n  workflow POST {host} ok 200\n    workflow POST / ok 200\n"
        )
    );
}

#[tokio::test]
async fn every_attempt_of_reqwest_middleware_is_a_sibling_with_its_number() {
    let address = server(2).await;
    let fast = std::time::Duration::from_millis(1);
    let policy = ExponentialBackoff::builder().retry_bounds(fast, fast).build_with_max_retries(5);
    let client = reqwest_middleware::ClientBuilder::new(http_client())
        .with(CountAttempts)
        .with(RetryTransientMiddleware::new_with_policy(policy))
        .with(ReqwestTracing::new())
        .build();
    let (trace, _) = traced(async { client.post(&address).send().await.expect("served in the end") }).await;
    let host = host(&address);
    let attempt = |outcome: &str| format!("  workflow POST {host} {outcome}\n    workflow POST / {outcome}\n");
    let expected = [attempt("error 503"), attempt("error 503"), attempt("ok 200")].concat();
    assert_eq!(tree_of(&trace, 7).await, format!("workflow ask ok 200\n{expected}"));
    let mut calls = spans_of(&trace, 7).await;
    calls.retain(|span| span.metadata("server.port").is_some());
    calls.sort_by_key(|span| span.started);
    let numbers: Vec<_> = calls.iter().filter_map(|span| span.metadata("http.request.attempt")).collect();
    assert_eq!(numbers, ["1", "2", "3"]);
}

#[tokio::test]
async fn hosts_that_are_not_allowed_get_nothing() {
    let address = server(0).await;
    let client = reqwest_middleware::ClientBuilder::new(http_client())
        .with(ReqwestTracing::new().without_span().allowed_hosts(AllowedHosts::only(["search.internal"])))
        .build();
    let (trace, sent) =
        traced(async { client.post(&address).send().await.expect("served").text().await.expect("read") }).await;
    assert_eq!(sent, "0");
    assert_eq!(tree_of(&trace, 1).await, "workflow ask ok 200\n");
}

#[tokio::test]
async fn a_redirect_takes_no_headers_to_a_host_that_is_not_allowed() {
    let target = server(0).await;
    let to = target.clone();
    let router = Router::new().route("/", post(async move || Redirect::temporary(&to)));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let first = listener.local_addr().expect("bound").to_string();
    tokio::spawn(async move { axum::serve(listener, router).await });

    let (first, target) = (first.as_str(), host(&target));
    let ask = async |hosts: &[&str]| {
        let hosts = AllowedHosts::only(hosts);
        // The provider of TLS is there once this has been made.
        drop(http_client());
        let client = reqwest::Client::builder().no_proxy().redirect(hosts.redirect_policy()).build().expect("valid");
        let client = reqwest_middleware::ClientBuilder::new(client)
            .with(ReqwestTracing::new().without_span().allowed_hosts(hosts))
            .build();
        let send = async {
            let response = client.post(format!("http://{first}/")).send().await.expect("served");
            (response.status().as_u16(), response.text().await.expect("read"))
        };
        traced(send).await.1
    };
    assert_eq!(ask(&[first]).await, (307, String::new()), "reqwest would take the headers along");
    assert_eq!(ask(&[first, target]).await, (200, "2".to_owned()));
    assert_eq!(ask(&[target]).await, (200, "0".to_owned()), "there are none to take along");
}

#[tokio::test]
async fn a_hyper_client_under_the_tower_layer() {
    let address = server(0).await;
    let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http::<String>();
    let mut client = ServiceBuilder::new().layer(ClientTracingLayer::new()).service(client);
    let (trace, status) = traced(async {
        let request = http::Request::post(format!("{address}/")).body(String::new()).expect("valid");
        client.ready().await.expect("ready").call(request).await.expect("served").status()
    })
    .await;
    assert_eq!(status, 200);
    assert_eq!(
        tree_of(&trace, 3).await,
        format!("workflow ask ok 200\n  workflow POST {} ok 200\n    workflow POST / ok 200\n", host(&address))
    );
}

#[tokio::test]
async fn a_refused_connection_is_an_error_without_the_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let (trace, _) = traced(async {
        http_client().post(format!("http://{address}/?key=secret")).send_traced().await.expect_err("nobody listens");
    })
    .await;
    assert_eq!(tree_of(&trace, 2).await, format!("workflow ask ok 200\n  workflow POST {address} error 500\n"));
    let spans = spans_of(&trace, 2).await;
    assert!(!format!("{spans:?}").contains("secret"));
    assert!(format!("{spans:?}").contains("connection failed"));
}

#[tokio::test]
async fn ureq_on_a_plain_thread() {
    let address = server(1).await;
    let url = address.clone();
    let (trace, outcomes) = traced(async {
        let work = move || {
            let agent: ureq::Agent = ureq::Agent::config_builder().middleware(UreqTracing::new()).build().into();
            let call = || agent.post(&url).send_empty().map(|response| response.status().as_u16());
            (call().is_err(), call().expect("served"))
        };
        galileo::spawn_blocking(work).await.expect("ran")
    })
    .await;
    assert_eq!(outcomes, (true, 200));
    let host = host(&address);
    let call = |outcome: &str| format!("  workflow POST {host} {outcome}\n    workflow POST / {outcome}\n");
    assert_eq!(tree_of(&trace, 5).await, format!("workflow ask ok 200\n{}{}", call("error 503"), call("ok 200")));
}
