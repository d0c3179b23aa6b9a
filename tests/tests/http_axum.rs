//! The tower layer in axum, over real connections.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::routing::{get, post};
use futures::{StreamExt, stream};
use galileo::logger::Step;
use galileo::middleware::{RequestContext, ServerSpan, TracingLayer, get_request_logger};
use galileo::model::Field;
use galileo::{Context, InContext, InSpan, Span, get_tracing_headers};
use galileo_tests::collect::{caller, collecting};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Serves on a free port for as long as the runtime lives.
async fn serve(router: Router) -> String {
    collecting();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

fn client() -> reqwest::Client {
    galileo_tests::http_client()
}

/// A request that a caller with these ids would send.
fn from_caller(client: &reqwest::Client, url: String, (trace, span): &(String, String)) -> reqwest::RequestBuilder {
    client.post(url).header("X-Galileo-Trace-ID", trace).header("X-Galileo-Parent-ID", span)
}

async fn step(name: &'static str) {
    async { tokio::task::yield_now().await }.in_span(Span::tool(name)).await;
}

#[tokio::test]
async fn a_request_continues_the_callers_trace() {
    let router = Router::new()
        .route(
            "/users/{id}",
            post(async |Path(id): Path<String>| {
                step("look up").await;
                id
            }),
        )
        .layer(TracingLayer::new());
    let address = serve(router).await;
    let caller = caller();
    let response =
        from_caller(&client(), format!("{address}/users/7?token=secret"), &caller).send().await.expect("served");
    assert_eq!(response.text().await.expect("read"), "7");
    assert_eq!(collecting().tree(&caller.0, 2), "workflow POST /users/{id} ok 200\n  tool look up ok 200\n");
    let spans = collecting().wait_for(&caller.0, |_| true);
    let server = spans.iter().find(|span| span.span_type == "workflow").expect("the server's span");
    assert_eq!(server.parent.as_deref(), Some(caller.1.as_str()));
    assert_eq!(server.metadata("http.request.method"), Some("POST"));
    assert_eq!(server.metadata("http.route"), Some("/users/{id}"));
    assert_eq!(server.metadata("url.path"), Some("/users/7"));
    assert!(!format!("{server:?}").contains("secret"), "the query stays here");
}

async fn concurrent(count: usize) {
    let router = Router::new()
        .route(
            "/{n}",
            post(async |Path(n): Path<usize>| {
                step("first").await;
                let inner = async {
                    for _ in 0..n % 5 {
                        tokio::task::yield_now().await;
                    }
                    step("inner").await;
                };
                inner.in_span(Span::workflow("second")).await;
                drop(get_tracing_headers());
            }),
        )
        .layer(TracingLayer::new());
    let address = serve(router).await;
    let client = client();
    let requests = (0..count).map(|n| {
        let (client, address) = (client.clone(), address.clone());
        async move {
            let caller = caller();
            from_caller(&client, format!("{address}/{n}"), &caller).send().await.expect("served");
            caller.0
        }
    });
    let traces: Vec<String> = stream::iter(requests).buffer_unordered(32).collect().await;
    for trace in traces {
        assert_eq!(
            collecting().tree(&trace, 4),
            "workflow POST /{n} ok 200\n  tool first ok 200\n  workflow second ok 200\n    tool inner ok 200\n"
        );
    }
}

#[tokio::test]
async fn concurrent_requests_on_one_thread_do_not_mix() {
    concurrent(100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_requests_on_many_threads_do_not_mix() {
    concurrent(300).await;
}

#[tokio::test]
async fn nothing_of_a_request_stays_on_its_connection() {
    let traces = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = traces.clone();
    let router = Router::new()
        .route(
            "/",
            post(async move || {
                let trace = Context::current().trace_id().map(|id| id.to_string());
                seen.lock().expect("not poisoned").push(trace);
            }),
        )
        .layer(TracingLayer::new().server_span(ServerSpan::Off));
    let address = serve(router).await;
    // One connection for all of them.
    let client = client();
    let caller = caller();
    from_caller(&client, format!("{address}/"), &caller).send().await.expect("served").bytes().await.expect("read");
    client.post(format!("{address}/")).send().await.expect("served").bytes().await.expect("read");
    client
        .post(format!("{address}/"))
        .header("X-Galileo-Trace-ID", "nonsense")
        .header("traceparent", "00-nonsense")
        .send()
        .await
        .expect("served");
    assert_eq!(*traces.lock().expect("not poisoned"), [Some(caller.0), None, None]);
}

#[tokio::test]
async fn a_streamed_body_lies_inside_the_requests_span() {
    let router = Router::new()
        .route(
            "/",
            post(async || {
                let events = stream::iter(0..3).then(async |n| {
                    step("event").await;
                    Ok::<_, Infallible>(Bytes::from(format!("data: {n}\n\n")))
                });
                ([("content-type", "text/event-stream")], Body::from_stream(events))
            }),
        )
        .layer(TracingLayer::new());
    let address = serve(router).await;
    let caller = caller();
    let response = from_caller(&client(), format!("{address}/"), &caller).send().await.expect("served");
    assert_eq!(response.text().await.expect("read"), "data: 0\n\ndata: 1\n\ndata: 2\n\n");
    let event = "  tool event ok 200\n";
    assert_eq!(collecting().tree(&caller.0, 4), format!("workflow POST / ok 200\n{event}{event}{event}"));
    let spans = collecting().wait_for(&caller.0, |_| true);
    let server = spans.iter().find(|span| span.span_type == "workflow").expect("the server's span");
    let last = spans.iter().filter(|span| span.span_type == "tool").map(|span| span.started).max().expect("events");
    assert!(server.started + server.duration.as_nanos() as u64 >= last, "the span lasts until the body ends");
}

#[tokio::test]
async fn a_panicking_handler_is_recorded_and_the_server_goes_on() {
    async fn handler() -> &'static str {
        async { std::panic::resume_unwind(Box::new("handler panicked")) }.in_span(Span::tool("fragile")).await
    }
    let router = Router::new().route("/", post(handler)).route("/ok", post(async || "ok")).layer(TracingLayer::new());
    let address = serve(router).await;
    let caller = caller();
    let client = client();
    from_caller(&client, format!("{address}/"), &caller).send().await.expect_err("the connection is gone");
    assert_eq!(collecting().tree(&caller.0, 2), "workflow POST / panic 500\n  tool fragile panic 500\n");
    let spans = collecting().wait_for(&caller.0, |_| true);
    let server = spans.iter().find(|span| span.span_type == "workflow").expect("the server's span");
    assert_eq!(server.text(Field::Error), "handler panicked");
    assert_eq!(client.post(format!("{address}/ok")).send().await.expect("served").status(), 200);
}

#[tokio::test]
async fn a_client_that_disconnects_cancels_the_request() {
    let started = Arc::new(Notify::new());
    let running = started.clone();
    let router = Router::new()
        .route(
            "/",
            post(async move || {
                async {
                    running.notify_one();
                    std::future::pending::<()>().await;
                }
                .in_span(Span::tool("slow"))
                .await;
            }),
        )
        .layer(TracingLayer::new());
    let address = serve(router).await;
    let caller = caller();
    let mut socket = TcpStream::connect(address.trim_start_matches("http://")).await.expect("connected");
    let request = format!(
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nx-galileo-trace-id: {}\r\nx-galileo-parent-id: {}\r\n\r\n",
        caller.0, caller.1
    );
    socket.write_all(request.as_bytes()).await.expect("sent");
    started.notified().await;
    drop(socket);
    let tree = tokio::task::spawn_blocking(move || collecting().tree(&caller.0, 2)).await.expect("waited");
    assert_eq!(tree, "workflow POST / cancelled 499\n  tool slow cancelled 499\n");
}

#[tokio::test]
async fn a_client_that_disconnects_in_the_middle_of_a_stream_cancels_it() {
    let router = Router::new()
        .route(
            "/",
            post(async || {
                let first = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"first"))]);
                Body::from_stream(first.chain(stream::pending()))
            }),
        )
        .layer(TracingLayer::new());
    let address = serve(router).await;
    let caller = caller();
    let mut socket = TcpStream::connect(address.trim_start_matches("http://")).await.expect("connected");
    let request =
        format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nx-galileo-trace-id: {}\r\n\r\n", caller.0);
    socket.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    while !answer.ends_with(b"first\r\n") {
        let mut bytes = [0; 512];
        let count = socket.read(&mut bytes).await.expect("answered");
        assert_ne!(count, 0, "closed early");
        answer.extend_from_slice(&bytes[..count]);
    }
    drop(socket);
    let tree = tokio::task::spawn_blocking(move || collecting().tree(&caller.0, 1)).await.expect("waited");
    assert_eq!(tree, "workflow POST / cancelled 499\n");
}

