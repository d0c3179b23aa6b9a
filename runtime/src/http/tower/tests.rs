#![allow(clippy::unwrap_used)]

use super::*;
use crate::context::{Context, get_tracing_headers};
use crate::http::{RequestContext, ServerSpan};
use crate::pipeline::recorded::recorded;
use crate::span::{InSpan, Span};
use bytes::Bytes;
use futures::executor::block_on;
use http::{Method, Request, Response};
use http_body::{Body, Frame, SizeHint};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{self, Poll};
use tower_layer::Layer;
use tower_service::Service;

const TRACE: &str = "8e69c645-b678-45e1-9c61-dcbed822f9db";
const SPAN: &str = "0f7d7c0b-4a5e-4a44-8d1c-0c3f5a1b2c3d";

/// A service made of a function.
#[derive(Clone)]
struct Handler<F>(F);

impl<F, Fut, B> Service<Request<()>> for Handler<F>
where
    F: FnMut(Request<()>) -> Fut,
    Fut: Future<Output = Result<Response<B>, &'static str>>,
{
    type Response = Response<B>;
    type Error = &'static str;
    type Future = Fut;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Fut {
        (self.0)(request)
    }
}

/// A body of prepared steps: a piece of data, a span that it opens, an error or a panic.
#[derive(Default)]
struct Steps(VecDeque<Step>);

enum Step {
    Data(&'static str),
    Span(&'static str),
    Trailers(&'static str),
    Error,
    Panic,
    Wait,
}

impl Body for Steps {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(loop {
            break match self.0.pop_front() {
                None => None,
                Some(Step::Data(text)) => Some(Ok(Frame::data(Bytes::from_static(text.as_bytes())))),
                Some(Step::Span(name)) => {
                    Span::tool(name).in_scope(|| ());
                    continue;
                }
                Some(Step::Trailers(status)) => {
                    let mut trailers = http::HeaderMap::new();
                    trailers.insert("grpc-status", http::HeaderValue::from_static(status));
                    Some(Ok(Frame::trailers(trailers)))
                }
                Some(Step::Error) => Some(Err("broken")),
                Some(Step::Panic) => std::panic::resume_unwind(Box::new("body panicked")),
                Some(Step::Wait) => return Poll::Pending,
            };
        })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

fn steps(steps: impl IntoIterator<Item = Step>) -> Result<Response<Steps>, &'static str> {
    Ok(Response::new(Steps(steps.into_iter().collect())))
}

fn request() -> Request<()> {
    Request::post("http://localhost/users/7").body(()).unwrap()
}

fn layer() -> TracingLayer {
    TracingLayer::new().route(|_| Some("/users/{id}".into()))
}

/// Reads the body to its end and returns what came.
fn read<B: Body<Data = Bytes>>(body: B) -> Vec<Result<String, B::Error>> {
    let mut body = pin!(body);
    let mut frames = Vec::new();
    while let Some(frame) = block_on(std::future::poll_fn(|cx| body.as_mut().poll_frame(cx))) {
        frames.push(frame.map(|frame| {
            frame
                .into_data()
                .map(|data| String::from_utf8(data.to_vec()).unwrap())
                .unwrap_or_else(|_| "trailers".into())
        }));
    }
    frames
}

const START: &str =
    "start POST /users/{id} under - =POST /users/7 http.request.method=POST url.path=/users/7 http.route=/users/{id}";

#[test]
fn the_span_lasts_until_the_body_is_through() {
    let lines = recorded(|| {
        let mut service = layer().layer(Handler(|_| async {
            Span::tool("in handler").in_scope(|| ());
            steps([Step::Data("a"), Step::Span("in body"), Step::Data("b")])
        }));
        let response = block_on(service.call(request())).unwrap();
        assert!(Context::current().trace_id().is_none());
        assert_eq!(read(response.into_body()), [Ok("a".into()), Ok("b".into())]);
    });
    assert_eq!(
        lines,
        [
            START,
            "start in handler under POST /users/{id}",
            "ok in handler",
            "start in body under POST /users/{id}",
            "ok in body",
            "ok POST /users/{id} =200"
        ]
    );
}

#[test]
fn failures_are_told_apart() {
    let run = |handler: fn() -> Result<Response<Steps>, &'static str>| {
        recorded(|| {
            let mut service = layer().layer(Handler(|_| async move { handler() }));
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                if let Ok(response) = block_on(service.call(request())) {
                    read(response.into_body());
                }
            }));
            drop(ended);
        })
        .pop()
        .unwrap()
    };
    assert_eq!(run(|| steps([])), "ok POST /users/{id} =200");
    assert_eq!(run(|| Err("no")), "error POST /users/{id} =the service failed before it answered");
    assert_eq!(run(|| steps([Step::Data("a"), Step::Error])), "error POST /users/{id} =the response's body failed");
    assert_eq!(run(|| steps([Step::Panic])), "panic POST /users/{id} =body panicked");
    assert_eq!(
        run(|| std::panic::resume_unwind(Box::new("handler panicked"))),
        "panic POST /users/{id} =handler panicked"
    );
    assert_eq!(run(|| steps([Step::Trailers("0")])), "ok POST /users/{id} =200");
    assert_eq!(run(|| steps([Step::Trailers("14")])), "error POST /users/{id} =200 =gRPC status 14");
    assert_eq!(
        run(|| Response::builder().status(503).body(Steps::default()).map_err(|_| "no")),
        "error POST /users/{id} =503 =HTTP 503 Service Unavailable"
    );
    assert_eq!(
        run(|| Response::builder().status(404).body(Steps::default()).map_err(|_| "no")),
        "ok POST /users/{id} =404",
        "the caller's mistake"
    );
}

