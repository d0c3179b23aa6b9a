//! An answer made of the best sentences of the passages that were found: no model, but computed from the text every time.

use std::collections::HashSet;

use bm25::{DefaultTokenizer, Language, SearchEngineBuilder, Tokenizer};

use crate::retrieval::Hit;

/// How many sentences an answer has at most, and how many of them come from the best passage.
const SENTENCES: usize = 3;
const FROM_THE_BEST: usize = 2;

/// A passage with less than this share of the best one's score is about something else.
const WORTH_QUOTING: f32 = 0.6;

/// A sentence that repeats this share of the words of a chosen one adds nothing.
const TOO_SIMILAR: f32 = 0.6;

/// Picks the sentences that answer `question` best out of `hits` and joins them in the order of the documents.
///
/// Each sentence is followed by the number of its passage (`[1]` is the best hit), so that a reader can check it. Says so when
/// nothing fits.
pub fn extract(question: &str, hits: &[Hit]) -> String {
    let candidates: Vec<Candidate> = hits.iter().enumerate().flat_map(|(rank, hit)| candidates(rank, hit)).collect();
    if candidates.is_empty() {
        return NOTHING.to_owned();
    }
    // A sentence is read under its heading: "The subject has 72 characters" is about commits because the section is.
    let texts: Vec<String> = candidates.iter().map(|one| format!("{} {}", one.heading, one.text)).collect();
    // Without the usual penalty for length: sentences that match alike stay in the order in which they were written.
    let engine = SearchEngineBuilder::<u32>::with_corpus(Language::English, texts).b(0.0).build();

    let mut scored: Vec<(usize, f32)> = engine
        .search(question, None)
        .into_iter()
        .filter_map(|found| Some((usize::try_from(found.document.id).ok()?, found.score)))
        .collect();
    // By passage first: its score knows the whole corpus, that of a sentence only these few.
    let rank = |index: usize| candidates[index].rank;
    scored.sort_by(|a, b| rank(a.0).cmp(&rank(b.0)).then(b.1.total_cmp(&a.1)).then(a.0.cmp(&b.0)));

    let tokenizer = DefaultTokenizer::new(Language::English);
    let mut chosen: Vec<(usize, HashSet<String>)> = Vec::new();
    let best = hits.first().map_or(0.0, |hit| hit.score);
    for (index, _) in scored {
        let rank = rank(index);
        let quota = if rank == 0 { FROM_THE_BEST } else { 1 };
        let taken = chosen.iter().filter(|(other, _)| candidates[*other].rank == rank).count();
        if chosen.len() == SENTENCES || taken == quota || hits[rank].score < best * WORTH_QUOTING {
            continue;
        }
        let words: HashSet<String> = tokenizer.tokenize(&candidates[index].text).into_iter().collect();
        if !chosen.iter().any(|(_, other)| overlap(&words, other) > TOO_SIMILAR) {
            chosen.push((index, words));
        }
    }
    if chosen.is_empty() {
        return NOTHING.to_owned();
    }
    chosen.sort_by_key(|(index, _)| *index);
    let quote = |index: usize| format!("{} [{}]", candidates[index].text, candidates[index].rank + 1);
    chosen.iter().map(|(index, _)| quote(*index)).collect::<Vec<_>>().join(" ")
}

const NOTHING: &str = "The documents do not say.";

struct Candidate {
    /// Position of its passage among the hits.
    rank: usize,
    /// The innermost heading above it.
    heading: String,
    text: String,
}

fn candidates(rank: usize, hit: &Hit) -> Vec<Candidate> {
    let heading = hit.passage.heading.rsplit(" > ").next().unwrap_or_default();
    let of = |text| Candidate { rank, heading: heading.to_owned(), text };
    sentences(&hit.passage.text).into_iter().map(of).collect()
}

/// The share of the smaller set that both have.
fn overlap(a: &HashSet<String>, b: &HashSet<String>) -> f32 {
    let shared = a.intersection(b).count();
    #[allow(clippy::cast_precision_loss)] // sentences have tens of words
    let share = shared as f32 / a.len().min(b.len()).max(1) as f32;
    share
}