#[tokio::test]
async fn a_hostile_header_begins_a_new_trace_and_never_fails_the_request() {
    let router = Router::new()
        .route("/", post(async || Context::current().trace_id().map(|id| id.to_string()).unwrap_or_default()))
        .layer(TracingLayer::new());
    let address = serve(router).await;
    let long = "a".repeat(60_000);
    let v7 = "01890a5d-ac96-774b-bcce-b302099a8057";
    for (name, value) in [
        ("X-Galileo-Trace-ID", "nope"),
        ("X-Galileo-Trace-ID", v7),
        ("X-Galileo-Trace-ID", ""),
        ("X-Galileo-Parent-ID", v7),
        ("traceparent", "00-00000000000000000000000000000000-1234567890123456-01"),
        ("baggage", long.as_str()),
        ("langsmith-trace", "x"),
        ("tracestate", long.as_str()),
    ] {
        let response = client().post(format!("{address}/")).header(name, value).send().await.expect("served");
        assert_eq!(response.status(), 200, "{name}");
        let trace = response.text().await.expect("read");
        assert_eq!(trace.len(), 36, "{name}: a trace of its own");
        assert!(!value.contains(&trace));
    }
    assert!(galileo::status().rejected_headers.total() >= 8);
}

#[tokio::test]
async fn the_context_of_a_request_is_an_extractor() {
    let router = Router::new()
        .route(
            "/",
            get(async |RequestContext(context): RequestContext| {
                context.trace_id().map(|id| id.to_string()).unwrap_or_default()
            }),
        )
        .layer(TracingLayer::new());
    let bare = Router::new().route(
        "/bare",
        get(async |RequestContext(context): RequestContext| {
            context.span_id().map(|id| id.to_string()).unwrap_or_default()
        }),
    );
    let address = serve(router.merge(bare)).await;
    let caller = caller();
    let ask = |path: &'static str| {
        let request = client().get(format!("{address}{path}"));
        let request = request.header("X-Galileo-Trace-ID", &caller.0).header("X-Galileo-Parent-ID", &caller.1);
        async { request.send().await.expect("served").text().await.expect("read") }
    };
    assert_eq!(ask("/").await, caller.0);
    assert_eq!(ask("/bare").await, caller.1, "without the layer it reads the headers");
}