#[test]
fn a_caller_who_leaves_cancels_the_request() {
    let lines = recorded(|| {
        let mut service = layer().layer(Handler(|_| async {
            std::future::pending::<()>().in_span(Span::tool("waiting")).await;
            steps([])
        }));
        let mut response = Box::pin(service.call(request()));
        let waker = futures::task::noop_waker();
        assert!(response.as_mut().poll(&mut task::Context::from_waker(&waker)).is_pending());
        drop(response);
    });
    assert_eq!(lines[1..], ["start waiting under POST /users/{id}", "cancelled waiting", "cancelled POST /users/{id}"]);
    let lines = recorded(|| {
        let mut service = layer().layer(Handler(|_| async { steps([Step::Data("a"), Step::Wait]) }));
        let mut body = Box::pin(block_on(service.call(request())).unwrap().into_body());
        let waker = futures::task::noop_waker();
        let mut cx = task::Context::from_waker(&waker);
        assert!(body.as_mut().poll_frame(&mut cx).is_ready());
        assert!(body.as_mut().poll_frame(&mut cx).is_pending());
    });
    assert_eq!(lines[1..], ["cancelled POST /users/{id}"]);
}

#[test]
fn a_server_that_stops_reading_after_the_last_byte_has_read_it_all() {
    let run = |method: Method, response: fn() -> Response<Steps>, frames: usize| {
        recorded(|| {
            let mut service = layer().layer(Handler(|_| async move { Ok(response()) }));
            let mut request = request();
            *request.method_mut() = method.clone();
            let mut body = Box::pin(block_on(service.call(request)).unwrap().into_body());
            for _ in 0..frames {
                let frame = block_on(std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)));
                assert!(frame.is_some());
            }
        })
        .pop()
        .unwrap()
    };
    fn sized() -> Response<Steps> {
        Response::builder()
            .header("content-length", "4")
            .body(Steps([Step::Data("ab"), Step::Data("cd")].into()))
            .unwrap()
    }
    fn empty(status: u16) -> Response<Steps> {
        Response::builder().status(status).body(Steps::default()).unwrap()
    }
    assert_eq!(run(Method::POST, sized, 2), "ok POST /users/{id} =200");
    assert_eq!(run(Method::POST, sized, 1), "cancelled POST /users/{id}");
    assert_eq!(run(Method::HEAD, sized, 0), "ok HEAD /users/{id} =200", "nobody reads the body of HEAD");
    assert_eq!(run(Method::GET, || empty(101), 0), "ok GET /users/{id} =101", "an upgrade");
    assert_eq!(run(Method::GET, || empty(204), 0), "ok GET /users/{id} =204");
    assert_eq!(run(Method::GET, || empty(304), 0), "ok GET /users/{id} =304");
    assert_eq!(run(Method::GET, || empty(200), 0), "cancelled GET /users/{id}");
}

