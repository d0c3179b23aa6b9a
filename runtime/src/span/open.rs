//! The two ends of every span.

use crate::context::active::{self, Active, Place};
use crate::context::{Rare, Remote, RemoteKind, lineage};
use crate::model::{Callsite, Field, Outcome, Parts, SpanId, SpanType, clock, scratch};
use crate::pipeline::record::{Header, Kind, StartFlags};
use crate::pipeline::{callsite, queue};
use crate::suppress;
/// A span that was opened: its own context, and what closing it needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened {
    pub(crate) active: Active,
    /// Its START was taken by the pipeline.
    pub(crate) recorded: bool,
}

/// Opens a span under the thread's current one and returns its context, which the caller makes current. `write` adds the captured
/// input; it is not called for an unsampled trace.
#[inline]
pub(crate) fn open(site: &'static Callsite, write: impl FnOnce(&mut Parts<'_>)) -> Opened {
    open_as(Opening::default(), site, write)
}

/// How a span opens that is not simply "here and now".
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Opening {
    /// When it began, by [`clock::now`].
    pub(crate) at: Option<u64>,
    /// It stands for a trace that is begun without a span: it has the trace's id, so that what lies under it lies directly under the
    /// trace. Only where no trace runs.
    pub(crate) is_trace: bool,
}

/// As [`open`].
#[inline]
pub(crate) fn open_as(opening: Opening, site: &'static Callsite, write: impl FnOnce(&mut Parts<'_>)) -> Opened {
    let parent = active::get();
    if !parent.is_recorded() || suppress::is_suppressed() {
        return Opened { active: parent.scoped(), recorded: false };
    }
    let place = parent.place(site.span_type);
    if !place.is_recorded() {
        return Opened { active: parent.child(place, SpanId::random(), site.span_type), recorded: false };
    }
    // Captured before anything is made of the span, so that little has to be kept over the user's code.
    let mut bytes = Vec::new();
    write(&mut Parts::lent(&mut bytes));
    let opened = start(opening, site, &parent, place, &mut bytes);
    if bytes.capacity() != 0 {
        scratch::keep(bytes);
    }
    opened
}

/// Makes the span and hands its START over.
#[inline(always)]
fn start(opening: Opening, site: &'static Callsite, parent: &Active, place: Place, bytes: &mut Vec<u8>) -> Opened {
    if parent.has_rare() {
        active::read_rare(|rare| write_rare(rare, place.start.has(StartFlags::ENTRY), &mut Parts::lent(bytes)));
    }
    let span = if opening.is_trace { SpanId::from_bytes(place.trace.to_bytes()) } else { SpanId::random() };
    let active = parent.child(place, span, site.span_type);
    let header = Header {
        kind: Kind::Start,
        detail: site.span_type as u8,
        flags: place.start,
        callsite: callsite::number(site),
        trace: place.trace,
        span,
        parent: parent.span,
        // After the capture, which is not the span's work.
        time: opening.at.unwrap_or_else(clock::now),
    };
    lineage::opened(span, parent.span, header.time);
    Opened { active, recorded: queue::push_start(&header, bytes) }
}

