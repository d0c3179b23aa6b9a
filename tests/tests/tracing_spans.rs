//! Our spans as `tracing` spans: made, entered, left and closed as ours are, and never recorded twice.

#![allow(clippy::unwrap_used)]

use futures::future::join_all;
use galileo::prelude::*;
use galileo::testing;
use galileo::tracing_layer::{GalileoLayer, TracingSpans};
use galileo::{Span, SpanType};
use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use tracing_core::field::{Field, Visit};
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// What a subscriber was told, a line each.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

#[derive(Default)]
struct Words(HashMap<String, String>);

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

impl Told {
    fn say(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Told {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        let mut words = Words::default();
        attributes.record(&mut words);
        let parent = ctx.span(id).and_then(|span| span.parent()).map_or("-", |parent| parent.name());
        let of = |name: &str| words.0.get(name).cloned().unwrap_or_default();
        let metadata = attributes.metadata();
        self.say(
            format!("new {} {} {} under {parent}", metadata.name(), of("type"), of("input"))
                .replace("   ", " ")
                .replace("  ", " "),
        );
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        let mut words = Words::default();
        values.record(&mut words);
        let of = |name: &str| words.0.get(name).cloned().unwrap_or_default();
        let name = ctx.span(id).map_or("?", |span| span.name());
        self.say(format!("{} {name} {} {}", of("outcome"), of("output"), of("error")).trim_end().to_owned());
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let place = ctx.event_span(event).map_or("-", |span| span.name());
        self.say(format!("event in {place}"));
    }

    fn on_close(&self, id: Id, ctx: Context<'_, S>) {
        self.say(format!("close {}", ctx.span(&id).map_or("?", |span| span.name())));
    }
}

#[galileo::log(span_type = "tool")]
fn parse(text: &str) -> Result<i32, std::num::ParseIntError> {
    tracing::info!("parsing");
    text.parse()
}

#[galileo::log]
async fn answer(name: &str) -> usize {
    tokio::task::yield_now().await;
    tracing::info!("after the pause");
    name.len()
}

/// Runs `program` with what was installed; the subscriber's lines and our own trace.
fn told(values: bool, program: impl FnOnce()) -> (Vec<String>, testing::Trace) {
    TracingSpans::new().values(values).install();
    let told = Told::default();
    let subscriber = tracing_subscriber::registry().with(told.clone()).with(GalileoLayer::new());
    let (_, trace) = tracing::subscriber::with_default(subscriber, || testing::run(program));
    let lines = told.0.lock().unwrap().clone();
    (lines, trace)
}

#[test]
fn spans_are_made_entered_and_closed_as_ours_are() {
    let (lines, trace) = told(true, || {
        Span::workflow("outer").in_scope(|| {
            let _ = parse("x");
            tracing::info_span!("theirs").in_scope(|| parse("7").unwrap());
        });
        tracing::info!("outside");
    });
    assert_eq!(
        lines,
        [
            "new workflow workflow under -",
            "new parse tool {\"text\":\"x\"} under workflow",
            "event in parse",
            "error parse  invalid digit found in string",
            "close parse",
            "new theirs under workflow",
            "new parse tool {\"text\":\"7\"} under theirs",
            "event in parse",
            "ok parse 7",
            "close parse",
            "close theirs",
            "ok workflow",
            "close workflow",
            "event in -",
        ]
    );
    // The layer beside it did not make Galileo spans of Galileo spans.
    trace.span_count(3).of_type(SpanType::Tool).span_count(2);
    assert_eq!(
        trace.named("parse").iter().map(|span| span.events.len()).sum::<usize>(),
        2,
        "events stay where they were"
    );
}

#[test]
fn futures_are_inside_at_every_poll_and_nowhere_else() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (lines, trace) = told(true, || {
        let work = join_all([answer("a"), answer("b")]).in_span(Span::agent("both"));
        runtime.block_on(work);
        tracing::info!("outside");
    });
    let count = |line: &str| lines.iter().filter(|told| *told == line).count();
    assert_eq!(count("event in answer"), 2, "{lines:?}");
    assert_eq!(count("event in -"), 1, "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.ends_with("under agent")).count(), 2, "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("close ")).count(), 3, "{lines:?}");
    trace.span_count(3);
}
