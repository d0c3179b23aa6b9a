//! Checks of a trace, of the kinds that promptfoo has.

use super::pattern::fits;
use super::trace::Trace;
use crate::export::SpanData;
use crate::model::SpanType;
use serde_json::Value;
use std::fmt::{self, Display};
use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};
use std::time::Duration;

/// Some spans of a trace, chosen by name and type, to be checked together.
///
/// ```
/// use galileo::{Span, SpanType, testing};
///
/// let ask = |name| Span::llm(name).in_scope(|| ());
/// let (_, trace) = testing::run(|| Span::workflow("two").in_scope(|| ["draft", "final"].map(ask)));
/// trace.of_type(SpanType::Llm).span_count(2).no_errors();
/// assert_eq!(trace.named("dr*").one().name, "draft");
/// ```
#[derive(Clone, Debug)]
#[must_use = "a choice of spans says nothing until it is checked"]
pub struct Spans<'a> {
    trace: &'a Trace,
    chosen: Vec<&'a SpanData>,
    /// How they were chosen, to follow the word "spans".
    choice: String,
}

impl<'a> Spans<'a> {
    pub(super) fn new(trace: &'a Trace, chosen: Vec<&'a SpanData>, choice: String) -> Self {
        Self { trace, chosen, choice }
    }

    fn only(mut self, choice: impl Display, keep: impl Fn(&SpanData) -> bool) -> Self {
        self.chosen.retain(|span| keep(span));
        self.choice = format!("{}{choice}", self.choice);
        self
    }

    /// Those of this name, which may hold `*` and `?`.
    pub fn named(self, pattern: &str) -> Self {
        self.only(format_args!(" named `{pattern}`"), |span| fits(pattern, &span.name))
    }

    /// Those of this type.
    pub fn of_type(self, span_type: SpanType) -> Self {
        self.only(format_args!(" of type {}", span_type.as_str()), |span| span.span_type == span_type)
    }

    /// Those that `keep` chooses; `description` follows the word "spans" in messages.
    pub fn filter(self, description: &str, keep: impl Fn(&SpanData) -> bool) -> Self {
        self.only(format_args!(" {description}"), keep)
    }

    /// The spans.
    pub fn iter(&self) -> impl Iterator<Item = &'a SpanData> + '_ {
        self.chosen.iter().copied()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.chosen.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.chosen.is_empty()
    }

