//! What a run recorded, as a tree.

use super::check::{Count, Spans};
use super::pattern::fits;
use super::tree::Tree;
use crate::export::SpanData;
use crate::model::{SpanId, SpanType};
use serde_json::Value;
use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

/// Every span of one run, parents before their children and siblings by their start.
///
/// Nearly always that is one trace. Code that begins several has several roots here, and a span whose parent is not here, because another
/// process has it, stands as a root.
///
/// The checks panic with the tree when they fail, and all of them fail when no span arrived. They return the trace, so that they can be
/// written one after the other.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    spans: Vec<SpanData>,
    /// How deep each of them stands, from 0.
    depths: Vec<usize>,
}

impl Trace {
    /// Puts `spans`, in the order in which they began, into the order of their tree.
    pub(super) fn new(mut spans: Vec<SpanData>) -> Self {
        spans.sort_by_key(|span| span.started_at);
        let ids: HashMap<SpanId, usize> = spans.iter().enumerate().map(|(index, span)| (span.span_id, index)).collect();
        let mut children: Vec<Vec<usize>> = vec![Vec::new(); spans.len()];
        let mut stack = Vec::new();
        for (index, span) in spans.iter().enumerate() {
            match span.parent_id.and_then(|parent| ids.get(&parent)) {
                Some(&parent) if parent != index => children[parent].push(index),
                _ => stack.push((index, 0)),
            }
        }
        stack.reverse();
        let mut slots: Vec<Option<SpanData>> = spans.into_iter().map(Some).collect();
        let mut trace = Self::default();
        while let Some((index, depth)) = stack.pop() {
            stack.extend(children[index].iter().rev().map(|&child| (child, depth + 1)));
            if let Some(span) = slots[index].take() {
                trace.spans.push(span);
                trace.depths.push(depth);
            }
        }
        trace
    }

    /// All spans, parents before their children.
    pub fn spans(&self) -> &[SpanData] {
        &self.spans
    }

    /// How deep the span at `index` of [`spans`](Self::spans) stands; 0 for a root.
    pub fn depth(&self, index: usize) -> usize {
        self.depths.get(index).copied().unwrap_or_default()
    }

    /// The spans without a parent in this run.
    pub fn roots(&self) -> impl Iterator<Item = &SpanData> {
        self.spans.iter().zip(&self.depths).filter(|(_, depth)| **depth == 0).map(|(span, _)| span)
    }

    /// The first span of this name, which may hold `*` and `?`.
    pub fn find(&self, name: &str) -> Option<&SpanData> {
        self.spans.iter().find(|span| fits(name, &span.name))
    }

    /// The span of this name, which may hold `*` and `?`.
    ///
    /// # Panics
    /// When there is none, or when there are several.
    #[track_caller]
    pub fn span(&self, name: &str) -> &SpanData {
        self.named(name).one()
    }

    /// The spans directly under another.
    pub fn children<'a>(&'a self, parent: &'a SpanData) -> impl Iterator<Item = &'a SpanData> {
        self.spans.iter().filter(|span| span.parent_id == Some(parent.span_id) && span.span_id != parent.span_id)
    }

    /// All spans, to be checked together.
    pub fn all(&self) -> Spans<'_> {
        Spans::new(self, self.spans.iter().collect(), String::new())
    }

    /// The spans of this name, which may hold `*` and `?`.
    pub fn named(&self, pattern: &str) -> Spans<'_> {
        self.all().named(pattern)
    }

    /// The spans of this type.
    pub fn of_type(&self, span_type: SpanType) -> Spans<'_> {
        self.all().of_type(span_type)
    }

    /// The tree as text; `Display` is the same with its defaults.
    pub fn tree(&self) -> Tree<'_> {
        Tree::new(self)
    }

    /// There are this many spans: a number or a range of numbers.
    #[track_caller]
    pub fn span_count(&self, count: impl Count) -> &Self {
        self.all().span_count(count);
        self
    }

    /// No span took longer, and none is still open.
    #[track_caller]
    pub fn max_duration(&self, limit: Duration) -> &Self {
        self.all().max_duration(limit);
        self
    }

    /// No span failed.
    #[track_caller]
    pub fn no_errors(&self) -> &Self {
        self.all().no_errors();
        self
    }

    /// A tool of this name, which may hold `*` and `?`, was used.
    #[track_caller]
    pub fn tool_used(&self, name: &str) -> &Self {
        self.all().tool_used(name);
        self
    }

    /// A tool of this name was called with these arguments; what is not mentioned may be anything.
    ///
    /// ```
    /// use galileo::{Span, testing};
    /// use serde_json::json;
    ///
    /// let call = || Span::tool("weather").input(json!({"city": "Pisa", "units": {"wind": "knots"}})).in_scope(|| ());
    /// testing::run(call).1.tool_args_match("weather", json!({"city": "Pisa"}));
    /// ```
    #[track_caller]
    pub fn tool_args_match(&self, name: &str, arguments: Value) -> &Self {
        self.all().tool_args_match(name, arguments);
        self
    }

    /// Tools of these names were used in this order; others may have been used between.
    #[track_caller]
    pub fn tool_sequence<T: AsRef<str>>(&self, names: impl IntoIterator<Item = T>) -> &Self {
        self.all().tool_sequence(names);
        self
    }

    /// Tools of these names were used in this order, and no others.
    #[track_caller]
    pub fn tool_sequence_exact<T: AsRef<str>>(&self, names: impl IntoIterator<Item = T>) -> &Self {
        self.all().tool_sequence_exact(names);
        self
    }

    /// Wherever a span has several children, each of them ran at the same time as another; at least one span has.
    #[track_caller]
    pub fn children_parallel(&self) -> &Self {
        self.all().children_parallel();
        self
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tree().fmt(f)
    }
}
