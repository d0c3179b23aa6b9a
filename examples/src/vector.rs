//! A vector store in memory: passages as points, and the nearest ones found through a graph (HNSW) instead of by looking at all.

use instant_distance::{Builder, HnswMap, Point, Search};

use crate::corpus::Passage;
use crate::lsa::Lsa;
use crate::retrieval::Hit;

/// Dimensions of the vectors; a few hundred passages do not have more topics than that.
const DIMENSIONS: usize = 160;

/// How many candidates a search looks at: more is more exact and slower.
const CANDIDATES: usize = 64;

/// Passages by the direction of their vectors.
pub struct VectorStore {
    lsa: Lsa,
    graph: HnswMap<Direction, Passage>,
}

impl VectorStore {
    /// Learns the vectors from the passages and builds the graph; the same passages give the same store.
    pub fn build(passages: Vec<Passage>) -> VectorStore {
        let texts: Vec<String> =
            passages.iter().map(|passage| format!("{}\n{}", passage.heading, passage.text)).collect();
        let lsa = Lsa::fit(&texts, DIMENSIONS);
        let points = texts.iter().map(|text| Direction(lsa.embed(text))).collect();
        let graph =
            Builder::default().seed(7).ef_search(CANDIDATES).ef_construction(2 * CANDIDATES).build(points, passages);
        VectorStore { lsa, graph }
    }

    /// The `limit` passages whose vectors point most in the direction of the query, best first.
    ///
    /// The score is the cosine; what shares nothing with the query is left out.
    pub fn search(&self, query: &str, limit: usize) -> Vec<Hit> {
        let query = Direction(self.lsa.embed(query));
        let mut search = Search::default();
        let nearest = self.graph.search(&query, &mut search).take(limit);
        nearest
            .map(|item| Hit { passage: item.value.clone(), score: 1.0 - item.distance })
            .filter(|hit| hit.score > 0.0)
            .collect()
    }
}

#[derive(Clone)]
struct Direction(Vec<f32>);

impl Point for Direction {
    /// One minus the cosine; both have length one.
    fn distance(&self, other: &Direction) -> f32 {
        1.0 - self.0.iter().zip(&other.0).map(|(a, b)| a * b).sum::<f32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passage(heading: &str, text: &str) -> Passage {
        Passage { path: "sky.md".into(), heading: heading.into(), text: text.into() }
    }

    #[test]
    fn the_nearest_passage_comes_first_and_the_score_is_a_cosine() {
        let store = VectorStore::build(vec![
            passage("Moons", "Galileo observed four moons of Jupiter in January 1610."),
            passage("Rings", "Saturn looked triple because the rings were not resolved."),
            passage("Phases", "Venus shows phases like our own moon does."),
        ]);
        let hits = store.search("moons of Jupiter", 3);
        assert_eq!(hits[0].passage.heading, "Moons");
        assert!(hits.iter().all(|hit| hit.score > 0.0 && hit.score < 1.0001), "{hits:?}");
        assert_eq!(store.search("zeppelin", 3), []);
    }

    #[test]
    fn the_graph_finds_what_a_look_at_every_passage_finds() {
        let passages = crate::corpus::load(&crate::corpus::repository()).expect("the repository has documents");
        let store = VectorStore::build(passages.clone());
        let (mut found, mut wanted) = (0, 0);
        for asked in passages.iter().step_by(3) {
            let query = Direction(store.lsa.embed(&asked.text));
            let mut exact: Vec<(f32, &Passage)> = passages
                .iter()
                .map(|passage| {
                    let text = format!("{}\n{}", passage.heading, passage.text);
                    (query.distance(&Direction(store.lsa.embed(&text))), passage)
                })
                .collect();
            exact.sort_by(|a, b| a.0.total_cmp(&b.0));
            let approximate = store.search(&asked.text, 5);
            wanted += approximate.len();
            found += approximate.iter().filter(|hit| 1.0 - hit.score <= exact[4].0 + 1e-5).count();
        }
        assert!(found * 100 >= wanted * 95, "{found} of {wanted}");
    }

    /// The share of `questions.txt` whose document is among the first `DEPTH` passages.
    fn recall(search: impl Fn(&str) -> Vec<Hit>) -> (f32, Vec<&'static str>) {
        let lines = include_str!("../questions.txt").lines().filter(|line| !line.starts_with('#'));
        let cases: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once('\t')).collect();
        let found = |document: &str, question: &str| search(question).iter().any(|hit| hit.passage.path == document);
        let missed: Vec<&str> =
            cases.iter().filter(|(document, question)| !found(document, question)).map(|case| case.1).collect();
        (1.0 - missed.len() as f32 / cases.len() as f32, missed)
    }

    #[test]
    fn recall_is_at_most_five_points_below_full_text_ranking() {
        const DEPTH: usize = 5;
        let passages = crate::corpus::load(&crate::corpus::repository()).expect("the repository has documents");
        let (store, index) = (VectorStore::build(passages.clone()), crate::retrieval::Index::build(passages));
        let (vectors, missed) = recall(|question| store.search(question, DEPTH));
        let (bm25, _) = recall(|question| index.search(question, DEPTH));
        assert!(bm25 > 0.6, "full-text ranking finds {bm25:.2}: the questions do not fit the documents any more");
        assert!(vectors >= bm25 - 0.05, "vectors find {vectors:.3}, full-text ranking {bm25:.3}; missed: {missed:#?}");
    }
}