    /// The only one.
    ///
    /// # Panics
    /// When there is none, or when there are several.
    #[track_caller]
    pub fn one(&self) -> &'a SpanData {
        match self.chosen.as_slice() {
            [one] => one,
            _ => self.fail(format_args!("expected one span{}, found {}", self.choice, self.chosen.len())),
        }
    }

    /// There are this many: a number or a range of numbers.
    #[track_caller]
    pub fn span_count(&self, count: impl Count) -> &Self {
        if self.trace.spans().is_empty() || !count.holds(self.chosen.len()) {
            self.fail(format_args!("expected {} spans{}, found {}", count.words(), self.choice, self.chosen.len()));
        }
        self
    }

    /// None took longer, and none is still open.
    #[track_caller]
    pub fn max_duration(&self, limit: Duration) -> &Self {
        for span in self.some("to take a limited time") {
            match span.duration {
                Some(duration) if duration <= limit => {}
                Some(duration) => {
                    self.fail(format_args!("`{}` took {duration:?}, longer than {limit:?}", span.name));
                }
                None => self.fail(format_args!("`{}` is still open", span.name)),
            }
        }
        self
    }

    /// None failed.
    #[track_caller]
    pub fn no_errors(&self) -> &Self {
        for span in self.some("without errors") {
            if span.is_error() {
                let what = span.error.clone().unwrap_or_else(|| format!("status {:?}", span.status_code));
                self.fail(format_args!("`{}` failed: {what}", span.name));
            }
        }
        self
    }

    /// A tool of this name, which may hold `*` and `?`, was used.
    #[track_caller]
    pub fn tool_used(&self, name: &str) -> &Self {
        if self.tools().all(|tool| !fits(name, &tool.name)) {
            self.fail(format_args!("the tool `{name}` was not used; used were {}", list(self.tools())));
        }
        self
    }

    /// A tool of this name was called with these arguments; what is not mentioned may be anything.
    #[track_caller]
    pub fn tool_args_match(&self, name: &str, arguments: Value) -> &Self {
        self.tool_used(name);
        let calls: Vec<Value> = self.tools().filter(|tool| fits(name, &tool.name)).map(arguments_of).collect();
        if !calls.iter().any(|call| holds(call, &arguments)) {
            let calls: Vec<String> = calls.iter().map(Value::to_string).collect();
            self.fail(format_args!(
                "the tool `{name}` was never called with {arguments}; it was called with {}",
                calls.join(", ")
            ));
        }
        self
    }

    /// Tools of these names were used in this order; others may have been used between.
    #[track_caller]
    pub fn tool_sequence<T: AsRef<str>>(&self, names: impl IntoIterator<Item = T>) -> &Self {
        let used = self.tools_in_time();
        let mut rest = used.iter();
        for name in names {
            let name = name.as_ref();
            if !rest.any(|tool| fits(name, &tool.name)) {
                let used = list(used.iter().copied());
                self.fail(format_args!("the tool `{name}` was not used where it was expected; used were {used}"));
            }
        }
        // An empty list of names must not pass without a span.
        self.some("to be in order");
        self
    }

    /// Tools of these names were used in this order, and no others.
    #[track_caller]
    pub fn tool_sequence_exact<T: AsRef<str>>(&self, names: impl IntoIterator<Item = T>) -> &Self {
        self.some("to be in order");
        let used = self.tools_in_time();
        let expected: Vec<String> = names.into_iter().map(|name| name.as_ref().to_owned()).collect();
        let same =
            used.len() == expected.len() && expected.iter().zip(&used).all(|(name, tool)| fits(name, &tool.name));
        if !same {
            let used = list(used.iter().copied());
            self.fail(format_args!("expected the tools {}, used were {used}", expected.join(", ")));
        }
        self
    }

    /// Wherever a span has several children, each of them ran at the same time as another; at least one span has.
    #[track_caller]
    pub fn children_parallel(&self) -> &Self {
        let mut families = 0;
        for span in self.some("with children that run at the same time") {
            let children: Vec<&SpanData> = self.trace.children(span).collect();
            if children.len() < 2 {
                continue;
            }
            families += 1;
            let alone = children
                .iter()
                .find(|one| !children.iter().any(|other| one.span_id != other.span_id && overlap(one, other)));
            if let Some(alone) = alone {
                self.fail(format_args!("`{}` ran alone under `{}`", alone.name, span.name));
            }
        }
        if families == 0 {
            self.fail(format_args!("no span{} has several children", self.choice));
        }
        self
    }

    fn tools(&self) -> impl Iterator<Item = &'a SpanData> + '_ {
        self.chosen.iter().copied().filter(|span| span.span_type == SpanType::Tool)
    }

    fn tools_in_time(&self) -> Vec<&'a SpanData> {
        let mut tools: Vec<_> = self.tools().collect();
        tools.sort_by_key(|tool| tool.started_at);
        tools
    }

    /// The spans, of which there has to be one.
    #[track_caller]
    fn some(&self, wish: &str) -> &[&'a SpanData] {
        if self.chosen.is_empty() {
            self.fail(format_args!("expected spans{} {wish}, found none", self.choice));
        }
        &self.chosen
    }

    #[track_caller]
    fn fail(&self, what: fmt::Arguments<'_>) -> ! {
        if self.trace.spans().is_empty() {
            panic!(
                "no span arrived: {what}\n  annotate the function with `#[galileo::log]`, and carry the context into tasks and \
                 threads"
            );
        }
        panic!("{what}\nthe trace:\n{}", self.trace.tree().times());
    }
}

/// Names in a message.
fn list<'a>(spans: impl Iterator<Item = &'a SpanData>) -> String {
    let names: Vec<String> = spans.map(|span| format!("`{}`", span.name)).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// The arguments of a call, also where they came as JSON text.
fn arguments_of(tool: &SpanData) -> Value {
    match &tool.input {
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone())),
        Some(value) => value.clone(),
        None => Value::Null,
    }
}

/// Whether `whole` is `part`, or an object that holds every entry of it.
fn holds(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(key, value)| whole.get(key).is_some_and(|known| holds(known, value)))
        }
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(whole, part)| holds(whole, part))
        }
        (Value::Number(whole), Value::Number(part)) => whole == part || whole.as_f64() == part.as_f64(),
        _ => whole == part,
    }
}

/// Whether two spans were open at the same moment.
fn overlap(one: &SpanData, other: &SpanData) -> bool {
    let ended = |span: &SpanData| span.ended_at();
    ended(other).is_none_or(|end| one.started_at < end) && ended(one).is_none_or(|end| other.started_at < end)
}

/// A number of spans: exactly so many, or a range.
pub trait Count {
    /// Whether `count` is one of them.
    fn holds(&self, count: usize) -> bool;
    /// In words.
    fn words(&self) -> String;
}

impl Count for usize {
    fn holds(&self, count: usize) -> bool {
        *self == count
    }

    fn words(&self) -> String {
        self.to_string()
    }
}

macro_rules! ranges {
    ($($range:ty)+) => {$(
        impl Count for $range {
            fn holds(&self, count: usize) -> bool {
                self.contains(&count)
            }

            fn words(&self) -> String {
                format!("{self:?}")
            }
        }
    )+};
}

ranges! { Range<usize> RangeInclusive<usize> RangeFrom<usize> RangeTo<usize> RangeToInclusive<usize> }

impl Count for RangeFull {
    fn holds(&self, _: usize) -> bool {
        true
    }

    fn words(&self) -> String {
        "any number of".to_owned()
    }
}