/// The sentences of a piece of Markdown as plain text: prose, list items and table rows, without code blocks and pictures.
fn sentences(markdown: &str) -> Vec<String> {
    let mut found = Vec::new();
    for block in blocks(markdown) {
        let text = plain(&block);
        let mut start = 0;
        for (at, character) in text.char_indices() {
            if matches!(character, '.' | '!' | '?')
                && text[at + 1..].starts_with(' ')
                && ends_a_sentence(&text[start..=at])
            {
                push_sentence(&text[start..=at], &mut found);
                start = at + 1;
            }
        }
        push_sentence(&text[start..], &mut found);
    }
    found
}

/// A full stop after "e.g." and the like goes on.
fn ends_a_sentence(text: &str) -> bool {
    !["e.g.", "i.e.", "etc.", "vs.", "cf."].iter().any(|short| text.ends_with(short))
}

fn push_sentence(text: &str, found: &mut Vec<String>) {
    let text = text.trim();
    // Shorter pieces are labels, not statements.
    if text.split_whitespace().count() >= 4 {
        let closed = text.ends_with(['.', '!', '?', ':', ';']);
        found.push(if closed { text.to_owned() } else { format!("{text}.") });
    }
}

/// Paragraphs with their lines joined; each list item and each table row is a block of its own.
fn blocks(markdown: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    let mut open = false;
    let mut in_fence = false;
    for line in markdown.lines() {
        let line = line.trim();
        if line.starts_with("```") || line.starts_with("~~~") {
            in_fence = !in_fence;
            open = false;
            continue;
        }
        if in_fence {
            blocks.extend(explained_command(line));
            continue;
        }
        if is_table_rule(line) {
            // What stands above it are the names of the columns.
            blocks.pop();
            continue;
        }
        if line.is_empty() || line.starts_with('<') {
            open = false;
            continue;
        }
        let row = line.starts_with('|');
        let item = item_text(line);
        match blocks.last_mut() {
            Some(block) if open && !row && item.is_none() => {
                block.push(' ');
                block.push_str(line);
            }
            _ => blocks.push(if row { row_text(line) } else { item.unwrap_or(line).to_owned() }),
        }
        open = !row;
    }
    blocks
}

/// `cargo run   # the quickstart` inside a code block as a statement about the command; other code says nothing in words.
fn explained_command(line: &str) -> Option<String> {
    let (command, comment) = line.split_once(" # ")?;
    Some(format!("`{}`: {}", command.trim(), comment.trim()))
}

/// `- text`, `* text`, `1. text` and `> text` without the mark.
fn item_text(line: &str) -> Option<&str> {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0 {
        return line[digits..].strip_prefix(". ");
    }
    ["- ", "* ", "+ ", "> "].into_iter().find_map(|mark| line.strip_prefix(mark))
}

fn is_table_rule(line: &str) -> bool {
    line.starts_with('|') && line.chars().all(|character| matches!(character, '|' | '-' | ':' | ' '))
}

/// `| GALILEO_MODE | batch | how spans travel |` as `GALILEO_MODE: batch; how spans travel`.
fn row_text(line: &str) -> String {
    let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
    match cells.split_first() {
        Some((first, rest)) if !rest.is_empty() => format!("{first}: {}", rest.join("; ")),
        Some((first, _)) => (*first).to_owned(),
        None => String::new(),
    }
}

/// Markdown without its inline marks: links and emphasis become their text, pictures vanish, code keeps its backticks.
fn plain(markdown: &str) -> String {
    let mut out = String::with_capacity(markdown.len());
    let mut rest = markdown;
    let mut in_code = false;
    while let Some(character) = rest.chars().next() {
        if character == '`' {
            in_code = !in_code;
        } else if !in_code {
            if let Some(after) = rest.strip_prefix("**") {
                rest = after;
                continue;
            }
            let picture = rest.strip_prefix('!').and_then(link);
            if let Some((_, after)) = picture {
                rest = after;
                continue;
            }
            if let Some((text, after)) = link(rest) {
                out.push_str(&plain(text));
                rest = after;
                continue;
            }
        }
        out.push(character);
        rest = &rest[character.len_utf8()..];
    }
    out
}

