//! Our spans as `tracing` spans, for the subscribers that a program has already.

use crate::context::active::Active;
use crate::context::neighbour::{self, Neighbour};
use crate::export::content::{self, Content};
use crate::model::part::PartIter;
use crate::model::{Callsite as Site, Field, Outcome, SpanId};
use once_cell::sync::{Lazy, OnceCell};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tracing_core::callsite::{Callsite, Identifier};
use tracing_core::field::{FieldSet, Value, ValueSet};
use tracing_core::metadata::Kind;
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{Dispatch, Interest, Level, Metadata, callsite, dispatcher};

/// The target of every such span.
const TARGET: &str = "galileo::span";
/// `otel.name` is what `tracing-opentelemetry` names its span by.
const FIELDS: &[&str] = &["otel.name", "name", "type", "input", "output", "outcome", "error"];

/// Shows the spans of `#[log]`, of builders and of the logger to `tracing` subscribers, under the target `galileo::span`.
///
/// Each span has the fields `name` (and `otel.name`), `type` and, at its end, `outcome` and `error`; `input` and `output` where
/// [`values`](Self::values) says so. It is entered and left with ours, so that events and spans of `tracing` lie inside of it.
/// [`GalileoLayer`](super::GalileoLayer) leaves these spans out: they are Galileo spans already.
///
/// ```
/// use galileo::tracing_layer::TracingSpans;
/// use tracing_core::Level;
///
/// TracingSpans::new().level(Level::DEBUG).install();
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is shown before `install`"]
pub struct TracingSpans {
    level: Level,
    values: bool,
}

impl Default for TracingSpans {
    fn default() -> Self {
        Self::new()
    }
}

impl TracingSpans {
    /// Spans of level `INFO` without inputs and outputs.
    pub fn new() -> Self {
        Self { level: Level::INFO, values: false }
    }

    /// Another level.
    pub fn level(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// With inputs and outputs.
    pub fn values(self, shown: bool) -> Self {
        Self { values: shown, ..self }
    }

    /// Shows recorded spans from here on, for the rest of the process; what is installed first stays.
    pub fn install(self) {
        let _ = SETTINGS.set(self);
        neighbour::install(&Subscribers);
    }
}

static SETTINGS: OnceCell<TracingSpans> = OnceCell::new();

/// Whether a `tracing` span is one of these.
pub(super) fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.target() == TARGET
}

/// One `static` for each of our callsites, made when its first span opens.
struct Mirror {
    metadata: OnceCell<Metadata<'static>>,
}

impl Callsite for Mirror {
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        match self.metadata.get() {
            Some(metadata) => metadata,
            None => unreachable!("set before the callsite is handed to anybody"),
        }
    }
}

/// The metadata of each, by the address of our callsite.
static MIRRORS: Lazy<Mutex<HashMap<usize, &'static Metadata<'static>>>> = Lazy::new(Mutex::default);
/// Open spans over there, each with the subscriber that made it.
static OPEN: Lazy<Mutex<HashMap<SpanId, There>>> = Lazy::new(Mutex::default);