#[tokio::test]
async fn a_request_logger_adds_steps_under_the_request() {
    let router = Router::new()
        .route(
            "/retrieve",
            post(async |query: String| {
                let mut logger = get_request_logger();
                logger.add_workflow_span(Step::new("retrieval_service").input(&query));
                logger.add_retriever_span(Step::new("search").input(&query).output_json(&["d1"]));
                logger.conclude("done");
            }),
        )
        .layer(TracingLayer::new());
    let address = serve(router).await;
    let caller = caller();
    from_caller(&client(), format!("{address}/retrieve"), &caller).body("q").send().await.expect("served");
    assert_eq!(
        collecting().tree(&caller.0, 3),
        "workflow POST /retrieve ok 200\n  workflow retrieval_service ok 200\n    retriever search ok 200\n"
    );
}

#[tokio::test]
async fn work_that_outlives_its_request_belongs_to_its_trace() {
    let release = Arc::new(Notify::new());
    let (answered, done) = (release.clone(), Arc::new(AtomicUsize::new(0)));
    let counted = done.clone();
    let router = Router::new()
        .route(
            "/",
            post(async move || {
                let (answered, counted) = (answered.clone(), counted.clone());
                galileo::spawn(async move {
                    answered.notified().await;
                    step("late").await;
                    counted.fetch_add(1, Ordering::SeqCst);
                });
                "accepted"
            }),
        )
        .layer(TracingLayer::new());
    let address = serve(router).await;
    let caller = caller();
    from_caller(&client(), format!("{address}/"), &caller).send().await.expect("served").bytes().await.expect("read");
    let first = collecting().wait_for(&caller.0, |spans| !spans.is_empty());
    assert_eq!((first.len(), done.load(Ordering::SeqCst)), (1, 0), "the request is over, its work is not");
    release.notify_one();
    let trace = caller.0.clone();
    let tree = tokio::task::spawn_blocking(move || collecting().tree(&trace, 2)).await.expect("waited");
    assert_eq!(tree, "workflow POST / ok 200\n  tool late ok 200\n");
}

