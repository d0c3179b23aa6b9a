//! actix-web, over real connections.

use std::convert::Infallible;
use std::sync::Arc;

use actix_web::web;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use futures::StreamExt;
use galileo::Context;
use galileo::middleware::actix::{TracingMiddleware, request_context};
use galileo::middleware::{ServerSpan, get_request_logger};
use galileo::model::Field;
use galileo_tests::collect::{caller, collecting};
use galileo_tests::http_client;
use tokio::sync::Notify;

use super::{spans_of, step, tree_of};
use crate::scenario::{Answer, Client, Served, handle, message, scenarios, served};

/// Serves on a free port until the process ends: actix has runtimes of its own, one a worker.
pub(crate) fn serve(
    middleware: TracingMiddleware,
    routes: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
) -> String {
    serve_on(2, middleware, routes)
}

fn serve_on(
    workers: usize,
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
            server.workers(workers).disable_signals().h1_allow_half_closed(false).listen(listener).expect("a listener");
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
async fn errors_and_hostile_headers() {
    async fn failing() -> actix_web::Result<String> {
        Err(actix_web::error::ErrorBadGateway("no index"))
    }
    async fn missing() -> actix_web::Result<String> {
        Err(actix_web::error::ErrorNotFound("no such document"))
    }
    let address = serve(TracingMiddleware::new(), |app| {
        app.route("/failing", web::post().to(failing)).route("/missing", web::post().to(missing));
    });
    let one = |path: &str| {
        let (url, caller) = (format!("{address}{path}"), caller());
        async move { (from_caller(url, &caller).send().await, caller.0) }
    };
    let (response, trace) = one("/failing").await;
    assert_eq!(response.expect("served").status(), 502);
    assert_eq!(tree_of(&trace, 1).await, "workflow POST /failing error 502\n");
    assert_eq!(spans_of(&trace, 1).await[0].text(Field::Error), "no index");

    let (response, trace) = one("/missing").await;
    assert_eq!(response.expect("served").status(), 404);
    assert_eq!(tree_of(&trace, 1).await, "workflow POST /missing ok 404\n", "the caller's mistake");

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

async fn respond(what: web::Path<String>, began: web::Data<Notify>) -> HttpResponse {
    match handle(&what, &began).await {
        Answer::Whole(text) => HttpResponse::Ok().body(text),
        Answer::Pieces(pieces) => HttpResponse::Ok().streaming(pieces.map(Ok::<_, Infallible>)),
    }
}

/// The socket is the request's body one way and the response's the other.
async fn upgrade(socket: web::Payload) -> HttpResponse {
    let messages = Box::pin(socket.then(async |bytes| Ok::<_, Infallible>(message(bytes.expect("a message")).await)));
    HttpResponse::SwitchingProtocols().upgrade("websocket").streaming(messages)
}

async fn serve_scenarios(workers: usize) -> Served {
    let began = Arc::new(Notify::new());
    let theirs = web::Data::from(began.clone());
    let address = serve_on(workers, TracingMiddleware::new(), move |app| {
        let resource = web::resource("/{what}").route(web::post().to(respond)).route(web::get().to(upgrade));
        app.app_data(theirs.clone()).service(resource);
    });
    served(Client::http(address), began)
}

scenarios!(crate::actix::serve_scenarios, upgrades);
