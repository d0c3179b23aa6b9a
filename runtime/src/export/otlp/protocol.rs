//! OTLP over HTTP: requests of spans and what their answers mean.

use super::map::{self, Body, Dialect, SpanView};
use super::wire::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use crate::config::{CompressionSetting, OtlpProtocol, OtlpSettings, ServiceSettings};
use crate::diag;
use crate::export::batch::{Protocol, Verdict};
use crate::export::content::Content;
use crate::export::gzip::Gzip;
use crate::export::recent::Recent;
use crate::export::semconv::{galileo, otel};
use crate::export::transport::{Answer, Request};
use crate::model::{Field, Outcome, SpanId, TraceId};
use crate::pipeline::exporter::SpanRecord;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use http::{Method, StatusCode};
use prost::Message;
use std::time::{Duration, SystemTime};

/// Traces of which something is remembered that only their first span says.
const REMEMBERED: usize = 8192;

/// The protocol towards one collector.
pub(crate) struct Otlp {
    url: String,
    headers: HeaderMap,
    timeout: Duration,
    format: OtlpProtocol,
    gzip: Option<Gzip>,
    dialect: Dialect,
    /// The message that says who sends.
    resource: Vec<u8>,
    traces: Traces,
}

impl Otlp {
    pub(crate) fn new(settings: &OtlpSettings, service: &ServiceSettings) -> Self {
        let address = settings.url.as_str();
        // Galileo's own endpoint reads a form of its own; all others follow the conventions.
        let galileo = address.ends_with("/otel/traces") || address.ends_with("/otel/v1/traces");
        let mut headers: HeaderMap = settings.headers.iter().cloned().collect();
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("galileo-rust/", env!("CARGO_PKG_VERSION"))));
        Self {
            url: address.to_owned(),
            headers,
            timeout: settings.timeout,
            format: settings.protocol,
            gzip: match settings.compression {
                CompressionSetting::Gzip => Some(Gzip::always()),
                CompressionSetting::Auto if !settings.url.is_loopback() => Some(Gzip::frugal()),
                CompressionSetting::Auto | CompressionSetting::None => None,
            },
            dialect: if galileo { Dialect::Galileo } else { Dialect::General },
            resource: resource(settings, service),
            traces: Traces { known: Recent::new(REMEMBERED), names: Recent::new(REMEMBERED) },
        }
    }

    fn view<'a>(&self, record: &SpanRecord<'a>) -> SpanView<'a> {
        let known = self.traces.get(record.trace_id());
        let duration = record.duration().unwrap_or_default();
        let parent = match record.parent_id() {
            Some(parent) => parent,
            // The trace was begun without a span; it is its own first span here.
            None if known.is_some_and(|trace| trace.is_span) && !record.is_trace() => {
                SpanId::from_bytes(record.trace_id().to_bytes())
            }
            None => SpanId::NONE,
        };
        SpanView {
            name: record.name(),
            span_type: record.span_type(),
            trace: record.trace_id(),
            w3c_trace: known.and_then(|trace| trace.w3c),
            span: record.span_id(),
            parent,
            w3c_parent: self.traces.name(parent),
            remote_parent: record.is_entry() && !record.is_root(),
            session: None,
            start: record.started_at_nanos(),
            end: record.started_at_nanos().saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)),
            outcome: record.outcome().unwrap_or(Outcome::Ok),
            site: record.callsite(),
            content: Content::read(record.parts()).shown(),
        }
    }
}

/// The same request in the protocol's other format.
fn json(protobuf: &[u8]) -> Vec<u8> {
    // What was just written can be read, and writing these types as JSON cannot fail: no map has a key that is not text.
    let whole = ExportTraceServiceRequest::decode(protobuf).unwrap_or_default();
    serde_json::to_vec(&whole).unwrap_or_default()
}

/// What was set by hand wins over what was found out, and the first value of a key stays.
fn resource(settings: &OtlpSettings, service: &ServiceSettings) -> Vec<u8> {
    let own = [
        (otel::SERVICE_NAME, Some(service.name.clone())),
        (otel::SERVICE_VERSION, service.version.clone()),
        (otel::ENVIRONMENT, service.environment.clone()),
        (otel::HOST_NAME, service.host.clone()),
        (otel::PROCESS_ID, Some(std::process::id().to_string())),
    ];
    // What Galileo routes by stands in headers; its reference client repeats it in the resource.
    let routes = [
        ("project", galileo::PROJECT_NAME),
        ("logstream", galileo::LOG_STREAM_NAME),
        ("experimentid", galileo::EXPERIMENT_ID),
    ];
    let header =
        |name: &str| settings.headers.iter().find(|(known, _)| known == name)?.1.to_str().ok().map(str::to_owned);
    let routes = routes.into_iter().map(|(name, key)| (key, header(name)));
    let own = own.into_iter().chain(routes).filter_map(|(key, value)| Some((key.to_owned(), value?)));
    map::resource(own.chain(settings.resource.iter().cloned()))
}

