//! `tracing` spans as Galileo spans.
//!
//! Crates such as rig and genai describe each call of a model in a `tracing` span. [`GalileoLayer`] turns those spans, and any whose
//! fields follow the generative AI conventions, OpenInference or LangSmith, into typed Galileo spans under the `#[log]` span that
//! runs. Spans that no rule knows are not recorded; they carry the context, so that `spawn(work.instrument(span))` keeps its trace.
//!
//! ```
//! use galileo::tracing_layer::GalileoLayer;
//! use tracing_subscriber::layer::SubscriberExt;
//!
//! let subscriber = tracing_subscriber::registry().with(GalileoLayer::new());
//! # let _ = subscriber;
//! // tracing_subscriber::util::SubscriberInitExt::init(subscriber);
//! ```

mod entered;
mod mirror;
#[cfg(test)]
mod tests;
mod visit;

pub use super::conventions::{Meaning, Rule};
pub use mirror::TracingSpans;

use super::conventions::{Fields, Meanings, Origin, RULES};
use crate::context::{Context, active};
use crate::model::{Field, Outcome, SpanType, ValueKind, clock};
use crate::span::Detached;
use crate::{span, suppress};
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{Event, LevelFilter, Metadata, Subscriber};
use tracing_subscriber::layer::Context as LayerContext;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, registry};

/// A layer for `tracing-subscriber` that records spans of models, agents, tools and searches; see the [module](self).
///
/// It does nothing until recording has started, and again after it has ended.
#[derive(Clone, Debug)]
pub struct GalileoLayer {
    rules: Vec<Rule>,
    meanings: Meanings,
    spans: LevelFilter,
    events: LevelFilter,
}

impl Default for GalileoLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl GalileoLayer {
    /// The built-in rules; events of level `INFO` and above.
    pub fn new() -> Self {
        Self { rules: Vec::new(), meanings: Meanings::default(), spans: LevelFilter::TRACE, events: LevelFilter::INFO }
    }

    /// Adds a rule that goes before all others.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.insert(0, rule);
        self
    }

    /// Says what a field means; goes before what is built in.
    #[must_use]
    pub fn field(mut self, name: &'static str, meaning: Meaning) -> Self {
        self.meanings.add(name, meaning);
        self
    }

    /// Takes only spans of this level and above; all by default.
    #[must_use]
    pub fn spans(mut self, level: LevelFilter) -> Self {
        self.spans = level;
        self
    }

    /// Adds `tracing` events of this level and above to the Galileo span in which they happen; `INFO` by default.
    #[must_use]
    pub fn events(mut self, level: LevelFilter) -> Self {
        self.events = level;
        self
    }

    /// The rule for a span, with its fields when there is one.
    fn rule_for(&self, attributes: &Attributes<'_>) -> Option<(&Rule, Fields)> {
        let metadata = attributes.metadata();
        if self.spans < *metadata.level() {
            return None;
        }
        let mut candidates = self
            .rules
            .iter()
            .chain(RULES)
            .filter(|rule| rule.may_match(origin(metadata), |field| metadata.fields().field(field).is_some()))
            .peekable();
        candidates.peek()?;
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        candidates.find(|rule| rule.matches(&fields)).map(|rule| (rule, fields))
    }
}

/// What is kept of a `tracing` span.
enum Kept {
    /// It is recorded.
    Span(Box<Recorded>),
    /// It is not; the context in which it was made goes where it goes.
    Context(Context),
}

struct Recorded {
    span: Detached,
    span_type: SpanType,
    /// What is known of it, to be written at its end.
    fields: Fields,
}

impl Kept {
    fn context(&self) -> &Context {
        match self {
            Self::Span(recorded) => recorded.span.context(),
            Self::Context(context) => context,
        }
    }
}