struct There {
    dispatch: Dispatch,
    id: Id,
    metadata: &'static Metadata<'static>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn mirror(site: &'static Site, level: Level) -> Option<&'static Metadata<'static>> {
    let key = std::ptr::from_ref(site) as usize;
    if let Some(known) = lock(&MIRRORS).get(&key) {
        return Some(known);
    }
    // Leaked once for each annotated function: `tracing` knows callsites as statics.
    let new: &'static Mirror = Box::leak(Box::new(Mirror { metadata: OnceCell::new() }));
    let place = (!site.file.is_empty()).then_some((site.file, site.line, site.module));
    let metadata = Metadata::new(
        site.name,
        TARGET,
        level,
        place.map(|place| place.0),
        place.map(|place| place.1),
        place.map(|place| place.2),
        FieldSet::new(FIELDS, Identifier(new)),
        Kind::SPAN,
    );
    let _ = new.metadata.set(metadata);
    callsite::register(new);
    let metadata = new.metadata.get()?;
    Some(lock(&MIRRORS).entry(key).or_insert(metadata))
}

/// A span that is entered on this thread.
struct Frame {
    span: SpanId,
    before: SpanId,
    there: Option<(Dispatch, Id)>,
}

thread_local! {
    static FRAMES: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
    /// A subscriber is at work: what it records of its own is not shown to it.
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

/// Calls a subscriber, unless one is at work.
fn alone(work: impl FnOnce()) {
    struct Busy;
    impl Drop for Busy {
        fn drop(&mut self) {
            BUSY.set(false);
        }
    }
    if !BUSY.replace(true) {
        let _busy = Busy;
        work();
    }
}

struct Subscribers;

impl Neighbour for Subscribers {
    fn name(&self) -> &'static str {
        "tracing"
    }

    fn wants_spans(&self) -> bool {
        true
    }

    fn opened(&self, site: &'static Site, span: SpanId, parts: &[u8]) {
        let Some(settings) = SETTINGS.get() else { return };
        alone(|| {
            let Some(metadata) = mirror(site, settings.level) else { return };
            let made = dispatcher::get_default(|dispatch| {
                if !dispatch.enabled(metadata) {
                    return None;
                }
                let name = PartIter(parts).filter(|part| part.field == Field::Name).last();
                let name = name.map_or(site.name, |part| part.text());
                let content = Content::read(PartIter(parts));
                let input = content.input_text().filter(|_| settings.values);
                let said = Said {
                    name: Some(name),
                    kind: Some(site.span_type.as_str()),
                    input: input.as_deref(),
                    ..Said::default()
                };
                let id = said.show(metadata, |values| dispatch.new_span(&Attributes::new(metadata, values)));
                Some(There { dispatch: dispatch.clone(), id: id?, metadata })
            });
            if let Some(made) = made {
                lock(&OPEN).insert(span, made);
            }
        });
    }

    fn closed(&self, span: SpanId, outcome: Outcome, parts: &[u8]) {
        let Some(There { dispatch, id, metadata }) = lock(&OPEN).remove(&span) else { return };
        alone(|| {
            let content = Content::read(PartIter(parts));
            let shown = SETTINGS.get().is_some_and(|settings| settings.values);
            let output = content.output.as_ref().filter(|_| shown).map(content::text);
            let error = content.error.as_ref().map(content::text);
            let said = Said {
                output: output.as_deref(),
                outcome: Some(outcome.as_str()),
                error: error.as_deref(),
                ..Said::default()
            };
            said.show(metadata, |values| dispatch.record(&id, &Record::new(values)));
            dispatch.try_close(id);
        });
    }

    fn moved(&self, old: Active, new: Active) {
        let mut left = Vec::new();
        let mut entered = None;
        let _ = FRAMES.try_with(|frames| {
            let Ok(mut frames) = frames.try_borrow_mut() else { return };
            let kept = neighbour::kept(frames.iter().map(|frame| (frame.span, Some(frame.before))), new.span);
            match kept {
                Some(kept) => left.extend(frames.drain(kept..)),
                None if new.span.is_none() && frames.is_empty() => {}
                None => {
                    let there = lock(&OPEN).get(&new.span).map(|there| (there.dispatch.clone(), there.id.clone()));
                    entered.clone_from(&there);
                    frames.push(Frame { span: new.span, before: old.span, there });
                }
            }
        });
        // Outside of the borrow, because subscribers are foreign code.
        alone(|| {
            for (dispatch, id) in left.into_iter().rev().filter_map(|frame: Frame| frame.there) {
                dispatch.exit(&id);
            }
            if let Some((dispatch, id)) = entered {
                dispatch.enter(&id);
            }
        });
    }
}

/// The values of a span's fields, as far as they are known.
#[derive(Default)]
struct Said<'a> {
    name: Option<&'a str>,
    kind: Option<&'a str>,
    input: Option<&'a str>,
    output: Option<&'a str>,
    outcome: Option<&'a str>,
    error: Option<&'a str>,
}

impl Said<'_> {
    fn show<R>(&self, metadata: &'static Metadata<'static>, show: impl FnOnce(&ValueSet<'_>) -> R) -> Option<R> {
        let fields = metadata.fields();
        let mut known = FIELDS.iter().filter_map(|name| fields.field(*name));
        let mut next = || known.next();
        let fields = [next()?, next()?, next()?, next()?, next()?, next()?, next()?];
        let said = [self.name, self.name, self.kind, self.input, self.output, self.outcome, self.error];
        let texts = said.each_ref().map(|text| text.as_ref().map(|text| text as &dyn Value));
        let [a, b, c, d, e, f, g] = &fields;
        let [ta, tb, tc, td, te, tf, tg] = texts;
        let all = [(a, ta), (b, tb), (c, tc), (d, td), (e, te), (f, tf), (g, tg)];
        Some(show(&metadata.fields().value_set(&all)))
    }
}
