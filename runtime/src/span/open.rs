//! The two ends of every span.

use crate::context::active::{self, Active, Place};
#[cfg(feature = "tracing")]
use crate::context::neighbour;
use crate::context::{Rare, Remote, RemoteKind, lineage};
use crate::model::{Callsite, Field, Outcome, Parts, SpanId, SpanType, TraceId, clock, scratch};
use crate::pipeline::record::{Header, Kind, StartFlags};
use crate::pipeline::{callsite, queue};
use crate::suppress;
/// Whether another tracing system wants to hear of every span.
#[inline(always)]
fn wants_spans() -> bool {
    #[cfg(feature = "tracing")]
    return neighbour::wants_spans();
    #[cfg(not(feature = "tracing"))]
    false
}

/// A span that was opened: what closing it needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened {
    pub(crate) trace: TraceId,
    pub(crate) span: SpanId,
    /// Its START was taken by the pipeline.
    pub(crate) recorded: bool,
}

/// A span on the stack: it is the thread's current one, and leaving it puts back what was.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) opened: Opened,
    pub(crate) previous: Active,
}

/// Opens a span under the thread's current one. What comes with it is the context inside, which the caller makes current. `write` adds
/// the captured input; it is not called for an unsampled trace.
#[inline]
pub(crate) fn open(site: &'static Callsite, write: impl FnOnce(&mut Parts<'_>)) -> (Opened, Active) {
    open_as(Opening::default(), site, write)
}

/// Opens a span under the thread's current one and makes it current.
#[inline]
pub(crate) fn enter(site: &'static Callsite, write: impl FnOnce(&mut Parts<'_>)) -> Entry {
    let (opened, inside) = open_as(Opening::default(), site, write);
    Entry { opened, previous: active::replace(inside) }
}

/// Whether a span that opens here is what it nearly always is: one under a recorded span of this process, without rare values.
#[inline(always)]
pub(crate) fn is_plain() -> bool {
    active::get().is_plain() && !suppress::is_suppressed()
}

/// Opens a span where [`is_plain`] says so; `bytes` was captured. Comes with the context outside and the one inside. `None`, and nothing
/// has happened, when something rare is to be done: then [`open_captured`] does it.
///
/// The hot path of all: no closure, and nothing that lives over a call, so that it stays in registers.
#[inline(always)]
pub(crate) fn open_plain(site: &'static Callsite, bytes: &[u8]) -> Option<(Opened, Active, Active)> {
    let callsite = callsite::known(site)?;
    if lineage::is_kept() || wants_spans() {
        return None;
    }
    let span = SpanId::random();
    // After the capture, which is not the span's work.
    let time = clock::now();
    // Last, so that it need not be kept over what is above.
    let parent = active::get();
    let place = parent.plain_place();
    let header = Header {
        kind: Kind::Start,
        detail: site.span_type as u8,
        flags: place.start,
        callsite,
        trace: parent.trace,
        span,
        parent: parent.span,
        time,
    };
    let recorded = queue::push_start_fast(&header, bytes)?;
    Some((Opened { trace: parent.trace, span, recorded }, parent, parent.child(place, span, site.span_type)))
}

/// Opens a span whose input was captured before. Comes with the context inside.
#[cold]
#[inline(never)]
pub(crate) fn open_captured(site: &'static Callsite, bytes: &[u8]) -> (Opened, Active) {
    let parent = active::get();
    if parent.is_plain() && !suppress::is_suppressed() {
        // The thread's chunk was full, or the worker slept: the input goes on as it is.
        return open_recorded(Opening::default(), site, &parent, parent.plain_place(), bytes);
    }
    open_as(Opening::default(), site, |parts| parts.append(bytes))
}

/// How a span opens that is not simply "here and now".
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Opening {
    /// When it began, by [`clock::now`].
    pub(crate) at: Option<u64>,
    /// It stands for a trace that is begun without a span: it has the trace's id, so that what lies under it lies directly under the
    /// trace. Only where no trace runs.
    pub(crate) is_trace: bool,
    /// Its id, where another system has named it.
    pub(crate) span: Option<SpanId>,
}

