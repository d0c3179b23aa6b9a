//! Calls through the layer over an HTTP client that answers from prepared pieces.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::pipeline::recorded::{recorded, unrecorded};
use crate::span::Span;
use bytes::Bytes;
use futures::executor::block_on;
use http::{Request, Response};
use http_body::{Body, Frame};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::{Pin, pin};
use std::task::{self, Poll};
use tower_layer::Layer;
use tower_service::Service;

/// A body of prepared pieces; an empty one is an error.
struct Pieces(VecDeque<&'static str>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        Poll::Ready(self.0.pop_front().map(|piece| match piece {
            "" => Err("connection reset"),
            piece => Ok(Frame::data(Bytes::from_static(piece.as_bytes()))),
        }))
    }
}

fn pieces(list: &[&'static str]) -> Pieces {
    Pieces(list.iter().copied().collect())
}

/// A client that reads its request, as a real one does, and answers.
struct Client {
    status: u16,
    kind: &'static str,
    answer: &'static [&'static str],
}

impl<B: Body<Error: std::fmt::Debug>> Service<Request<B>> for Client {
    type Response = Response<Pieces>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Pieces>, Infallible>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        block_on(drain(request.into_body(), usize::MAX)).unwrap();
        let response = Response::builder().status(self.status).header("content-type", self.kind);
        ready(Ok(response.body(pieces(self.answer)).unwrap()))
    }
}

/// Reads at most `frames` frames and lets go of the body.
async fn drain<B: Body>(body: B, frames: usize) -> Result<Vec<u8>, B::Error> {
    use bytes::Buf;
    let mut body = pin!(body);
    let mut all = Vec::new();
    for _ in 0..frames {
        match std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            Some(Ok(frame)) => all.extend_from_slice(frame.into_data().map_err(|_| ()).unwrap().chunk()),
            Some(Err(error)) => return Err(error),
            None => break,
        }
    }
    Ok(all)
}

const ASK: &str = r#"{"model":"m","temperature":0.5,"messages":[{"role":"user","content":"hi"}]}"#;
const ANSWER: &str = r#"{"id":"r1","model":"m-1","choices":[{"message":{"role":"assistant","content":"well"},"finish_reason":"stop"}],"usage":{"prompt_tokens":2,"completion_tokens":1}}"#;

fn request(path: &str) -> Request<Pieces> {
    // The request's body comes in two pieces.
    let (start, end) = ASK.split_at(20);
    Request::post(format!("https://api.openai.com/v1/{path}")).body(pieces(&[start, end])).unwrap()
}

fn ask(client: Client, options: LlmOptions, frames: usize) -> Result<Vec<u8>, &'static str> {
    let mut service = LlmLayer::with(options).layer(client);
    let response = block_on(service.call(request("chat/completions"))).unwrap();
    block_on(drain(response.into_body(), frames))
}

