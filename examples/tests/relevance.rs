//! Real questions about this repository's own documents: the right document is found, and the answer quotes it.

#![allow(clippy::unwrap_used)]

use galileo_examples::corpus;
use galileo_examples::retrieval::Index;

/// Question, the document that answers it, and a word that the answer cannot do without.
const QUESTIONS: [(&str, &str, &str); 8] = [
    ("Where may a module of the runtime import from?", "ARCHITECTURE.md", "layer"),
    ("What does the worker do with the records that have arrived?", "ARCHITECTURE.md", "worker"),
    ("How should a commit subject be written?", "CONTRIBUTING.md", "imperative"),
    ("May a test sleep to wait for something?", "CONTRIBUTING.md", "sleeps"),
    ("How do I report a vulnerability?", "SECURITY.md", "private"),
    ("Do API keys appear in log lines?", "SECURITY.md", "keys"),
    ("Why is the context a value and not a shared stack?", "docs/adr/0002-context-is-a-value.md", "value"),
    ("Which command runs the quickstart?", "README.md", "cargo run"),
];

/// How many of the questions have to go right: the documents change with every commit, and no ranking is perfect.
const FOUND: usize = 6;
const ANSWERED: usize = 5;

#[test]
fn the_document_that_answers_is_among_the_first_three() {
    let index = Index::build(corpus::load(&corpus::repository()).unwrap());
    let mut wrong = Vec::new();
    for (question, document, _) in QUESTIONS {
        let found: Vec<String> = index.search(question, 3).into_iter().map(|hit| hit.passage.path).collect();
        if !found.iter().any(|path| path == document) {
            wrong.push(format!("{question}\n  expected {document}, found {found:?}"));
        }
    }
    assert!(QUESTIONS.len() - wrong.len() >= FOUND, "{}", wrong.join("\n"));
}

#[test]
fn the_answer_is_made_of_what_was_found() {
    let index = Index::build(corpus::load(&corpus::repository()).unwrap());
    let mut wrong = Vec::new();
    for (question, document, word) in QUESTIONS {
        let hits = index.search(question, 4);
        let answer = galileo_examples::answer::extract(question, &hits);
        let numbers: Vec<usize> = answer.split('[').filter_map(|part| part.split_once(']')?.0.parse().ok()).collect();
        assert!(!numbers.is_empty() && numbers.iter().all(|number| (1..=hits.len()).contains(number)), "{answer}");
        if !answer.contains(word) {
            wrong.push(format!("{question} ({document})\n  {answer}"));
        }
    }
    assert!(QUESTIONS.len() - wrong.len() >= ANSWERED, "{}", wrong.join("\n"));
}