#[test]
fn headers_decide_about_the_span() {
    let lines = |when: ServerSpan, with_parent: bool| {
        recorded(|| {
            let mut service = TracingLayer::new().server_span(when).layer(Handler(|request: Request<()>| async move {
                let known = request.extensions().get::<RequestContext>().unwrap().0.trace_id();
                assert_eq!(known, Context::current().trace_id());
                Span::tool("work").in_scope(|| ());
                steps([])
            }));
            let mut request = request();
            if with_parent {
                let headers = request.headers_mut();
                headers.insert("x-galileo-trace-id", TRACE.parse().unwrap());
                headers.insert("x-galileo-parent-id", SPAN.parse().unwrap());
            }
            let response = block_on(service.call(request)).unwrap();
            read(response.into_body());
        })
        .into_iter()
        .filter(|line| line.starts_with("start"))
        .map(|line| line.split(" =").next().unwrap().to_owned())
        .collect::<Vec<_>>()
    };
    assert_eq!(lines(ServerSpan::On, false), ["start POST under -", "start work under POST"]);
    assert_eq!(lines(ServerSpan::On, true), ["start POST under -", "start work under POST"]);
    assert_eq!(lines(ServerSpan::WithoutParent, false), ["start POST under -", "start work under POST"]);
    assert_eq!(lines(ServerSpan::WithoutParent, true), ["start work under -"]);
    assert_eq!(lines(ServerSpan::Off, false), ["start work under -"]);
}

#[test]
fn the_callers_trace_goes_on_and_a_hostile_header_begins_one() {
    for (trace, expected, why) in [(TRACE, true, "valid"), ("nope", false, "garbage"), ("", false, "empty")] {
        recorded(|| {
            let mut service = layer().layer(Handler(|_| async { Ok(Response::new(Carried(get_tracing_headers()))) }));
            let mut request = request();
            request.headers_mut().insert("x-galileo-trace-id", trace.parse().unwrap());
            let response = block_on(service.call(request)).unwrap();
            let Carried(headers) = response.into_body().into_inner().unwrap();
            assert_eq!(headers["x-galileo-trace-id"] == TRACE, expected, "{why}");
            assert_ne!(headers["x-galileo-parent-id"], TRACE, "{why}: the server span is the parent");
        });
    }
}

/// An empty body that carries the headers which the handler made.
struct Carried(http::HeaderMap);

impl Body for Carried {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }
}

#[test]
fn single_requests_may_have_another_parent_or_none_of_it() {
    let lines = recorded(|| {
        let layer = layer()
            .parent(|parts| parts.headers.contains_key("x-public").then(Context::root))
            .ignore(|parts| parts.uri.path() == "/health");
        let mut service = layer.layer(Handler(|_| async { Ok(Response::new(Carried(get_tracing_headers()))) }));
        let mut send = |request: Request<()>| {
            let body = block_on(service.call(request)).unwrap().into_body();
            let Carried(headers) = body.into_inner().unwrap();
            headers.get("x-galileo-trace-id").map(|value| value.to_str().unwrap().to_owned())
        };
        let mut public = request();
        public.headers_mut().insert("x-galileo-trace-id", TRACE.parse().unwrap());
        assert_eq!(send(public.clone()).as_deref(), Some(TRACE));
        public.headers_mut().insert("x-public", "1".parse().unwrap());
        assert_ne!(send(public).as_deref(), Some(TRACE));
        assert_eq!(send(Request::get("/health").body(()).unwrap()), None);
    });
    assert_eq!(lines.iter().filter(|line| line.starts_with("start")).count(), 2);
}

#[test]
fn a_grpc_call_is_named_after_its_method() {
    let lines = recorded(|| {
        let mut service = TracingLayer::new().layer(Handler(|_| async {
            let mut response = Response::new(Steps::default());
            response.headers_mut().insert("grpc-status", "5".parse().unwrap());
            response.headers_mut().insert("grpc-message", "no such document".parse().unwrap());
            Ok(response)
        }));
        let request = Request::post("/search.Search/Query").header("content-type", "application/grpc+proto");
        let response = block_on(service.call(request.body(()).unwrap())).unwrap();
        read(response.into_body());
    });
    assert!(lines[0].starts_with("start search.Search/Query under -"), "{lines:?}");
    assert_eq!(lines[1], "error search.Search/Query =200 =gRPC status 5 no such document");
}
