//! Runs over HTTP: requests and what their answers mean.

use super::map::{self, Hidden};
use super::order::{Orders, Received};
use super::wire;
use crate::config::LangSmithSettings;
use crate::export::batch::{Protocol, Verdict};
use crate::export::content::Content;
use crate::export::gzip::Gzip;
use crate::export::recent::Recent;
use crate::export::transport::{Answer, Request};
use crate::model::{TraceId, random_u64};
use crate::pipeline::exporter::SpanRecord;
use crate::pipeline::spool::Label;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, StatusCode};
use serde_json::Value;
use std::time::{Duration, SystemTime};

const TIMEOUT: Duration = Duration::from_secs(60);
/// Traces whose project a caller named.
const REMEMBERED: usize = 8192;

/// The protocol towards one LangSmith.
pub(crate) struct LangSmith {
    address: String,
    headers: HeaderMap,
    project: String,
    hidden: Hidden,
    /// Of 2^64; a trace is sent when its id is below.
    sampled_below: u64,
    orders: Orders,
    /// What callers said of their traces: the project, if any.
    joined: Recent<TraceId, Option<String>>,
    /// What the server said it can do.
    gzip: Option<Gzip>,
    multipart: bool,
    body_limit: usize,
    spans_limit: usize,
}

impl LangSmith {
    pub(super) fn new(settings: &LangSmithSettings, body_limit: usize) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("galileo-rust/", env!("CARGO_PKG_VERSION"))));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(key) = settings.key.as_ref().and_then(|key| key.header("")) {
            headers.insert(HeaderName::from_static("x-api-key"), key);
        }
        if let Some(Ok(workspace)) = settings.workspace.as_ref().map(HeaderValue::try_from) {
            headers.insert(HeaderName::from_static("x-tenant-id"), workspace);
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a share of all values
        let sampled_below = (settings.sampling_rate.clamp(0.0, 1.0) * u64::MAX as f64) as u64;
        Self {
            address: settings.url.as_str().to_owned(),
            headers,
            project: settings.project.clone(),
            hidden: Hidden {
                inputs: settings.hide_inputs,
                outputs: settings.hide_outputs,
                metadata: settings.hide_metadata,
            },
            sampled_below,
            orders: Orders::default(),
            joined: Recent::new(REMEMBERED),
            gzip: None,
            multipart: true,
            body_limit,
            spans_limit: 100,
        }
    }

    fn learn(&mut self, trace: TraceId, project: Option<&str>) {
        // A later span of the same trace that names no project takes nothing back.
        if project.is_some() || self.joined.get(&trace).is_none() {
            self.joined.put(trace, project.map(str::to_owned));
        }
    }

    fn project(&self, trace: TraceId) -> &str {
        self.joined.get(&trace).and_then(Option::as_deref).unwrap_or(&self.project)
    }

    /// A caller's trace is always continued; of those that begin here the share that was asked for.
    fn samples(&self, record: &SpanRecord<'_>) -> bool {
        if self.sampled_below == u64::MAX || self.joined.get(&record.trace_id()).is_some() {
            return true;
        }
        let bytes = record.trace_id().to_bytes();
        // The last seven bytes of a version 4 UUID are random, and the one before them nearly.
        let number = bytes.last_chunk().map_or(0, |last| u64::from_be_bytes(*last)) << 2;
        number <= self.sampled_below
    }
}

impl Protocol for LangSmith {
    fn opening(&mut self) -> Option<Request> {
        Some(Request {
            method: Method::GET,
            url: format!("{}/info", self.address),
            headers: self.headers.clone(),
            body: Bytes::new(),
            timeout: Duration::from_secs(10),
        })
    }

    fn opened(&mut self, answer: &Answer) {
        let info: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let batch = &info["batch_ingest_config"];
        if batch["use_multipart_endpoint"] == false {
            self.multipart = false;
        }
        let limit = |value: &Value| value.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
        self.body_limit = limit(&batch["size_limit_bytes"]).map_or(self.body_limit, |bytes| bytes.min(self.body_limit));
        // A trace that begins here is a run more.
        self.spans_limit = limit(&batch["size_limit"]).map_or(self.spans_limit, |runs| (runs / 2).max(1));
        if info["instance_flags"]["gzip_body_enabled"] == true {
            self.gzip = Some(Gzip::frugal());
        }
    }

    fn label(&self, record: &SpanRecord<'_>) -> Label {
        // Runs lie where headers have said that they lie, to the microsecond.
        let place = Some(self.orders.of(record).as_str().to_owned());
        Label { began: Some(record.clock_started_at()), place, ..Label::default() }
    }

    fn most_spans(&self) -> usize {
        self.spans_limit
    }

    fn most_bytes(&self) -> usize {
        self.body_limit
    }

    fn started(&mut self, record: &SpanRecord<'_>) {
        let content = if record.is_entry() { Content::read(record.parts()) } else { Content::default() };
        let received = Received { dotted_order: content.origin("langsmith.dotted_order") };
        if received.dotted_order.is_some() {
            self.learn(record.trace_id(), content.origin("langsmith.project"));
        }
        self.orders.note(record, &received);
    }

    fn wants(&mut self, record: &SpanRecord<'_>) -> bool {
        self.samples(record)
    }

    fn request(&mut self, spans: &[SpanRecord<'_>], _buffer: Vec<u8>) -> Request {
        let mut runs = Vec::with_capacity(spans.len() + 8);
        for record in spans {
            let order = self.orders.of(record);
            let run = map::run(record, &order, self.project(record.trace_id()), self.hidden);
            // The trace itself, where it began with us and has no record of its own.
            if order.depth() == 2 && record.is_entry() && order.trace_id() == record.trace_id().to_bytes() {
                runs.push(map::trace_run(&run, &order));
            }
            runs.push(run);
        }
        let mut headers = self.headers.clone();
        let (body, kind, route) = if self.multipart {
            let boundary = format!("galileo-{:016x}{:016x}", random_u64(), random_u64());
            (wire::multipart(&runs, &boundary), format!("multipart/form-data; boundary={boundary}"), "runs/multipart")
        } else {
            (wire::batch(&runs), "application/json".to_owned(), "runs/batch")
        };
        // Both are plain ASCII.
        if let Ok(kind) = HeaderValue::try_from(kind) {
            headers.insert(CONTENT_TYPE, kind);
        }
        let body = match self.gzip.as_mut().and_then(|gzip| gzip.pack(&body)) {
            Some(smaller) => {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                smaller
            }
            None => body,
        };
        Request {
            method: Method::POST,
            url: format!("{}/{route}", self.address),
            headers,
            body: Bytes::from(body),
            timeout: TIMEOUT,
        }
    }

    fn judge(&mut self, answer: &Answer) -> Verdict {
        match answer.status {
            status if status.is_success() => Verdict::Delivered { refused: 0 },
            // The runs are there already: an answer to an earlier attempt was lost.
            StatusCode::CONFLICT => Verdict::Delivered { refused: 0 },
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED if self.multipart => {
                self.multipart = false;
                Verdict::Again
            }
            StatusCode::UNSUPPORTED_MEDIA_TYPE if self.gzip.is_some() => {
                self.gzip = None;
                Verdict::Again
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                Verdict::Pause
            }
            StatusCode::PAYLOAD_TOO_LARGE => Verdict::Split,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
                Verdict::Retry(answer.retry_after(SystemTime::now()))
            }
            status if status.is_server_error() => Verdict::Retry(answer.retry_after(SystemTime::now())),
            _ => Verdict::GiveUp,
        }
    }
}
