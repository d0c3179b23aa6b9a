//! actix-web, over real connections.

use std::convert::Infallible;
use std::sync::Arc;

use actix_web::web::{self, Bytes};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use futures::{StreamExt, stream};
use galileo::middleware::actix::{TracingMiddleware, request_context};
use galileo::middleware::{ServerSpan, get_request_logger};
use galileo::model::Field;
use galileo::{Context, InSpan, Span};
use galileo_tests::collect::{caller, collecting};
use galileo_tests::http_client;
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;

use super::{spans_of, step, tree_of};

/// Serves on a free port until the process ends: actix has runtimes of its own, one a worker.
pub(crate) fn serve(
    middleware: TracingMiddleware,
    routes: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
) -> String {
    collecting();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        let server = HttpServer::new(move || App::new().wrap(middleware.clone()).configure(routes.clone()));
        // A connection whose other half is closed is one that nobody reads from.
        let server =
            server.workers(2).disable_signals().h1_allow_half_closed(false).listen(listener).expect("a listener");
        actix_web::rt::System::new().block_on(server.run())
    });
    format!("http://{address}")
}

fn from_caller(url: String, caller: &(String, String)) -> reqwest::RequestBuilder {
    request_of(&http_client(), url, caller)
}

fn request_of(client: &reqwest::Client, url: String, (trace, span): &(String, String)) -> reqwest::RequestBuilder {
    client.post(url).header("X-Galileo-Trace-ID", trace).header("X-Galileo-Parent-ID", span)
}

#[tokio::test]
async fn a_request_continues_the_callers_trace() {
    async fn user(request: HttpRequest, id: web::Path<String>) -> String {
        assert_eq!(request_context(&request).trace_id(), Context::current().trace_id());
        step("look up").await;
        get_request_logger().add_tool_span("logged");
        id.into_inner()
    }
    let address = serve(TracingMiddleware::new(), |app| {
        app.route("/users/{id}", web::post().to(user));
    });
    let caller = caller();
    let response = from_caller(format!("{address}/users/7?token=secret"), &caller).send().await.expect("served");
    assert_eq!(response.text().await.expect("read"), "7");
    assert_eq!(
        tree_of(&caller.0, 3).await,
        "workflow POST /users/{id} ok 200\n  tool look up ok 200\n  tool tool ok 200\n"
    );
    let spans = spans_of(&caller.0, 3).await;
    let server = spans.iter().find(|span| span.span_type == "workflow").expect("the server's span");
    assert_eq!(server.parent.as_deref(), Some(caller.1.as_str()));
    assert_eq!(server.metadata("http.route"), Some("/users/{id}"));
    assert!(!format!("{server:?}").contains("secret"));
}

#[tokio::test]
async fn concurrent_requests_do_not_mix() {
    async fn handler(n: web::Path<usize>) -> &'static str {
        step("first").await;
        let inner = async {
            for _ in 0..*n % 5 {
                tokio::task::yield_now().await;
            }
            step("inner").await;
        };
        inner.in_span(Span::workflow("second")).await;
        "ok"
    }
    let address = serve(TracingMiddleware::new(), |app| {
        app.route("/{n}", web::post().to(handler));
    });
    let client = http_client();
    let requests = (0..200).map(|n| {
        let (client, address) = (client.clone(), address.clone());
        async move {
            let caller = caller();
            request_of(&client, format!("{address}/{n}"), &caller).send().await.expect("served");
            caller.0
        }
    });
    let traces: Vec<String> = stream::iter(requests).buffer_unordered(32).collect().await;
    for trace in traces {
        assert_eq!(
            tree_of(&trace, 4).await,
            "workflow POST /{n} ok 200\n  tool first ok 200\n  workflow second ok 200\n    tool inner ok 200\n"
        );
    }
}