impl<S> Layer<S> for GalileoLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: LayerContext<'_, S>) {
        if !span::enabled() || suppress::is_suppressed() || mirror::is_ours(attributes.metadata()) {
            return;
        }
        let Some(tracing_span) = ctx.span(id) else { return };
        // A parent that was named wins over where the program happens to be.
        let named_parent = attributes.parent().and_then(|parent| ctx.span(parent));
        let context = named_parent
            .and_then(|parent| parent.extensions().get::<Kept>().map(|kept| kept.context().clone()))
            .unwrap_or_else(|| Context::from_slot(active::current()));
        let kept = match self.rule_for(attributes) {
            Some((rule, fields)) => {
                let metadata = attributes.metadata();
                let span = Detached::open(rule.span_type(), &context, |parts| {
                    parts.text(Field::Name, "", self.meanings.name(origin(metadata), &fields, rule.name_field()));
                });
                Kept::Span(Box::new(Recorded { span, span_type: rule.span_type(), fields }))
            }
            None if context.trace_id().is_some() => Kept::Context(context),
            None => return,
        };
        tracing_span.extensions_mut().insert(kept);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: LayerContext<'_, S>) {
        let Some(tracing_span) = ctx.span(id) else { return };
        if let Some(Kept::Span(recorded)) = tracing_span.extensions_mut().get_mut::<Kept>() {
            values.record(&mut recorded.fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: LayerContext<'_, S>) {
        if self.events < *event.metadata().level() || !span::enabled() || suppress::is_suppressed() {
            return;
        }
        let recorded = ctx.event_scope(event).into_iter().flatten().find_map(|span| innermost(&span, event));
        if recorded.is_none() {
            span::current_span().add(|parts| write_event(event, parts));
        }
    }

    fn on_enter(&self, id: &Id, ctx: LayerContext<'_, S>) {
        let Some(tracing_span) = ctx.span(id) else { return };
        let extensions = tracing_span.extensions();
        match extensions.get::<Kept>() {
            Some(Kept::Span(recorded)) => entered::enter(id, recorded.span.context()),
            // Where a trace runs already, the program knows better than a span that was made elsewhere.
            Some(Kept::Context(context)) if active::get().trace.is_none() => entered::enter(id, context),
            _ => {}
        }
    }

    fn on_exit(&self, id: &Id, _: LayerContext<'_, S>) {
        entered::exit(id);
    }

    fn on_close(&self, id: Id, ctx: LayerContext<'_, S>) {
        let Some(tracing_span) = ctx.span(&id) else { return };
        let Some(Kept::Span(recorded)) = tracing_span.extensions_mut().remove::<Kept>() else { return };
        let Recorded { mut span, span_type, fields } = *recorded;
        let mut bytes = Vec::new();
        let parts = &mut crate::model::Parts::new(&mut bytes);
        let named = self.meanings.write(origin(tracing_span.metadata()), span_type, &fields, parts);
        let outcome = if std::thread::panicking() { Outcome::Panic } else { named };
        span.end(outcome, |parts| parts.append(&bytes));
    }
}

fn origin(metadata: &'static Metadata<'static>) -> Origin<'static> {
    Origin { target: metadata.target(), name: metadata.name() }
}

/// Adds the event to the span, if the span is recorded and no other one runs inside of it.
fn innermost<S: for<'a> LookupSpan<'a>>(span: &registry::SpanRef<'_, S>, event: &Event<'_>) -> Option<()> {
    match span.extensions().get::<Kept>()? {
        Kept::Span(recorded) => {
            let current = active::get();
            let runs_inside = !current.span.is_none() && Some(current.span) != recorded.span.context().span_id();
            if runs_inside {
                return None;
            }
            recorded.span.note(|parts| write_event(event, parts));
            Some(())
        }
        Kept::Context(_) => None,
    }
}

/// An event is named by its message; level, target and fields are its attributes.
fn write_event(event: &Event<'_>, parts: &mut crate::model::Parts<'_>) {
    let metadata: &Metadata<'_> = event.metadata();
    let mut fields = Fields::default();
    event.record(&mut fields);
    let name = fields.text("message").unwrap_or(metadata.name());
    let mut attributes = serde_json::Map::new();
    attributes.insert("level".into(), metadata.level().as_str().into());
    attributes.insert("target".into(), metadata.target().into());
    for (key, value) in fields.iter().filter(|(key, _)| *key != "message") {
        attributes.insert(key.into(), value.to_json());
    }
    let text = serde_json::Value::Object(attributes).to_string();
    parts.uint(Field::EventTime, "", clock::now());
    parts.push(Field::Event, name, ValueKind::Json, text.as_bytes());
}