impl Protocol for Otlp {
    fn started(&mut self, record: &SpanRecord<'_>) {
        if record.is_entry() || record.is_trace() {
            self.traces.learn(record);
        }
        if cfg!(feature = "opentelemetry") {
            self.traces.learn_name(record);
        }
    }

    fn request(&mut self, spans: &[SpanRecord<'_>], buffer: Vec<u8>) -> Request {
        let mut whole = Body::new(&self.resource, buffer);
        for record in spans {
            let view = self.view(record);
            let session = self.traces.get(record.trace_id()).and_then(|trace| trace.session.as_deref());
            whole.span(&SpanView { session, ..view }, self.dialect);
        }
        let (whole, start) = whole.finish();
        let (body, kind) = match self.format {
            OtlpProtocol::Protobuf => (Bytes::from(whole).slice(start..), "application/x-protobuf"),
            OtlpProtocol::Json => (Bytes::from(json(&whole[start..])), "application/json"),
        };
        let mut headers = self.headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        let body = match self.gzip.as_mut().and_then(|gzip| gzip.pack(&body)) {
            Some(smaller) => {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                Bytes::from(smaller)
            }
            None => body,
        };
        Request { method: Method::POST, url: self.url.clone(), headers, body, timeout: self.timeout }
    }

    fn judge(&mut self, answer: &Answer) -> Verdict {
        match answer.status {
            status if status.is_success() => Verdict::Delivered { refused: self.refused(answer) },
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Verdict::Retry(answer.retry_after(SystemTime::now())),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                Verdict::Pause
            }
            StatusCode::PAYLOAD_TOO_LARGE => Verdict::Split,
            StatusCode::UNSUPPORTED_MEDIA_TYPE if self.gzip.is_some() => {
                self.gzip = None;
                Verdict::Again
            }
            StatusCode::UNSUPPORTED_MEDIA_TYPE if self.format == OtlpProtocol::Json => {
                diag::warn("otlp-format", format_args!("{} takes no JSON; protobuf is sent from now on", self.url));
                self.format = OtlpProtocol::Protobuf;
                Verdict::Again
            }
            // The specification counts these as final; a second attempt costs little and saves what a restart would lose.
            status if status.is_server_error() => Verdict::RetryOnce,
            _ => Verdict::GiveUp,
        }
    }
}

impl Otlp {
    /// Spans that an accepted request lost, in either format; an answer that cannot be read says nothing.
    fn refused(&self, answer: &Answer) -> u64 {
        let json =
            answer.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
        let count = if json {
            let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let count = &body["partialSuccess"]["rejectedSpans"];
            count.as_i64().or_else(|| count.as_str()?.parse().ok())
        } else {
            let body = ExportTraceServiceResponse::decode(answer.body.as_slice()).ok();
            body.and_then(|body| body.partial_success).map(|partial| partial.rejected_spans)
        };
        count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0)
    }
}

/// What only the first span of a trace says, for those that come later.
struct Traces {
    known: Recent<TraceId, Trace>,
    /// What another tracing system calls a span of its own, where that is not the end of its id here.
    names: Recent<SpanId, [u8; 8]>,
}

#[derive(Default)]
struct Trace {
    w3c: Option<[u8; 16]>,
    session: Option<String>,
    /// The trace has a record of its own.
    is_span: bool,
}

impl Traces {
    /// What another tracing system calls a span of its own.
    fn name(&self, span: SpanId) -> Option<[u8; 8]> {
        self.names.get(&span).copied()
    }

    /// Takes note of such a name, if the span has one.
    fn learn_name(&mut self, record: &SpanRecord<'_>) {
        let mut parts = record.parts().filter(|part| part.field == Field::Origin && part.key == "w3c.span_id");
        if let Some(name) = parts.next().and_then(|part| map::unhex(part.text())) {
            self.names.put(record.span_id(), name);
        }
    }

    fn get(&self, id: TraceId) -> Option<&Trace> {
        self.known.get(&id)
    }

    fn learn(&mut self, record: &SpanRecord<'_>) {
        let content = Content::read(record.parts());
        let found = Trace {
            w3c: content.origin("w3c.trace_id").and_then(map::unhex),
            session: content.session_id.map(str::to_owned),
            is_span: record.is_trace(),
        };
        if found.w3c.is_none() && found.session.is_none() && !found.is_span {
            return;
        }
        self.known.put(record.trace_id(), found);
    }
}