#[tokio::test]
async fn bodies_errors_panics_and_hostile_headers() {
    async fn events() -> HttpResponse {
        let events = stream::iter(0..2).then(async |n| {
            step("event").await;
            Ok::<_, Infallible>(Bytes::from(format!("data: {n}\n\n")))
        });
        HttpResponse::Ok().content_type("text/event-stream").streaming(Box::pin(events))
    }
    async fn failing() -> actix_web::Result<String> {
        Err(actix_web::error::ErrorBadGateway("no index"))
    }
    async fn missing() -> actix_web::Result<String> {
        Err(actix_web::error::ErrorNotFound("no such document"))
    }
    async fn panicking() -> String {
        std::panic::resume_unwind(Box::new("handler panicked"))
    }
    let address = serve(TracingMiddleware::new(), |app| {
        app.route("/events", web::post().to(events))
            .route("/failing", web::post().to(failing))
            .route("/missing", web::post().to(missing))
            .route("/panicking", web::post().to(panicking));
    });
    let one = |path: &str| {
        let (url, caller) = (format!("{address}{path}"), caller());
        async move { (from_caller(url, &caller).send().await, caller.0) }
    };
    let (response, trace) = one("/events").await;
    assert_eq!(response.expect("served").text().await.expect("read"), "data: 0\n\ndata: 1\n\n");
    let event = "  tool event ok 200\n";
    assert_eq!(tree_of(&trace, 3).await, format!("workflow POST /events ok 200\n{event}{event}"));

    let (response, trace) = one("/failing").await;
    assert_eq!(response.expect("served").status(), 502);
    assert_eq!(tree_of(&trace, 1).await, "workflow POST /failing error 502\n");
    assert_eq!(spans_of(&trace, 1).await[0].text(Field::Error), "no index");

    let (response, trace) = one("/missing").await;
    assert_eq!(response.expect("served").status(), 404);
    assert_eq!(tree_of(&trace, 1).await, "workflow POST /missing ok 404\n", "the caller's mistake");

    let (response, trace) = one("/panicking").await;
    response.expect_err("the connection is gone");
    assert_eq!(tree_of(&trace, 1).await, "workflow POST /panicking panic 500\n");
    assert_eq!(spans_of(&trace, 1).await[0].text(Field::Error), "handler panicked");

    let response = http_client().post(format!("{address}/missing")).header("X-Galileo-Trace-ID", "nope").send().await;
    assert_eq!(response.expect("served").status(), 404, "a bad header is no parent");
}

#[tokio::test]
async fn spans_when_wanted_and_other_parents() {
    async fn handler() -> String {
        step("work").await;
        Context::current().trace_id().map(|id| id.to_string()).unwrap_or_default()
    }
    let middleware = TracingMiddleware::new()
        .server_span(ServerSpan::WithoutParent)
        .parent(|request| request.headers().contains_key("x-public").then(Context::root))
        .ignore(|request| request.path() == "/health");
    let address = serve(middleware, |app| {
        app.route("/", web::post().to(handler)).route("/health", web::post().to(handler));
    });
    let with_parent = caller();
    from_caller(format!("{address}/"), &with_parent).send().await.expect("served");
    assert_eq!(tree_of(&with_parent.0, 1).await, "tool work ok 200\n");
    let public = caller();
    let response = from_caller(format!("{address}/"), &public).header("x-public", "1").send().await.expect("served");
    let trace = response.text().await.expect("read");
    assert_ne!(trace, public.0);
    assert_eq!(tree_of(&trace, 2).await, "workflow POST / ok 200\n  tool work ok 200\n");
    let response = from_caller(format!("{address}/health"), &caller()).send().await.expect("served");
    assert_eq!(response.text().await.expect("read"), "");
}

#[tokio::test]
async fn a_client_that_disconnects_cancels_the_request() {
    let started = Arc::new(Notify::new());
    let running = started.clone();
    let address = serve(TracingMiddleware::new(), move |app| {
        let running = running.clone();
        app.route(
            "/",
            web::post().to(move || {
                let running = running.clone();
                async move {
                    async {
                        running.notify_one();
                        std::future::pending::<()>().await;
                    }
                    .in_span(Span::tool("slow"))
                    .await;
                    "never"
                }
            }),
        );
    });
    let caller = caller();
    let mut socket = tokio::net::TcpStream::connect(address.trim_start_matches("http://")).await.expect("connected");
    let request =
        format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nx-galileo-trace-id: {}\r\n\r\n", caller.0);
    socket.write_all(request.as_bytes()).await.expect("sent");
    started.notified().await;
    drop(socket);
    assert_eq!(tree_of(&caller.0, 2).await, "workflow POST / cancelled 499\n  tool slow cancelled 499\n");
}
