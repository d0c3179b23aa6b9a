//! Galileo's requests: what stands around the spans, and where each request goes.

use http::Method;

use super::account::{SDK_VALUE, Target};
use super::map::{self, WireSpan, WireTrace};
use super::text::Limit;
use crate::config::{GalileoSettings, ServiceSettings};
use crate::export::json::{self, Object};
use crate::model::SpanId;
use crate::pipeline::combine::{Combine, NodeKey, Step, StepKind};
use crate::pipeline::exporter::SpanRecord;
use crate::pipeline::store::{Key, Store};

/// Where a request goes; the ids are the hyphenated text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Traces,
    Spans,
    Span([u8; 36]),
    Trace([u8; 36]),
}

impl Route {
    pub(super) fn method(self) -> Method {
        match self {
            Self::Traces | Self::Spans => Method::POST,
            Self::Span(_) | Self::Trace(_) => Method::PATCH,
        }
    }

    /// The address; only creates have a route of their own at the ingest service.
    pub(super) fn url(self, settings: &GalileoSettings, target: &Target) -> String {
        let project = &target.project_id;
        let host = if target.ingest { &settings.ingest } else { &settings.api };
        let text = |id: &[u8; 36]| String::from_utf8_lossy(id).into_owned();
        host.join(&match (self, target.ingest) {
            (Self::Traces, true) => format!("ingest/traces/{project}"),
            (Self::Spans, true) => format!("ingest/spans/{project}"),
            (Self::Traces, false) => format!("v2/projects/{project}/traces"),
            (Self::Spans, false) => format!("v2/projects/{project}/spans"),
            (Self::Span(id), _) => format!("v2/projects/{project}/spans/{}", text(&id)),
            (Self::Trace(id), _) => format!("v2/projects/{project}/traces/{}", text(&id)),
        })
    }
}

/// What the body of a request is made from.
pub(super) struct Source<'a> {
    pub(super) combine: &'a Combine,
    pub(super) store: &'a Store,
    pub(super) service: &'a ServiceSettings,
    pub(super) target: &'a Target,
}

impl<'a> Source<'a> {
    fn record(&self, key: Key) -> SpanRecord<'a> {
        SpanRecord { span: self.store.span(key), service: self.service }
    }

    fn span(&self, key: NodeKey) -> WireSpan<'a> {
        let node = self.combine.node(key);
        WireSpan {
            record: self.record(node.span),
            id: hyphenated(self.combine.wire_id(key)),
            moved: node.moved,
            limit: Limit::after(node.shrunk),
        }
    }

    /// Writes the body of a step and says where it goes. `session` is the id that the backend gave the session of the traces in it.
    pub(super) fn write(&self, step: &Step, session: Option<&str>, out: &mut Vec<u8>) -> Route {
        match step.kind {
            StepKind::CreateTraces { complete } => {
                let mut body = self.envelope(out);
                body.key("traces").push(b'[');
                self.nested(step, body.out);
                body.out.push(b']');
                if let Some(session) = session {
                    body.string("session_id", session);
                }
                body.boolean("is_complete", complete);
                body.close();
                Route::Traces
            }
            StepKind::CreateSpans { parent } => {
                let trace = self.combine.node(parent).trace;
                let mut body = self.envelope(out);
                body.plain("trace_id", &hyphenated(self.combine.trace_id(trace)));
                body.plain("parent_id", &hyphenated(self.combine.wire_id(parent)));
                body.key("spans").push(b'[');
                self.nested(step, body.out);
                body.out.push(b']');
                body.close();
                Route::Spans
            }
            StepKind::UpdateSpan { node } => {
                let span = self.span(node);
                let mut body = self.envelope(out);
                body.plain("span_id", &span.id);
                map::update(&mut body, &span);
                body.close();
                Route::Span(span.id)
            }
            StepKind::CompleteTrace { trace } => {
                let id = hyphenated(self.combine.trace_id(trace));
                let state = self.combine.trace(trace);
                let mut body = self.envelope(out);
                body.plain("trace_id", &id);
                if let Some(root) = state.root.filter(|_| state.linked_to.is_none()) {
                    let limit = Limit::after(self.combine.node(state.node).shrunk);
                    map::update_trace(&mut body, &self.record(root), limit);
                }
                body.boolean("is_complete", true);
                body.close();
                Route::Trace(id)
            }
        }
    }

    fn envelope<'b>(&self, out: &'b mut Vec<u8>) -> Object<'b> {
        let mut body = Object::open(out);
        scope_fields(&mut body, self.target);
        body.plain("logging_method", b"api_direct");
        body.plain("client_version", SDK_VALUE.as_bytes());
        // The answer comes after ingestion, so that it can be believed.
        body.boolean("reliable", true);
        body
    }

    /// Writes what a step creates; the depth of each item says where the ones before it end.
    fn nested(&self, step: &Step, out: &mut Vec<u8>) {
        let mut open: Vec<NodeKey> = Vec::new();
        let mut after_sibling = false;
        for &(key, depth) in &step.items {
            while open.len() > depth as usize {
                self.close(open.pop(), out);
                after_sibling = true;
            }
            if after_sibling {
                out.push(b',');
            }
            self.open(step, key, out);
            open.push(key);
            after_sibling = false;
        }
        while let Some(key) = open.pop() {
            self.close(Some(key), out);
        }
    }

    fn open(&self, step: &Step, key: NodeKey, out: &mut Vec<u8>) {
        let node = self.combine.node(key);
        if node.span != Key::MAX {
            return map::open(out, &self.span(key));
        }
        let state = self.combine.trace(node.trace);
        let of_trace = |item: NodeKey| {
            let item = self.combine.node(item);
            item.trace == node.trace && item.span != Key::MAX
        };
        let fallback = step
            .items
            .iter()
            .map(|(item, _)| *item)
            .find(|item| of_trace(*item))
            .or_else(|| self.combine.first_wanted(key));
        map::open_trace(
            out,
            &WireTrace {
                id: hyphenated(node.id),
                root: state.root.filter(|_| state.linked_to.is_none()).map(|root| self.record(root)),
                limit: Limit::after(node.shrunk),
                linked_to: state.linked_to.map(hyphenated),
                fallback: fallback.map(|item| self.record(self.combine.node(item).span)),
            },
        );
    }

    fn close(&self, key: Option<NodeKey>, out: &mut Vec<u8>) {
        let Some(node) = key.map(|key| self.combine.node(key)) else { return };
        if node.span == Key::MAX {
            out.extend_from_slice(b"]}");
        } else {
            map::close(out, self.store.span(node.span).span_type);
        }
    }
}

fn hyphenated(id: [u8; 16]) -> [u8; 36] {
    SpanId::from_bytes(id).to_text()
}

/// The body of a session search by the id that the program gives the session.
pub(super) fn session_search(out: &mut Vec<u8>, target: &Target, external_id: &str) {
    let mut body = Object::open(out);
    scope_fields(&mut body, target);
    let out = body.key("filters");
    out.extend_from_slice(br#"[{"type":"text","column_id":"external_id","operator":"eq","value":"#);
    json::string(out, external_id);
    out.extend_from_slice(b"}]");
    body.close();
}

pub(super) fn scope_fields(body: &mut Object<'_>, target: &Target) {
    if let Some(id) = &target.log_stream_id {
        body.string("log_stream_id", id);
    }
    if let Some(id) = &target.experiment_id {
        body.string("experiment_id", id);
    }
}