#[tokio::test]
async fn parallel_nested_calls_have_the_right_parents_three_levels_deep() {
    const WIDTH: usize = 10;
    let router = Router::new()
        .route(
            "/{depth}",
            post(async |Path(depth): Path<u32>, address: String| {
                if depth > 0 {
                    let client = galileo_tests::http_client();
                    let calls = (0..WIDTH).map(|_| {
                        let (client, address) = (client.clone(), address.clone());
                        async move {
                            let request =
                                client.post(format!("{address}/{}", depth - 1)).headers(get_tracing_headers());
                            request.body(address).send().await.expect("served").bytes().await.expect("read");
                        }
                        .in_span(Span::workflow("call"))
                    });
                    futures::future::join_all(calls).await;
                }
            }),
        )
        .layer(TracingLayer::new());
    let address = serve(router).await;
    let caller = caller();
    from_caller(&client(), format!("{address}/2"), &caller).body(address.clone()).send().await.expect("served");
    let count = 1 + WIDTH * 2 + WIDTH * WIDTH * 2;
    let trace = caller.0.clone();
    let tree = tokio::task::spawn_blocking(move || collecting().tree(&trace, count)).await.expect("waited");
    let mut expected = String::from("workflow POST /{depth} ok 200\n");
    for _ in 0..WIDTH {
        expected.push_str("  workflow call ok 200\n    workflow POST /{depth} ok 200\n");
        for _ in 0..WIDTH {
            expected.push_str("      workflow call ok 200\n        workflow POST /{depth} ok 200\n");
        }
    }
    assert_eq!(tree, expected);
}

#[tokio::test]
async fn contexts_cross_threads_and_tasks() {
    collecting();
    let caller = caller();
    let mut headers = http::HeaderMap::new();
    headers.insert("x-galileo-trace-id", caller.0.parse().expect("valid"));
    headers.insert("x-galileo-parent-id", caller.1.parse().expect("valid"));
    async {
        let context = Context::current();
        std::thread::spawn(move || context.wrap(|| Span::tool("thread").in_scope(|| ()))()).join().expect("joined");
        galileo::spawn_blocking(|| Span::tool("blocking").in_scope(|| ())).await.expect("ran");
        let mut set = tokio::task::JoinSet::new();
        set.spawn(async { step("set").await }.in_context(Context::current()));
        set.join_all().await;
        let (send, mut receive) = tokio::sync::mpsc::channel::<Context>(1);
        let actor = tokio::spawn(async move {
            let context = receive.recv().await.expect("a message");
            async { step("actor").await }.in_context(context).await;
        });
        send.send(Context::current()).await.expect("sent");
        actor.await.expect("ran");
    }
    .in_span(Span::workflow("work"))
    .in_context(Context::extract(&headers))
    .await;
    let tool = |name: &str| format!("  tool {name} ok 200\n");
    let expected = ["thread", "blocking", "set", "actor"].map(tool).concat();
    assert_eq!(collecting().tree(&caller.0, 5), format!("workflow work ok 200\n{expected}"));
}
