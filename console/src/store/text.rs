//! Full-text search over names, inputs, outputs and errors. The index lags behind a little: senders do not wait for it, the writer keeps
//! it up when it has nothing else to do, and what is not indexed yet is read instead.
//!
//! The index holds documents without their text. A trace has one document, a large or growing one several; the number of a document is
//! the number of its trace shifted left, so that the newest come first without looking anything up.

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::StoreError;

/// Documents that one trace may have, as bits of their numbers.
const SHIFT: i64 = 20;

/// Bytes of text that one step takes.
const STEP: usize = 256 * 1024;

/// Bytes of one input or output that are searched.
const FIELD: usize = 64 * 1024;

/// A trace with at most so many spans is indexed anew when it changes; a larger one gets a further document.
const ANEW: i64 = 500;

/// Matches that are put in order; of more, the latest.
const MATCHES: i64 = 5_000;
/// The same when another filter is going to leave out most of them.
const FILTERED_MATCHES: i64 = 100_000;

/// Traces that are not indexed yet and are read by a search, and the bytes of them.
const TAIL: i64 = 100;
const TAIL_BYTES: usize = 1 << 20;

/// A text to search for: its words one after the other; the last may be the beginning of a longer one.
pub(super) struct Query {
    words: String,
    open: bool,
}

impl Query {
    /// `None` when there is no letter or digit in the text.
    pub(super) fn parse(text: &str) -> Option<Query> {
        let words = normal(text);
        let open = text.chars().next_back().is_some_and(char::is_alphanumeric);
        (words.len() > 1).then_some(Query { words, open })
    }

    /// Words are letters and digits only, so the expression cannot mean anything else.
    fn expression(&self) -> String {
        format!("\"{}\"{}", self.words.trim(), if self.open { " *" } else { "" })
    }

    fn is_in(&self, normal_text: &str) -> bool {
        let words = if self.open { self.words.trim_end() } else { &self.words };
        normal_text.lines().any(|line| line.contains(words))
    }
}

/// Lower-case words with one space before and after each.
fn normal(text: &str) -> String {
    let mut words = String::from(" ");
    for word in text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty()) {
        words.extend(word.chars().flat_map(char::to_lowercase));
        words.push(' ');
    }
    words
}

