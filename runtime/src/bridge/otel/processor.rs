//! The span processor.

use super::convert::{Conventions, nanos};
use super::current;
use super::open::{self, Key};
use crate::bridge::conventions::{Meaning, Rule};
use crate::context::Context;
use crate::model::{Field, Parts, clock};
use crate::span::{self, Detached, Opening};
use crate::{pipeline::stats::Report, suppress};
use opentelemetry::trace::Span as _;
use opentelemetry::{Context as OtelContext, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long `force_flush` waits.
const FLUSH: Duration = Duration::from_secs(30);

/// Makes Galileo spans of OpenTelemetry's; see [the module](crate::otel).
///
/// Each span of the provider gets the attributes by which Galileo routes: project, log stream or experiment, session and dataset row.
#[derive(Debug)]
pub struct GalileoSpanProcessor {
    pipeline: Box<dyn Pipeline>,
    /// What every span is stamped with.
    routes: Vec<KeyValue>,
    /// Facts about this process that the provider knows; they go on the first span of each trace.
    resource: Vec<(String, String)>,
    open: Mutex<HashMap<Key, Open>>,
    conventions: Conventions,
}

/// Where the spans go.
pub(crate) trait Pipeline: std::fmt::Debug + Send + Sync {
    /// Waits until everything is delivered.
    fn flush(&self, timeout: Duration) -> Report;

    /// The provider is shut down.
    fn shut_down(&self, timeout: Duration) -> Report;
}

#[derive(Debug)]
struct Open {
    span: Detached,
    /// What our clock was behind the wall's, so that both ends are moved alike.
    drift: i64,
}

impl GalileoSpanProcessor {
    pub(crate) fn new(pipeline: Box<dyn Pipeline>, routes: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        current::share();
        let routes = routes.into_iter().map(|(key, value)| KeyValue::new(key, value)).collect();
        Self { pipeline, routes, resource: Vec::new(), open: Mutex::default(), conventions: Conventions::default() }
    }

    /// Adds a rule that goes before all others: which spans are of which type.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.conventions.rules.insert(0, rule);
        self
    }

    /// Says what an attribute means; goes before what is built in.
    #[must_use]
    pub fn field(mut self, name: &'static str, meaning: Meaning) -> Self {
        self.conventions.meanings.add(name, meaning);
        self
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Key, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes on the span what Galileo's own endpoint reads, for whatever else exports it.
    fn stamp(&self, span: &mut Span, parent: &Context) {
        span.set_attributes(self.routes.iter().cloned());
        let Some(rare) = parent.rare() else { return };
        if let Some(session) = &rare.session {
            let known = [("galileo.session.id", &session.id), ("session.id", &session.external_id)];
            for (key, id) in known {
                span.set_attributes(id.clone().map(|id| KeyValue::new(key, id)));
            }
        }
        if let Some(row) = &rare.dataset {
            let texts = [("galileo.dataset.input", &row.input), ("galileo.dataset.output", &row.output)];
            for (key, text) in texts {
                span.set_attributes(text.clone().map(|text| KeyValue::new(key, text)));
            }
            let metadata: serde_json::Map<_, _> =
                row.metadata.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
            if !metadata.is_empty() {
                let metadata = serde_json::Value::Object(metadata).to_string();
                span.set_attribute(KeyValue::new("galileo.dataset.metadata", metadata));
            }
        }
    }

    fn started(&self, span: &mut Span, cx: &OtelContext) {
        let Some(key) = Key::of(span.span_context()) else { return };
        let parent = current::parent(cx, key.trace);
        self.stamp(span, &parent);
        if !span::enabled() || suppress::is_suppressed() {
            return;
        }
        let Some(data) = span.exported_data() else { return };
        let said = self.conventions.read(&data);
        let drift = clock::drift();
        let at = nanos(data.start_time).saturating_add_signed(-drift);
        let opening = Opening { at: Some(at), span: Some(key.span_id()), ..Opening::default() };
        let is_first = parent.span_id().is_none() || parent.rare().is_some_and(|rare| rare.remote.is_some());
        let detached = Detached::open_as(opening, said.span_type, &parent, |parts| {
            parts.text(Field::Name, "", &said.name);
            if key.span_id().w3c() != key.span {
                parts.text(
                    Field::Origin,
                    "w3c.span_id",
                    &opentelemetry::trace::SpanId::from_bytes(key.span).to_string(),
                );
            }
            if is_first {
                self.resource.iter().for_each(|(name, value)| parts.text(Field::Metadata, name, value));
            }
        });
        open::insert(key, detached.context().slot());
        self.open().insert(key, Open { span: detached, drift });
    }

    fn ended(&self, data: &SpanData) {
        let Some(key) = Key::of(&data.span_context) else { return };
        open::remove(key);
        let Some(Open { mut span, drift }) = self.open().remove(&key) else { return };
        let said = self.conventions.read(data);
        let mut bytes = Vec::new();
        let parts = &mut Parts::new(&mut bytes);
        parts.text(Field::Name, "", &said.name);
        let outcome = self.conventions.write(&said, data, parts);
        let at = nanos(data.end_time).saturating_add_signed(-drift);
        span.end_as(said.span_type, at, outcome, |parts| parts.append(&bytes));
    }

    fn result(&self, report: &Report, timeout: Duration) -> OTelSdkResult {
        if report.queued > 0 {
            return Err(OTelSdkError::Timeout(timeout));
        }
        Ok(())
    }
}

impl SpanProcessor for GalileoSpanProcessor {
    fn on_start(&self, span: &mut Span, cx: &OtelContext) {
        current::called(|| self.started(span, cx));
    }

    fn on_end(&self, data: SpanData) {
        current::called(|| self.ended(&data));
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.result(&self.pipeline.flush(FLUSH), FLUSH)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        // Spans that are still open end as cancelled, as at every shutdown.
        let open: Vec<_> = self.open().drain().collect();
        open.iter().for_each(|(key, _)| open::remove(*key));
        drop(open);
        self.result(&self.pipeline.shut_down(timeout), timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource
            .iter()
            .filter(|(key, _)| !key.as_str().starts_with("telemetry.sdk."))
            .map(|(key, value)| (key.as_str().to_owned(), value.to_string()))
            .collect();
    }
}