/// The record of the call's end, its one figure of time replaced.
fn end(lines: &[String]) -> String {
    let line = lines.iter().rfind(|line| line.contains(" chat ")).unwrap();
    let words = line.split(' ').map(|word| match word.split_once("time_to_first_token_ns=") {
        Some((_, nanos)) if nanos.parse::<u64>().is_ok() => "time_to_first_token_ns=N",
        _ => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

const ASKED: &str = "gen_ai.provider.name=openai server.address=api.openai.com =m = ";
const INPUT: &str = r#"=[{"content":"hi","role":"user"}] "#;
const USED: &str = "num_input_tokens=2 num_output_tokens=1 num_total_tokens=3";

#[test]
fn a_whole_answer_is_recorded_and_passed_on() {
    let lines = recorded(|| {
        Span::workflow("outer").in_scope(|| {
            let client = Client { status: 200, kind: "application/json", answer: &[ANSWER] };
            assert_eq!(ask(client, LlmOptions::new(), usize::MAX).unwrap(), ANSWER.as_bytes());
        });
    });
    assert_eq!(lines[1], "start chat under outer");
    assert_eq!(
        end(&lines),
        format!(
            r#"ok chat {ASKED}{INPUT}gen_ai.response.model=m-1 gen_ai.response.id=r1 =stop {USED} ={{"content":"well","role":"assistant"}}"#
        )
    );
}

#[test]
fn without_content_only_facts_are_recorded() {
    let lines = recorded(|| {
        let client = Client { status: 200, kind: "application/json", answer: &[ANSWER] };
        ask(client, LlmOptions::new().content(false), usize::MAX).unwrap();
    });
    assert_eq!(end(&lines), format!("ok chat {ASKED}gen_ai.response.model=m-1 gen_ai.response.id=r1 =stop {USED}"));
}

const STREAM: &[&str] = &[
    "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\nda",
    "ta: {\"choices\":[{\"delta\":{\"content\":\"we\"}}]}\n\n",
    "data: {\"choices\":[{\"delta\":{\"content\":\"ll\"},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":1}}\n\ndata: [DONE]\n\n",
    ": a last comment\n\n",
];

#[test]
fn a_streamed_answer_is_recorded_as_it_passes() {
    let lines = recorded(|| {
        let client = Client { status: 200, kind: "text/event-stream; charset=utf-8", answer: STREAM };
        assert_eq!(ask(client, LlmOptions::new(), usize::MAX).unwrap(), STREAM.concat().as_bytes());
    });
    assert_eq!(
        end(&lines),
        format!(
            r#"ok chat {ASKED}{INPUT}=stop {USED} ={{"content":"well","role":"assistant"}} time_to_first_token_ns=N"#
        )
    );
}

#[test]
fn letting_go_of_a_stream_cancels_the_call_unless_the_answer_was_complete() {
    for (frames, outcome) in [(2, "cancelled"), (4, "ok")] {
        let lines = recorded(|| {
            let client = Client { status: 200, kind: "text/event-stream", answer: STREAM };
            ask(client, LlmOptions::new(), frames).unwrap();
        });
        assert!(end(&lines).starts_with(&format!("{outcome} chat")), "{frames}: {}", end(&lines));
        assert!(end(&lines).contains(r#"{"content":"we"#), "what came is kept");
    }
}

#[test]
fn refusals_and_broken_connections_are_errors() {
    for (client, text) in [
        (
            Client {
                status: 429,
                kind: "application/json",
                answer: &[r#"{"error":{"message":"slow down","type":"rate_limit"}}"#],
            },
            "=429 rate_limit=slow down",
        ),
        (
            Client { status: 500, kind: "text/html", answer: &["<h1>oops</h1>"] },
            "=500 =the model API answered 500 Internal Server Error",
        ),
        (Client { status: 200, kind: "application/json", answer: &["{\"choices\":", ""] }, "=connection reset"),
    ] {
        let lines = recorded(|| {
            let _ = ask(client, LlmOptions::new(), usize::MAX);
        });
        assert!(end(&lines).starts_with("error chat") && end(&lines).ends_with(text), "{}", end(&lines));
    }
}

#[test]
fn a_call_inside_an_llm_span_is_that_span() {
    let lines = recorded(|| {
        Span::llm("ask the model").in_scope(|| {
            let client = Client { status: 200, kind: "application/json", answer: &[ANSWER] };
            ask(client, LlmOptions::new(), usize::MAX).unwrap();
        });
    });
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[1].starts_with(&format!("note ask the model {ASKED}{INPUT}")), "{}", lines[1]);
}

#[test]
fn other_requests_pass_untouched() {
    let lines = recorded(|| {
        let client = Client { status: 200, kind: "application/json", answer: &[ANSWER] };
        let mut service = LlmLayer::new().layer(client);
        let response = block_on(service.call(request("models"))).unwrap();
        assert_eq!(block_on(drain(response.into_body(), 9)).unwrap(), ANSWER.as_bytes());
    });
    assert_eq!(lines, Vec::<String>::new());
    unrecorded(|| {
        let client = Client { status: 200, kind: "application/json", answer: &[ANSWER] };
        assert_eq!(ask(client, LlmOptions::new(), 9).unwrap(), ANSWER.as_bytes());
    });
}
