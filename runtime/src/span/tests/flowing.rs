//! Streams and iterators that own a span.

use crate::context::{Context, InContext};
use crate::model::{Callsite, Field, Outcome, Parts, SpanType};
use crate::pipeline::recorded::recorded;
use crate::span::{Flow, InSpan, ItemSink, Span, TracedIterator, TracedStream};
use futures::executor::block_on;
use futures::{StreamExt, stream};

static TOKENS: Callsite = Callsite::new("tokens", SpanType::Llm, "", "", 0);

/// Joins texts; an `Err` ends the span.
#[derive(Default)]
struct Join(String);

impl ItemSink<Result<&'static str, u8>> for Join {
    fn item(&mut self, item: &Result<&'static str, u8>) -> Option<Outcome> {
        match item {
            Ok(text) => {
                self.0.push_str(text);
                None
            }
            Err(_) => Some(Outcome::Error),
        }
    }

    fn finish(&mut self, flow: Flow, parts: &mut Parts<'_>) {
        assert_eq!(flow.first_after.is_some(), flow.items > 0);
        parts.text(Field::Output, &flow.items.to_string(), &self.0);
    }
}

fn traced(items: &[Result<&'static str, u8>]) -> impl futures::Stream<Item = Result<&'static str, u8>> + Unpin {
    // Each item is made under a span of its own, which has to be a child of the stream's.
    let items = stream::iter(items.to_vec()).map(|item| Span::tool("item").in_scope(|| item));
    TracedStream::new(&TOKENS, items, |parts| parts.text(Field::Argument, "q", "why?"), Join::default())
}

#[test]
fn a_stream_records_what_flowed_until_its_end() {
    let lines = recorded(|| {
        let all: Vec<_> = block_on(traced(&[Ok("be"), Ok("cause")]).collect());
        assert_eq!(all.len(), 2);
    });
    assert_eq!(
        lines,
        [
            "start tokens under - q=why?",
            "start item under tokens",
            "ok item",
            "start item under tokens",
            "ok item",
            "ok tokens 2=because"
        ]
    );
}

#[test]
fn a_stream_dropped_early_is_cancelled_with_what_flowed() {
    let lines = recorded(|| {
        let mut stream = traced(&[Ok("be"), Ok("cause")]);
        assert_eq!(block_on(stream.next()), Some(Ok("be")));
    });
    assert_eq!(lines.last().map(String::as_str), Some("cancelled tokens 1=be"));
}

#[test]
fn an_error_item_ends_the_span_and_the_rest_flows_on() {
    let lines = recorded(|| {
        let all: Vec<_> = block_on(traced(&[Ok("be"), Err(1), Ok("late")]).collect());
        assert_eq!(all, [Ok("be"), Err(1), Ok("late")]);
    });
    assert_eq!(lines.iter().filter(|l| l.contains(" tokens ")).count(), 2, "{lines:?}");
    assert!(lines.contains(&"error tokens 2=be".to_owned()), "{lines:?}");
}

#[test]
fn a_stream_that_nobody_polls_leaves_no_span() {
    assert_eq!(recorded(|| drop(traced(&[Ok("be")]))), Vec::<String>::new());
}

#[test]
fn an_iterator_owns_its_span_like_a_stream() {
    let lines = recorded(|| {
        let items = ["be", "cause"].into_iter().map(|item| Span::tool("item").in_scope(|| Ok::<_, u8>(item)));
        let mut traced = TracedIterator::new(&TOKENS, items, |_| {}, Join::default());
        assert_eq!(traced.next(), Some(Ok("be")));
        assert!(Context::current().span_id().is_none(), "between items the span is not the current one");
        drop(traced);
    });
    assert_eq!(lines, ["start tokens under -", "start item under tokens", "ok item", "cancelled tokens 1=be"]);
}

#[test]
fn a_builder_span_and_a_context_serve_streams_too() {
    let lines = recorded(|| {
        let outer = Span::workflow("outer").enter();
        let context = Context::current();
        drop(outer);
        let stream = stream::iter([1, 2]).map(|n| Span::tool("item").in_scope(|| n));
        let stream = stream.in_span(Span::retriever("search")).in_context(context);
        assert_eq!(block_on(stream.collect::<Vec<_>>()), [1, 2]);
    });
    assert!(lines.contains(&"start search under outer".to_owned()), "{lines:?}");
    assert_eq!(lines.iter().filter(|l| *l == "start item under search").count(), 2, "{lines:?}");
    assert!(lines.contains(&"ok search".to_owned()), "{lines:?}");
}

#[test]
fn a_given_parent_wins_over_the_context_of_the_first_poll() {
    let lines = recorded(|| {
        let asked = Span::workflow("asked").enter();
        let context = Context::current();
        let stream = traced_under(&context);
        drop(asked);
        Span::workflow("elsewhere").in_scope(|| block_on(stream.collect::<Vec<_>>()));
    });
    assert!(lines.contains(&"start tokens under asked".to_owned()), "{lines:?}");
    assert!(lines.contains(&"start elsewhere under -".to_owned()), "{lines:?}");
}

fn traced_under(parent: &Context) -> impl futures::Stream<Item = Result<&'static str, u8>> + Unpin {
    TracedStream::new(&TOKENS, stream::iter([Ok("x")]), |_: &mut Parts<'_>| {}, Join::default()).under(parent)
}
