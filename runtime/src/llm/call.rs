//! One call of a model API, watched from outside.

use super::LlmOptions;
use super::api::{Answer, Api, Asked, Failure, Stream};
use super::parts::{self, Address};
use super::sse::Events;
use crate::context::{Context, active};
use crate::model::{Field, Outcome, Parts, SpanType};
use crate::span::{self, CurrentSpan, Detached};
use crate::suppress;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Method, StatusCode, Uri};
use std::fmt::Display;
use std::time::{Duration, Instant};

/// Bodies that are not streams are read up to this size; a longer one leaves its content out.
const BODY_LIMIT: usize = 8 << 20;

/// A call from its request to the end of its answer. Dropped before that, it ends as cancelled.
#[derive(Debug)]
pub(crate) struct Call {
    target: Option<Target>,
    api: Api,
    to: Address,
    options: LlmOptions,
    started: Instant,
    first_piece: Option<Duration>,
    request: Vec<u8>,
    status: Option<StatusCode>,
    answer: Reader,
    failure: Option<Failure>,
}

/// Where what is learned goes.
#[derive(Debug)]
enum Target {
    Own(Detached),
    /// The llm span in which the call is made.
    Running(CurrentSpan),
}

#[derive(Debug)]
enum Reader {
    Whole(Vec<u8>),
    Events(Events, Box<Stream>),
    /// Compressed, too long, or not yet begun.
    Unread,
}

impl Call {
    /// The call that this request is; none if it is not one of a model, or if nobody records.
    pub(crate) fn begin(method: &Method, uri: &Uri, options: LlmOptions) -> Option<Self> {
        if !span::recording() || method != Method::POST || suppress::is_suppressed() {
            return None;
        }
        let api = Api::of(uri)?;
        let host = uri.host().unwrap_or_default().to_owned();
        let target = if active::get().is_llm() {
            Target::Running(span::current_span())
        } else {
            let parent = Context::from_slot(active::current());
            Target::Own(Detached::open(SpanType::Llm, &parent, |parts| parts.text(Field::Name, "", "chat")))
        };
        Some(Self {
            target: Some(target),
            api,
            to: Address { provider: api.provider(&host), host },
            options,
            started: Instant::now(),
            first_piece: None,
            request: Vec::new(),
            status: None,
            answer: Reader::Unread,
            failure: None,
        })
    }

    /// The context of the span, in which the request is sent: headers that are made there name what the program is in.
    pub(crate) fn context(&self) -> Option<&Context> {
        match &self.target {
            Some(Target::Own(span)) => Some(span.context()),
            _ => None,
        }
    }

    /// A piece of the request's body.
    pub(crate) fn sent(&mut self, bytes: &[u8]) {
        if self.request.len() + bytes.len() <= BODY_LIMIT {
            self.request.extend_from_slice(bytes);
        }
    }

    /// The answer begins.
    pub(crate) fn answers(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.status = Some(status);
        let has = |name, start: &str| {
            headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| value.starts_with(start))
        };
        self.answer = if headers.contains_key(CONTENT_ENCODING) && !has(CONTENT_ENCODING, "identity") {
            Reader::Unread
        } else if has(CONTENT_TYPE, "text/event-stream") {
            Reader::Events(Events::default(), Box::new(self.api.stream()))
        } else {
            Reader::Whole(Vec::new())
        };
    }

    /// A piece of the answer's body.
    pub(crate) fn received(&mut self, bytes: &[u8]) {
        match &mut self.answer {
            Reader::Whole(body) if body.len() + bytes.len() > BODY_LIMIT => self.answer = Reader::Unread,
            Reader::Whole(body) => body.extend_from_slice(bytes),
            Reader::Events(events, stream) => {
                let mut said = false;
                events.feed(bytes, |data| said |= stream.event(data));
                let ended = stream.is_ended();
                if said && self.first_piece.is_none() {
                    self.first_piece = Some(self.started.elapsed());
                }
                if ended {
                    // Programs rarely read beyond the last event.
                    self.finish(true);
                }
            }
            Reader::Unread => {}
        }
    }

    /// The request or the answer broke off.
    pub(crate) fn fail(&mut self, error: &dyn Display) {
        self.failure = Some(Failure { kind: String::new(), message: error.to_string() });
        self.finish(true);
    }

    /// The answer is whole.
    pub(crate) fn end(&mut self) {
        self.finish(true);
    }

    /// The program let go of the answer.
    pub(crate) fn let_go(&mut self) {
        self.finish(false);
    }

    /// Writes what was learned, once. Without `whole` the program let go of the answer before its end.
    fn finish(&mut self, whole: bool) {
        let Some(target) = self.target.take() else { return };
        let asked = serde_json::from_slice(&self.request).map(|body| self.api.read_request(body)).unwrap_or_default();
        let answer = self.read_answer();
        let failed = self.status.is_some_and(|status| !status.is_success());
        let failure = self.failure.take().or_else(|| answer.error.clone()).or_else(|| failed.then(Failure::default));
        let outcome = match failure {
            Some(_) => Outcome::Error,
            None if whole || answer.ended => Outcome::Ok,
            None => Outcome::Cancelled,
        };
        let mut bytes = Vec::new();
        self.write(&asked, &answer, failure.as_ref(), &mut Parts::new(&mut bytes));
        match target {
            Target::Running(span) => {
                span.add(|parts| parts.append(&bytes));
            }
            Target::Own(mut span) => span.end(outcome, |parts| {
                if let Some(model) = &asked.model {
                    parts.text(Field::Name, "", &format!("chat {model}"));
                }
                parts.append(&bytes);
            }),
        }
    }

    fn read_answer(&mut self) -> Answer {
        match std::mem::replace(&mut self.answer, Reader::Unread) {
            Reader::Whole(body) => {
                serde_json::from_slice(&body).map(|body| self.api.read_answer(body)).unwrap_or_default()
            }
            Reader::Events(mut events, mut stream) => {
                events.finish(|data| {
                    stream.event(data);
                });
                stream.answer()
            }
            Reader::Unread => Answer::default(),
        }
    }

    fn write(&self, asked: &Asked, answer: &Answer, failure: Option<&Failure>, parts: &mut Parts<'_>) {
        let content = self.options.content;
        parts::asked(asked, &self.to, content, parts);
        parts::answered(answer, content, parts);
        if let Some(time) = self.first_piece {
            parts.uint(Field::Metric, "time_to_first_token_ns", u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        }
        if let Some(status) = self.status.filter(|status| !status.is_success()) {
            parts.uint(Field::StatusCode, "", status.as_u16().into());
        }
        if let Some(failure) = failure {
            let status = self.status.map(|status| format!("the model API answered {status}"));
            let text = Some(failure.message.clone()).filter(|text| !text.is_empty()).or(status).unwrap_or_default();
            parts.text(Field::Error, &failure.kind, &text);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.finish(false);
    }
}