/// As [`open`].
#[inline]
pub(crate) fn open_as(
    opening: Opening,
    site: &'static Callsite,
    write: impl FnOnce(&mut Parts<'_>),
) -> (Opened, Active) {
    let parent = active::get();
    if !parent.is_recorded() || suppress::is_suppressed() {
        return (Opened::unrecorded(&parent), parent.scoped());
    }
    let place = parent.place(site.span_type);
    if !place.is_recorded() {
        let inside = parent.child(place, SpanId::random(), site.span_type);
        return (Opened::unrecorded(&inside), inside);
    }
    // Captured before anything is made of the span, so that little has to be kept over the user's code.
    let mut bytes = Vec::new();
    write(&mut Parts::lent(&mut bytes));
    if parent.has_rare() {
        let entry = place.start.has(StartFlags::ENTRY);
        active::read_rare(|rare| write_rare(rare, entry, &mut Parts::lent(&mut bytes)));
    }
    let opened = open_recorded(opening, site, &parent, place, &bytes);
    if bytes.capacity() != 0 {
        scratch::keep(bytes);
    }
    opened
}

/// Opens a span that is recorded at `place`, with all that was captured.
#[inline]
fn open_recorded(
    opening: Opening,
    site: &'static Callsite,
    parent: &Active,
    place: Place,
    bytes: &[u8],
) -> (Opened, Active) {
    let span = match opening.span {
        Some(span) => span,
        None if opening.is_trace => SpanId::from_bytes(place.trace.to_bytes()),
        None => SpanId::random(),
    };
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
    let recorded = queue::push(&header, bytes);
    lineage::opened(span, parent.span, header.time);
    #[cfg(feature = "tracing")]
    if recorded && wants_spans() {
        neighbour::opened(site, span, bytes);
    }
    (Opened { trace: place.trace, span, recorded }, parent.child(place, span, site.span_type))
}

impl Opened {
    fn unrecorded(active: &Active) -> Self {
        Self { trace: active.trace, span: active.span, recorded: false }
    }

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
            self.closed(outcome, &bytes);
            add(Kind::End, outcome as u8, self, time, bytes);
        }
    }

    /// As [`close_at`](Self::close_at), for a span of which only its end says what it is.
    #[cfg(feature = "opentelemetry")]
    pub(crate) fn close_as(&self, span_type: SpanType, at: u64, outcome: Outcome, write: impl FnOnce(&mut Parts<'_>)) {
        if self.recorded {
            let mut bytes = Vec::new();
            write(&mut Parts::lent(&mut bytes));
            let header = Header { flags: StartFlags::retyped(span_type), ..header(Kind::End, outcome as u8, self, at) };
            queue::push(&header, &bytes);
            self.closed(outcome, &bytes);
        }
    }

    /// Ends a span that was recorded, where it is hot: at `time`, with what was captured.
    #[inline(always)]
    pub(crate) fn close_plain(&self, outcome: Outcome, time: u64, bytes: &[u8]) {
        let header = header(Kind::End, outcome as u8, self, time);
        if lineage::is_kept() || wants_spans() || queue::push_end_fast(&header, bytes).is_none() {
            self.close_slowly(outcome, time, bytes);
        }
    }

    #[cold]
    #[inline(never)]
    fn close_slowly(&self, outcome: Outcome, time: u64, bytes: &[u8]) {
        queue::push(&header(Kind::End, outcome as u8, self, time), bytes);
        self.closed(outcome, bytes);
    }

    /// Tells others that the span has ended.
    #[cfg_attr(not(feature = "tracing"), expect(unused_variables, reason = "nobody else wants to know more"))]
    fn closed(&self, outcome: Outcome, parts: &[u8]) {
        lineage::closed(self.span);
        #[cfg(feature = "tracing")]
        if wants_spans() {
            neighbour::closed(self.span, outcome, parts);
        }
    }

    /// Adds to the span while it is open.
    pub(crate) fn note(&self, write: impl FnOnce(&mut Parts<'_>)) {
        if self.recorded {
            let time = clock::now();
            let mut bytes = Vec::new();
            write(&mut Parts::lent(&mut bytes));
            add(Kind::Note, 0, self, time, bytes);
        }
    }
}

fn add(kind: Kind, detail: u8, opened: &Opened, time: u64, bytes: Vec<u8>) {
    queue::push(&header(kind, detail, opened, time), &bytes);
    if bytes.capacity() != 0 {
        scratch::keep(bytes);
    }
}

#[inline(always)]
fn header(kind: Kind, detail: u8, opened: &Opened, time: u64) -> Header {
    let Opened { trace, span, .. } = *opened;
    Header { kind, detail, flags: StartFlags::default(), callsite: 0, trace, span, parent: SpanId::NONE, time }
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