impl Opened {
    /// Ends the span. `write` adds the captured output and says how the span ended.
    #[inline]
    pub(crate) fn close(&self, write: impl FnOnce(&mut Parts<'_>) -> Outcome) {
        self.close_at(None, write);
    }

    /// As [`close`](Self::close), at a given time by [`clock::now`].
    #[inline]
    pub(crate) fn close_at(&self, at: Option<u64>, write: impl FnOnce(&mut Parts<'_>) -> Outcome) {
        if self.recorded {
            // Before the capture, which is not the span's work.
            let time = at.unwrap_or_else(clock::now);
            let mut bytes = Vec::new();
            let outcome = write(&mut Parts::lent(&mut bytes));
            lineage::closed(self.active.span);
            add(Kind::End, outcome as u8, &self.active, time, bytes);
        }
    }
}

/// Adds to the span of `active`.
pub(crate) fn note(active: Active, write: impl FnOnce(&mut Parts<'_>)) {
    let time = clock::now();
    let mut bytes = Vec::new();
    write(&mut Parts::lent(&mut bytes));
    add(Kind::Note, 0, &active, time, bytes);
}

#[inline]
fn add(kind: Kind, detail: u8, active: &Active, time: u64, bytes: Vec<u8>) {
    let header = Header {
        kind,
        detail,
        flags: StartFlags::default(),
        callsite: 0,
        trace: active.trace,
        span: active.span,
        parent: SpanId::NONE,
        time,
    };
    queue::push_end(&header, &bytes);
    if bytes.capacity() != 0 {
        scratch::keep(bytes);
    }
}

#[cold]
fn write_rare(rare: &Rare, entry: bool, parts: &mut Parts<'_>) {
    for tag in &rare.tags {
        parts.text(Field::Tag, "", tag);
    }
    for (key, value) in &rare.metadata {
        parts.text(Field::Metadata, key, value);
    }
    // The rest are facts about the trace; they stand on the first span of this process.
    if !entry {
        return;
    }
    if let Some(session) = &rare.session {
        write_session(session, parts);
    }
    if let Some(row) = &rare.dataset {
        let fields = [("input", &row.input), ("output", &row.output)];
        for (key, value) in fields.into_iter().filter_map(|(k, v)| v.as_ref().map(|v| (k, v))) {
            parts.text(Field::Dataset, key, value);
        }
        for (key, value) in &row.metadata {
            parts.text(Field::Dataset, &format!("metadata.{key}"), value);
        }
    }
    if let Some(remote) = &rare.remote {
        write_origin(remote, parts);
    }
}

/// Where the trace comes from, as far as the ids of the span do not say it: a W3C trace or parent that differs from the Galileo one.
fn write_origin(remote: &Remote, parts: &mut Parts<'_>) {
    let trace = remote.w3c_trace_id();
    if trace != remote.trace.to_bytes() {
        parts.text(Field::Origin, "w3c.trace_id", &hex(&trace));
    }
    let known = match remote.kind {
        RemoteKind::Galileo { parent: SpanId::NONE } => Some(remote.trace.w3c_parent()),
        RemoteKind::Galileo { parent } => Some(parent.w3c()),
        RemoteKind::Foreign => None,
    };
    if let Some(parent) = remote.w3c_parent_id()
        && known != Some(parent)
    {
        parts.text(Field::Origin, "w3c.parent_id", &hex(&parent));
    }
    if let Some(langsmith) = &remote.langsmith {
        parts.text(Field::Origin, "langsmith.dotted_order", langsmith.dotted_order.as_str());
        if let Some(project) = &langsmith.project {
            parts.text(Field::Origin, "langsmith.project", project);
        }
    }
}

fn write_session(session: &crate::model::Session, parts: &mut Parts<'_>) {
    if let Some(id) = &session.id {
        parts.text(Field::SessionId, "", id);
        return;
    }
    let facts = [
        ("external_id", &session.external_id),
        ("name", &session.name),
        ("previous_session_id", &session.previous_session_id),
    ];
    for (key, value) in facts.into_iter().filter_map(|(k, v)| v.as_ref().map(|v| (k, v))) {
        parts.text(Field::Session, key, value);
    }
    for (key, value) in &session.metadata {
        parts.text(Field::Session, &format!("metadata.{key}"), value);
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The callsite of spans of this type whose name is not static.
pub(crate) fn dynamic_callsite(span_type: SpanType) -> &'static Callsite {
    macro_rules! site {
        ($kind:ident) => {{
            static SITE: Callsite = Callsite::new(SpanType::$kind.as_str(), SpanType::$kind, "", "", 0);
            &SITE
        }};
    }
    match span_type {
        SpanType::Workflow => site!(Workflow),
        SpanType::Agent => site!(Agent),
        SpanType::Llm => site!(Llm),
        SpanType::Retriever => site!(Retriever),
        SpanType::Tool => site!(Tool),
        SpanType::Control => site!(Control),
    }
}