/// The traces that hold the text, by number: all of them or the latest. `before` is the number of the trace at which the page before
/// ended; traces arrive roughly in the order in which they began.
pub(super) fn candidates(
    connection: &Connection,
    query: &Query,
    before: Option<i64>,
    filtered: bool,
) -> Result<Vec<i64>, StoreError> {
    const APART: i64 = 5_000;
    let most = if filtered { FILTERED_MATCHES } else { MATCHES };
    let sql = "SELECT rowid >> 20 FROM texts WHERE texts MATCH ?1 AND rowid < ?2 ORDER BY rowid DESC LIMIT ?3";
    let find = |bound: i64| -> Result<Vec<i64>, StoreError> {
        Ok(connection
            .prepare_cached(sql)?
            .query_map(params![query.expression(), bound, most], |row| row.get(0))?
            .collect::<Result<_, _>>()?)
    };
    let mut found = find(i64::MAX)?;
    if found.len() as i64 == most
        && let Some(before) = before
    {
        found = find((before + APART) << SHIFT)?;
    }
    found.extend(tail(connection, query)?);
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// What is not indexed yet is read.
fn tail(connection: &Connection, query: &Query) -> Result<Vec<i64>, StoreError> {
    let waiting: Vec<i64> = connection
        .prepare_cached("SELECT trace_no FROM unindexed ORDER BY trace_no DESC LIMIT ?1")?
        .query_map([TAIL], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let (mut found, mut bytes) = (Vec::new(), 0);
    for trace_no in waiting {
        let mut text = String::new();
        read_trace(connection, trace_no, &mut text)?;
        read_spans(connection, trace_no, 0, TAIL_BYTES.saturating_sub(bytes), &mut text)?;
        bytes += text.len();
        if text.lines().any(|line| query.is_in(&normal(line))) {
            found.push(trace_no);
        }
        if bytes >= TAIL_BYTES {
            break;
        }
    }
    Ok(found)
}

/// Says that a trace has changed, from the span with that number on.
pub(super) fn changed(connection: &Connection, trace_no: i64, since: i64) -> Result<(), StoreError> {
    let sql = "INSERT INTO unindexed (trace_no, since) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET since = min(since, excluded.since)";
    connection.prepare_cached(sql)?.execute([trace_no, since])?;
    Ok(())
}

/// Removes a trace from the index.
pub(super) fn forget(connection: &Connection, trace_no: i64) -> Result<(), StoreError> {
    let documents: Option<i64> = connection
        .prepare_cached("DELETE FROM indexed WHERE trace_no = ?1 RETURNING documents")?
        .query_row([trace_no], |row| row.get(0))
        .optional()?;
    for document in 0..documents.unwrap_or(0) {
        connection.prepare_cached("DELETE FROM texts WHERE rowid = ?1")?.execute([(trace_no << SHIFT) + document])?;
    }
    connection.prepare_cached("DELETE FROM unindexed WHERE trace_no = ?1")?.execute([trace_no])?;
    Ok(())
}

/// Indexes some of what has changed, in the transaction that is open; whether there may be more.
pub(super) fn step(connection: &Connection) -> Result<bool, StoreError> {
    let mut bytes = 0;
    while bytes < STEP {
        let next: Option<(i64, i64)> = connection
            .prepare_cached("SELECT trace_no, since FROM unindexed ORDER BY trace_no LIMIT 1")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((trace_no, since)) = next else { return Ok(false) };
        bytes += index(connection, trace_no, since, STEP)? + 64;
    }
    Ok(true)
}

/// Indexes one trace, or a part of a large one; the bytes of text.
fn index(connection: &Connection, trace_no: i64, since: i64, budget: usize) -> Result<usize, StoreError> {
    let spans: Option<i64> = connection
        .prepare_cached("SELECT span_count FROM traces WHERE no = ?1")?
        .query_row([trace_no], |row| row.get(0))
        .optional()?;
    let documents: i64 = connection
        .prepare_cached("SELECT documents FROM indexed WHERE trace_no = ?1")?
        .query_row([trace_no], |row| row.get(0))
        .optional()?
        .unwrap_or(0);
    let anew = spans.is_none_or(|spans| spans <= ANEW);
    if anew && documents > 0 || spans.is_none() {
        forget(connection, trace_no)?;
    }
    if spans.is_none() {
        return Ok(0);
    }
    let (document, since) = if anew { (0, 0) } else { (documents, since) };
    let mut text = String::new();
    read_trace(connection, trace_no, &mut text)?;
    let next = read_spans(connection, trace_no, since, budget, &mut text)?;
    // A last resort against a trace that grows for ever: what comes then is not found by its text.
    if document < 1 << SHIFT {
        connection
            .prepare_cached("INSERT INTO texts (rowid, text) VALUES (?1, ?2)")?
            .execute(params![(trace_no << SHIFT) + document, text])?;
        connection
            .prepare_cached("INSERT INTO indexed (trace_no, documents) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET documents = excluded.documents")?
            .execute([trace_no, document + 1])?;
    }
    match next {
        // A small trace with very much text: the rest of it as for a large one.
        Some(next) => {
            connection
                .prepare_cached("INSERT INTO unindexed (trace_no, since) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET since = excluded.since")?
                .execute([trace_no, if anew { i64::MAX } else { next }])?;
            if anew {
                rest(connection, trace_no, next, budget)?;
                connection.prepare_cached("DELETE FROM unindexed WHERE trace_no = ?1")?.execute([trace_no])?;
            }
        }
        None => {
            connection.prepare_cached("DELETE FROM unindexed WHERE trace_no = ?1")?.execute([trace_no])?;
        }
    }
    Ok(text.len())
}

/// Further documents for a trace of few spans with much text.
fn rest(connection: &Connection, trace_no: i64, since: i64, budget: usize) -> Result<(), StoreError> {
    let (mut next, mut document) = (Some(since), 1);
    while let Some(since) = next {
        let mut text = String::new();
        next = read_spans(connection, trace_no, since, budget, &mut text)?;
        connection
            .prepare_cached("INSERT INTO texts (rowid, text) VALUES (?1, ?2)")?
            .execute(params![(trace_no << SHIFT) + document, text])?;
        document += 1;
    }
    connection
        .prepare_cached("UPDATE indexed SET documents = ?2 WHERE trace_no = ?1")?
        .execute([trace_no, document])?;
    Ok(())
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
    #[serde(borrow, default)]
    output: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

fn read_trace(connection: &Connection, trace_no: i64, text: &mut String) -> Result<(), StoreError> {
    connection
        .prepare_cached("SELECT doc FROM traces WHERE no = ?1")?
        .query_row([trace_no], |row| {
            add(row.get_ref(0)?.as_str()?, text);
            Ok(())
        })
        .optional()?;
    Ok(())
}

/// The text of a trace's spans from a number on; the number to go on with when there is too much of it.
fn read_spans(
    connection: &Connection,
    trace_no: i64,
    since: i64,
    budget: usize,
    text: &mut String,
) -> Result<Option<i64>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT no, doc FROM spans WHERE trace_no = ?1 AND no >= ?2 ORDER BY no")?;
    let mut rows = statement.query([trace_no, since])?;
    let mut read = false;
    while let Some(row) = rows.next()? {
        if read && text.len() >= budget {
            return Ok(Some(row.get(0)?));
        }
        read = true;
        add(&row.get::<_, String>(1)?, text);
    }
    Ok(None)
}

/// Adds the searched fields of a record, each in a line of its own. The character between them keeps the words of two fields apart: it is
/// a word for the index, and no text holds it.
fn add(doc: &str, text: &mut String) {
    let Ok(fields) = serde_json::from_str::<Fields<'_>>(doc) else { return };
    for field in [fields.name, fields.input, fields.output, fields.error].into_iter().flatten() {
        words_of(field.get(), text);
        text.push_str(" \u{e000}\n");
    }
}

/// The texts and numbers in a JSON value, without the names of fields.
fn words_of(json: &str, text: &mut String) {
    let most = text.len() + FIELD;
    let bytes = json.as_bytes();
    let mut at = 0;
    while at < bytes.len() && text.len() < most {
        let start = at;
        match bytes[at] {
            b'"' => {
                let mut escaped = false;
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    let step = if bytes[at] == b'\\' { 2 } else { 1 };
                    escaped |= step == 2;
                    at += step;
                }
                at += 1;
                let after = json.get(at..).unwrap_or_default().trim_start();
                if after.starts_with(':') {
                    continue;
                }
                let quoted = json.get(start..at).unwrap_or_default();
                let unescaped = if escaped { serde_json::from_str::<String>(quoted).ok() } else { None };
                let content = unescaped.as_deref().unwrap_or_else(|| quoted.trim_matches('"'));
                let end = super::row::boundary(content, FIELD);
                text.extend(content[..end].chars().map(|character| if character == '\n' { ' ' } else { character }));
                text.push(' ');
            }
            b'0'..=b'9' | b'-' | b't' | b'f' => {
                while at < bytes.len() && !matches!(bytes[at], b',' | b'}' | b']' | b' ' | b'\n') {
                    at += 1;
                }
                text.push_str(json.get(start..at).unwrap_or_default());
                text.push(' ');
            }
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_value_are_its_texts_and_numbers() {
        for (json, expected, why) in [
            (r#""plain text""#, "plain text ", "a text"),
            (r#"{"question": "Wo?", "n": [1, 2.5, true, null]}"#, "Wo? 1 2.5 true ", "names are left out"),
            (r#"[{"role": "user", "content": "a\"b\nc \u00e9"}]"#, "user a\"b c é ", "escapes"),
            (r#""with \\ at its end\\""#, "with \\ at its end\\ ", "a backslash at the end"),
        ] {
            let mut text = String::new();
            words_of(json, &mut text);
            assert_eq!(text, expected, "{why}");
        }
    }

    #[test]
    fn a_query_is_its_words_in_their_order() {
        let is_in = |query: &str, text: &str| Query::parse(text_of(query)).unwrap().is_in(&normal(text));
        fn text_of(text: &str) -> &str {
            text
        }
        for (query, text, expected, why) in [
            ("moons", "The four MOONS of Jupiter", true, "case does not count"),
            ("moo", "The four moons", true, "the beginning of a word"),
            ("moo ", "The four moons", false, "a word that is finished"),
            ("oons", "The four moons", false, "words are found from their beginning"),
            ("four moons", "the four, moons", true, "signs between words do not count"),
            ("moons four", "the four moons", false, "the order does"),
            ("größe", "die Größe", true, "letters of any language"),
        ] {
            assert_eq!(is_in(query, text), expected, "{why}");
        }
        assert!(Query::parse("?! \"*").is_none());
        assert_eq!(
            Query::parse("a\" OR b*").unwrap().expression(),
            "\"a or b\"",
            "nothing of the expression's language"
        );
    }
}
