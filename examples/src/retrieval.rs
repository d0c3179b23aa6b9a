//! Full-text ranking of passages with BM25.

use bm25::{Language, SearchEngine, SearchEngineBuilder};
use serde::{Deserialize, Serialize};

use crate::corpus::Passage;

/// A passage that matches a query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// The passage itself.
    pub passage: Passage,
    /// The BM25 score: larger is better; comparable only within one query.
    pub score: f32,
}

/// An index in memory over passages.
pub struct Index {
    engine: SearchEngine<u32>,
    passages: Vec<Passage>,
}

impl Index {
    /// Builds the index. English stemming and stop words; the headings count as text, so a section is found by its title.
    pub fn build(passages: Vec<Passage>) -> Index {
        let texts = passages.iter().map(|passage| format!("{}\n{}", passage.heading, passage.text));
        let engine = SearchEngineBuilder::<u32>::with_corpus(Language::English, texts.collect::<Vec<_>>()).build();
        Index { engine, passages }
    }

    /// How many passages there are.
    pub fn len(&self) -> usize {
        self.passages.len()
    }

    /// Whether there is nothing to find.
    pub fn is_empty(&self) -> bool {
        self.passages.is_empty()
    }

    /// The best `limit` passages for a query, best first; passages that share no word with it are never returned.
    pub fn search(&self, query: &str, limit: usize) -> Vec<Hit> {
        // All matches are ranked here: the engine leaves the order of equal scores open, and answers should not change between runs.
        let mut found: Vec<(u32, f32)> =
            self.engine.search(query, None).into_iter().map(|hit| (hit.document.id, hit.score)).collect();
        found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        found
            .into_iter()
            .take(limit)
            .filter_map(|(id, score)| {
                Some(Hit { passage: self.passages.get(usize::try_from(id).ok()?)?.clone(), score })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passage(heading: &str, text: &str) -> Passage {
        Passage { path: "sky.md".into(), heading: heading.into(), text: text.into() }
    }

    fn sky() -> Index {
        Index::build(vec![
            passage("Moons", "Galileo observed four moons of Jupiter in January 1610."),
            passage("Rings", "Saturn looked triple to him because the rings were not resolved."),
            passage("Phases", "Venus shows phases like our own moon does."),
        ])
    }

    #[test]
    fn the_right_passage_comes_first() {
        let cases = [
            ("What did Galileo observe in 1610?", "Moons"),
            ("why did Saturn look triple", "Rings"),
            ("phase of Venus", "Phases"), // found through the stem of "phases"
        ];
        for (query, heading) in cases {
            assert_eq!(sky().search(query, 1)[0].passage.heading, heading, "{query}");
        }
    }

    #[test]
    fn a_query_without_a_shared_word_finds_nothing() {
        assert_eq!(sky().search("zeppelin", 3), []);
        assert_eq!(sky().search("", 3), []);
        assert_eq!(sky().search("the of and", 3), []);
    }

    #[test]
    fn equal_scores_keep_the_order_of_the_documents() {
        let index = Index::build((0..20).map(|n| passage(&format!("h{n}"), "the same words")).collect());
        let order: Vec<_> = index.search("same words", 20).into_iter().map(|hit| hit.passage.heading).collect();
        // The headings differ in one rare word each, so all scores are equal.
        assert_eq!(order, (0..20).map(|n| format!("h{n}")).collect::<Vec<_>>());
    }

    #[test]
    fn the_limit_holds() {
        assert_eq!(sky().search("Galileo Saturn Venus moon", 2).len(), 2);
        assert!(sky().search("moon", 0).is_empty());
    }
}
