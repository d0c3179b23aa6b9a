//! Tokens of a trace: those of its llm spans, but for a span inside which another llm span says its own. Wrappers report what the calls
//! inside them used, and adding both would count twice.

use std::collections::HashMap;

use rusqlite::Connection;

use super::StoreError;
use super::row::SpanKey;
use crate::model::Tokens;

/// Sums over the innermost llm spans of a trace.
pub(super) fn tokens(connection: &Connection, trace_no: i64) -> Result<Tokens, StoreError> {
    let sql = "SELECT key, high, parent_key, parent_high, type = 'llm', tokens_input, tokens_output, tokens_total FROM spans WHERE trace_no = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let spans: Vec<Span> = statement
        .query_map([trace_no], |row| {
            let parent: Option<i64> = row.get(2)?;
            let llm: bool = row.get(4)?;
            let count = |index: usize| row.get::<_, i64>(index).map(|count| if llm { count as u64 } else { 0 });
            Ok(Span {
                key: SpanKey { key: row.get(0)?, high: row.get(1)? },
                parent: parent.zip(row.get(3)?).map(|(key, high)| SpanKey { key, high }),
                tokens: Tokens { input: count(5)?, output: count(6)?, total: count(7)? },
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(sum(&spans))
}

struct Span {
    key: SpanKey,
    parent: Option<SpanKey>,
    tokens: Tokens,
}

impl Span {
    fn speaks(&self) -> bool {
        self.tokens != Tokens::default()
    }
}

fn sum(spans: &[Span]) -> Tokens {
    let mut places: HashMap<i64, Vec<usize>> = HashMap::with_capacity(spans.len());
    for (index, span) in spans.iter().enumerate() {
        places.entry(span.key.key).or_default().push(index);
    }
    let find = |wanted: SpanKey| -> Option<usize> {
        let same = places.get(&wanted.key)?;
        let exact = same.iter().find(|&&index| spans[index].key.high == wanted.high);
        exact.or_else(|| same.iter().find(|&&index| wanted.high == 0 || spans[index].key.high == 0)).copied()
    };
    // What was walked over once needs no second walk, which also ends circles.
    let mut covered = vec![false; spans.len()];
    for span in spans.iter().filter(|span| span.speaks()) {
        let mut at = span.parent.and_then(find);
        while let Some(index) = at.filter(|&index| !covered[index]) {
            covered[index] = true;
            at = spans[index].parent.and_then(find);
        }
    }
    spans.iter().zip(&covered).filter(|(_, covered)| !**covered).fold(Tokens::default(), |all, (span, _)| Tokens {
        input: all.input + span.tokens.input,
        output: all.output + span.tokens.output,
        total: all.total + span.tokens.total,
    })
}
