//! Turns recorded values into what a reader expects to see: messages as a conversation, documents as cards, JSON that folds, text.

use serde_json::{Map, Value};

use super::json::{self, Token};
use super::ordered::Ordered;
use super::text::visible;

/// One thing to show.
#[derive(Debug, PartialEq)]
pub(crate) enum Block {
    Text(String),
    Message(Message),
    Document(Document),
    Json(Vec<Token>),
    Diff(Vec<super::diff::Piece>),
}

/// One turn of a conversation.
#[derive(Debug, PartialEq)]
pub(crate) struct Message {
    /// The role as sent.
    pub(crate) role: String,
    /// The role as a class name: one of five that have a look of their own.
    pub(crate) class: &'static str,
    pub(crate) note: String,
    pub(crate) parts: Vec<Part>,
    pub(crate) calls: Vec<Call>,
}

/// A piece of a message.
#[derive(Debug, PartialEq)]
pub(crate) enum Part {
    Text(String),
    Json(Vec<Token>),
}

/// A tool that the model wants to be called.
#[derive(Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) arguments: Vec<Token>,
}

/// A passage that a search returned.
#[derive(Debug, PartialEq)]
pub(crate) struct Document {
    pub(crate) title: String,
    pub(crate) score: String,
    pub(crate) content: String,
    pub(crate) metadata: Vec<(String, String)>,
}

/// The longest text that a page shows; all of it is in the raw record and in what the copy button takes.
const LONGEST: usize = 100_000;

/// What to show for a value.
pub(crate) fn blocks(value: &Value) -> Vec<Block> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) if text.is_empty() => Vec::new(),
        Value::String(text) => match embedded(text) {
            Some((inner, ordered)) => match blocks(&inner) {
                found if matches!(found[..], [Block::Json(_)]) => vec![Block::Json(json::ordered(&ordered))],
                found => found,
            },
            None => vec![Block::Text(shown(text))],
        },
        Value::Array(items) if items.is_empty() => Vec::new(),
        Value::Array(items) if items.iter().all(is_message) => {
            items.iter().filter_map(message).map(Block::Message).collect()
        }
        Value::Array(items) if items.iter().all(is_document) => {
            items.iter().enumerate().filter_map(|(index, item)| document(index, item)).map(Block::Document).collect()
        }
        Value::Array(items) if items.iter().all(|item| content_text(item).is_some()) => {
            items.iter().filter_map(content_text).map(|text| Block::Text(shown(text))).collect()
        }
        Value::Object(map) if is_message(value) => {
            message(&Value::Object(map.clone())).map(Block::Message).into_iter().collect()
        }
        Value::Object(map) if map.len() == 1 => match map.iter().next() {
            Some((key, inner @ Value::Array(items)))
                if matches!(key.as_str(), "messages" | "documents") && !items.is_empty() =>
            {
                blocks(inner)
            }
            _ => vec![Block::Json(json::tokens(value))],
        },
        other => vec![Block::Json(json::tokens(other))],
    }
}

/// What the copy button takes: text as it is, the rest as indented JSON.
pub(crate) fn raw(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}

/// JSON inside a string, which is how the wire carries the arguments of a function; with and without the order of its keys.
fn embedded(text: &str) -> Option<(Value, Ordered)> {
    let trimmed = text.trim();
    let bracketed =
        (trimmed.starts_with('{') && trimmed.ends_with('}')) || (trimmed.starts_with('[') && trimmed.ends_with(']'));
    let value: Value = bracketed.then(|| serde_json::from_str(trimmed).ok())??;
    match &value {
        Value::Object(map) if map.is_empty() => None,
        Value::Array(items) if items.is_empty() => None,
        Value::Object(_) | Value::Array(_) => Some((value, serde_json::from_str(trimmed).ok()?)),
        _ => None,
    }
}

fn shown(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}\n…[{} bytes more in the raw record]", visible(&text[..cut]), text.len() - cut),
        None => visible(text).into_owned(),
    }
}

fn is_message(value: &Value) -> bool {
    let Value::Object(map) = value else { return false };
    map.get("role").is_some_and(Value::is_string)
        && ["content", "parts", "tool_calls"].iter().any(|key| map.contains_key(*key))
}

fn is_document(value: &Value) -> bool {
    let Value::Object(map) = value else { return false };
    map.get("content").is_some_and(Value::is_string) && !map.contains_key("role") && !map.contains_key("type")
}

/// The text of a content block.
fn content_text(value: &Value) -> Option<&str> {
    let map = value.as_object()?;
    if map.get("type").and_then(Value::as_str) != Some("text") {
        return None;
    }
    map.get("text").or_else(|| map.get("content")).and_then(Value::as_str)
}

fn message(value: &Value) -> Option<Message> {
    let map = value.as_object()?;
    let role = map.get("role").and_then(Value::as_str)?;
    let class = match role {
        "user" | "human" => "user",
        "assistant" | "ai" | "agent" | "model" => "assistant",
        "system" | "developer" => "system",
        "tool" | "function" => "tool",
        _ => "other",
    };
    let mut parts = Vec::new();
    let mut calls: Vec<Call> = map
        .get("tool_calls")
        .and_then(Value::as_array)
        .map(|calls| calls.iter().map(call).collect())
        .unwrap_or_default();
    for content in [map.get("content"), map.get("parts")].into_iter().flatten() {
        match content {
            Value::Array(items) => {
                for item in items {
                    match content_text(item) {
                        Some(text) => parts.push(Part::Text(shown(text))),
                        None if item.get("type").and_then(Value::as_str) == Some("tool_call") => calls.push(call(item)),
                        None => parts.push(part(item)),
                    }
                }
            }
            other => parts.push(part(other)),
        }
    }
    parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
    let note =
        ["name", "tool_call_id"].iter().filter_map(|key| map.get(*key)?.as_str()).collect::<Vec<_>>().join(" · ");
    Some(Message { role: visible(role).into_owned(), class, note: visible(&note).into_owned(), parts, calls })
}

