//! Spans as they lie in the table become a tree: pure, iterative (no depth can exhaust the stack), and independent of the
//! order of its input.

use std::collections::HashMap;

use super::row::SpanKey;
use crate::model::{Orphan, SpanNode};

/// A span with the keys of its parents; `node` has no place in the tree yet.
pub(super) struct Loose {
    pub(super) key: SpanKey,
    /// The parent that is meant.
    pub(super) parent: Option<SpanKey>,
    /// The parent that it was sent with, when that is another.
    pub(super) wire: Option<SpanKey>,
    pub(super) node: SpanNode,
}

/// Puts every span under its parent, once. What has no parent here stands at the top, marked when it names one.
pub(super) fn build(mut loose: Vec<Loose>, trace_service: Option<&str>) -> Vec<SpanNode> {
    loose.sort_by_key(|span| (span.node.start_ns, span.node.id));
    let mut by_key: HashMap<i64, Vec<usize>> = HashMap::with_capacity(loose.len());
    for (index, span) in loose.iter().enumerate() {
        by_key.entry(span.key.key).or_default().push(index);
    }
    let find = |wanted: SpanKey| -> Option<usize> {
        let same = by_key.get(&wanted.key)?;
        same.iter()
            .copied()
            .find(|&index| loose[index].key.high == wanted.high)
            .or_else(|| same.iter().copied().find(|&index| wanted.high == 0 || loose[index].key.high == 0))
    };
    let mut parents: Vec<Option<usize>> =
        loose.iter().map(|span| span.parent.and_then(find).or_else(|| span.wire.and_then(find))).collect();
    let mut orphans: Vec<Option<Orphan>> = (0..loose.len())
        .map(|index| (loose[index].parent.is_some() && parents[index].is_none()).then_some(Orphan::MissingParent))
        .collect();
    for index in cut_circles(&mut parents) {
        orphans[index] = Some(Orphan::Circle);
    }
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); loose.len()];
    let mut stack: Vec<usize> = Vec::new();
    for index in (0..loose.len()).rev() {
        match parents[index] {
            Some(parent) => children[parent].push(index),
            None => stack.push(index),
        }
    }
    // `children` lists and `stack` hold the latest first, so that popping yields the earliest.
    let mut nodes: Vec<Option<SpanNode>> = loose.into_iter().map(|span| Some(span.node)).collect();
    let mut ordered: Vec<SpanNode> = Vec::with_capacity(nodes.len());
    let mut places: Vec<usize> = vec![0; nodes.len()];
    while let Some(index) = stack.pop() {
        let Some(mut node) = nodes[index].take() else { continue };
        places[index] = ordered.len();
        node.orphan = orphans[index];
        node.parent_index = parents[index].map(|parent| places[parent]);
        match node.parent_index {
            Some(parent) => {
                node.depth = ordered[parent].depth + 1;
                match &node.service {
                    None => node.service = ordered[parent].service.clone(),
                    // OTLP names the service on every span; the first one of a service is its entry.
                    Some(own) => node.entry |= ordered[parent].service.as_ref() != Some(own),
                }
                let place = ordered.len();
                ordered[parent].children.push(place);
            }
            None if node.service.is_none() => node.service = trace_service.map(str::to_owned),
            None => node.entry = true,
        }
        stack.extend(&children[index]);
        ordered.push(node);
    }
    ordered
}

/// Makes a top-level span of the first span of each circle (spans are sorted by start) and returns those.
fn cut_circles(parents: &mut [Option<usize>]) -> Vec<usize> {
    const UNSEEN: usize = 0;
    let mut seen_in_walk = vec![UNSEEN; parents.len()];
    let mut cut = Vec::new();
    for start in 0..parents.len() {
        let walk = start + 1;
        let mut at = start;
        while seen_in_walk[at] == UNSEEN {
            seen_in_walk[at] = walk;
            match parents[at] {
                Some(parent) => at = parent,
                None => break,
            }
        }
        if seen_in_walk[at] == walk && parents[at].is_some() {
            let mut first = at;
            let mut next = parents[at];
            while let Some(member) = next.filter(|member| *member != at) {
                first = first.min(member);
                next = parents[member];
            }
            parents[first] = None;
            cut.push(first);
        }
    }
    cut
}