/// Splits `[text](address) and more` into the text and what follows.
fn link(markdown: &str) -> Option<(&str, &str)> {
    let inner = markdown.strip_prefix('[')?;
    let (text, after) = inner.split_once("](")?;
    let (_, after) = after.split_once(')')?;
    (!text.contains(['[', '\n'])).then_some((text, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::Passage;

    fn hit(score: f32, text: &str) -> Hit {
        Hit { passage: Passage { path: "a.md".into(), heading: String::new(), text: text.into() }, score }
    }

    #[test]
    fn the_sentence_that_answers_is_chosen() {
        let hits = [
            hit(
                4.0,
                "The telescope came from Venice. Galileo saw four moons of Jupiter in January 1610. He sold the first one.",
            ),
            hit(1.0, "Bread was cheap."),
        ];
        let answer = extract("What did Galileo see near Jupiter?", &hits);
        assert!(answer.starts_with("Galileo saw four moons of Jupiter in January 1610. [1]"), "{answer}");
        assert!(!answer.contains("Bread"), "{answer}");
    }

    #[test]
    fn a_repeated_statement_is_given_once() {
        let hits = [
            hit(3.0, "Headers carry the trace between services."),
            hit(2.0, "The headers carry the trace between the services."),
        ];
        assert_eq!(
            extract("what carries the trace between services", &hits),
            "Headers carry the trace between services. [1]"
        );
    }

    #[test]
    fn no_fitting_sentence_is_said() {
        assert_eq!(extract("anything", &[]), NOTHING);
        assert_eq!(extract("quasar", &[hit(1.0, "Only about bread and cheese here.")]), NOTHING);
    }

    #[test]
    fn the_answer_follows_the_question() {
        let hits =
            [hit(2.0, "Batch mode sends whole traces at the end.\n\nDistributed mode sends spans while they run.")];
        assert_ne!(extract("batch mode", &hits[..]), extract("spans while they run", &hits[..]));
    }

    #[test]
    fn markdown_becomes_sentences() {
        let cases: [(&str, &[&str], &str); 9] = [
            (
                "One sentence here now. Another sentence stands here.",
                &["One sentence here now.", "Another sentence stands here."],
                "prose",
            ),
            ("A line that goes\non in the next one.", &["A line that goes on in the next one."], "joined lines"),
            (
                "- first item of a list\n- second item of a list",
                &["first item of a list.", "second item of a list."],
                "list items",
            ),
            ("```rust\nlet x = 1; let y = 2; let z = 3;\n```", &[], "code blocks are no sentences"),
            (
                "```bash\ncargo run   # starts the quickstart here\n```",
                &["`cargo run`: starts the quickstart here."],
                "a command that says what it does",
            ),
            (
                "| A | B |\n| --- | --- |\n| `X_MODE` | how the spans travel |",
                &["`X_MODE`: how the spans travel."],
                "table rows",
            ),
            (
                "See [the guide to modes](docs/modes.md) for **all** details.",
                &["See the guide to modes for all details."],
                "links",
            ),
            ("![a picture of the page](x.png)", &[], "pictures"),
            (
                "It cuts values, e.g. long ones, at a limit.",
                &["It cuts values, e.g. long ones, at a limit."],
                "short forms",
            ),
        ];
        for (markdown, expected, why) in cases {
            assert_eq!(sentences(markdown), expected, "{why}");
        }
    }

    #[test]
    fn odd_markdown_is_no_danger() {
        for text in ["[", "[]", "](", "![", "``", "**", "|", "||", "| |", "1.", "é. ü! ß? ", "[[a](b)](c)", "> "] {
            sentences(text);
        }
    }
}