fn part(value: &Value) -> Part {
    match value {
        Value::Null => Part::Text(String::new()),
        Value::String(text) => {
            embedded(text).map_or_else(|| Part::Text(shown(text)), |(_, inner)| Part::Json(json::ordered(&inner)))
        }
        other => Part::Json(json::tokens(other)),
    }
}

fn call(value: &Value) -> Call {
    let function = value.get("function").unwrap_or(value);
    let text = |from: &Value, key: &str| {
        from.get(key).and_then(Value::as_str).map(|text| visible(text).into_owned()).unwrap_or_default()
    };
    let arguments = match function.get("arguments") {
        Some(Value::String(inner)) => embedded(inner)
            .map_or_else(|| json::tokens(&Value::String(inner.clone())), |(_, inner)| json::ordered(&inner)),
        Some(other) => json::tokens(other),
        None => Vec::new(),
    };
    Call { name: text(function, "name"), id: text(value, "id"), arguments }
}

fn document(index: usize, value: &Value) -> Option<Document> {
    let map = value.as_object()?;
    let content = shown(map.get("content")?.as_str()?);
    let empty = Map::new();
    let metadata = map.get("metadata").and_then(Value::as_object).unwrap_or(&empty);
    let find = |keys: &[&'static str]| {
        keys.iter().find_map(|key| metadata.get(*key).or_else(|| map.get(*key)).map(|value| (*key, plain(value))))
    };
    let title = find(&["title", "source", "path", "file", "url", "id", "document_id"]);
    let score = find(&["score", "relevance_score", "similarity", "distance"]);
    let named = [title.as_ref().map(|found| found.0), score.as_ref().map(|found| found.0)];
    let rest = metadata.iter().chain(map.iter().filter(|(key, _)| !matches!(key.as_str(), "content" | "metadata")));
    let metadata = rest
        .filter(|(key, value)| !named.contains(&Some(key.as_str())) && !value.is_null())
        .map(|(key, value)| (visible(key).into_owned(), plain(value)))
        .collect();
    let title = title.map_or_else(|| format!("Document {}", index + 1), |found| format!("{}. {}", index + 1, found.1));
    Some(Document { title, score: score.map(|found| shorten(found.1)).unwrap_or_default(), content, metadata })
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => shown(text),
        other => visible(&other.to_string()).into_owned(),
    }
}

/// A score to four digits; anything that is not a number stays as it is.
fn shorten(score: String) -> String {
    match score.parse::<f64>() {
        Ok(number) if score.len() > 6 => format!("{number:.4}"),
        _ => score,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_take_the_form_that_they_have() {
        assert!(blocks(&json!("")).is_empty());
        assert_eq!(blocks(&json!("plain")), [Block::Text("plain".into())]);
        assert!(
            matches!(&blocks(&json!("{\"query\": \"moons\"}"))[..], [Block::Json(_)]),
            "arguments travel as JSON in a string"
        );
        let [Block::Json(arguments)] = &blocks(&json!("{\"query\": \"moons\", \"limit\": 8}"))[..] else {
            panic!("JSON")
        };
        assert!(
            matches!(&arguments[0], Token::Leaf { key, .. } if key == "query"),
            "as the signature has them: {arguments:?}"
        );
        assert!(matches!(&blocks(&json!("{not json}"))[..], [Block::Text(_)]));
        assert!(
            matches!(&blocks(&json!([{"content": "a"}, {"content": "b", "metadata": {"score": 0.5}}]))[..], [Block::Document(_), Block::Document(second)] if second.score == "0.5")
        );
        assert!(
            matches!(&blocks(&json!([{"type": "text", "text": "part"}]))[..], [Block::Text(text)] if text == "part")
        );
        assert!(
            matches!(&blocks(&json!({"documents": [{"content": "a"}]}))[..], [Block::Document(_)]),
            "the OTel exporter's form"
        );
    }

    #[test]
    fn a_message_shows_text_and_tool_calls() {
        let value = json!([{"role": "assistant", "content": "", "tool_calls": [{"id": "c1", "function": {"name": "search", "arguments": "{\"q\": 1}"}}]}]);
        let shown = blocks(&value);
        let [Block::Message(message)] = &shown[..] else { panic!("{shown:?}") };
        assert_eq!((message.class, message.parts.len(), message.calls[0].name.as_str()), ("assistant", 0, "search"));
        assert!(
            matches!(&message.calls[0].arguments[..], [Token::Leaf { key, text, .. }] if key == "q" && text == "1")
        );
    }

    #[test]
    fn a_document_is_named_by_its_source_and_keeps_the_rest() {
        let shown =
            blocks(&json!([{"content": "text", "metadata": {"source": "a.md", "score": 12.345678901, "page": 3}}]));
        let [Block::Document(document)] = &shown[..] else { panic!("{shown:?}") };
        assert_eq!((document.title.as_str(), document.score.as_str()), ("1. a.md", "12.3457"));
        assert_eq!(document.metadata, [("page".to_owned(), "3".to_owned())]);
    }
}
