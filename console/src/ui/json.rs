//! JSON as a flat run of tokens that a template writes with nested folds. Flat, so that no depth of a value can exhaust a stack here.

use serde_json::Value;

use super::ordered::Ordered;

use super::text::visible;

/// One step of writing a value.
#[derive(Debug, PartialEq)]
pub(crate) enum Token {
    /// An object or array begins; `open` says whether it starts unfolded.
    Open { key: String, bracket: &'static str, note: String, open: bool },
    /// It ends.
    Close,
    /// A string, number, truth value or null; `class` is how it is coloured.
    Leaf { key: String, text: String, class: &'static str },
}

/// More than this would make a page slow; the raw record has all of it.
const MOST_TOKENS: usize = 3_000;
const LONGEST_STRING: usize = 20_000;
/// Strings from this length on are sentences more often than identifiers, and set as such.
const PROSE: usize = 48;
const OPEN_LEVELS: usize = 3;
const OPEN_ITEMS: usize = 40;

/// The tokens of a value, at most about three thousand; the last one says when there were more.
pub(crate) fn tokens(value: &Value) -> Vec<Token> {
    ordered(&Ordered::from(value))
}

/// The same of a value that kept the order of its keys.
pub(crate) fn ordered(value: &Ordered) -> Vec<Token> {
    enum Step<'a> {
        Value(String, &'a Ordered, usize),
        Close,
    }
    let mut out = Vec::new();
    let mut work = vec![Step::Value(String::new(), value, 0)];
    let mut full = false;
    while let Some(step) = work.pop() {
        let (key, value, depth) = match step {
            Step::Close => {
                out.push(Token::Close);
                continue;
            }
            Step::Value(..) if full => continue,
            Step::Value(key, value, depth) => (key, value, depth),
        };
        if out.len() >= MOST_TOKENS {
            out.push(Token::Leaf {
                key: String::new(),
                text: "… the rest is in the raw record".to_owned(),
                class: "n",
            });
            full = true;
            continue;
        }
        let open = |length: usize| depth < OPEN_LEVELS && length <= OPEN_ITEMS;
        match value {
            Ordered::Array(items) if !items.is_empty() => {
                out.push(Token::Open {
                    key,
                    bracket: "[…]",
                    note: super::format::plural(items.len() as u64, "item"),
                    open: open(items.len()),
                });
                work.push(Step::Close);
                work.extend(
                    items.iter().enumerate().rev().map(|(index, item)| Step::Value(index.to_string(), item, depth + 1)),
                );
            }
            Ordered::Object(map) if !map.is_empty() => {
                out.push(Token::Open {
                    key,
                    bracket: "{…}",
                    note: super::format::plural(map.len() as u64, "key"),
                    open: open(map.len()),
                });
                work.push(Step::Close);
                work.extend(
                    map.iter().rev().map(|(name, item)| Step::Value(visible(name).into_owned(), item, depth + 1)),
                );
            }
            Ordered::Array(_) => out.push(Token::Leaf { key, text: "[]".to_owned(), class: "n" }),
            Ordered::Object(_) => out.push(Token::Leaf { key, text: "{}".to_owned(), class: "n" }),
            Ordered::Leaf(leaf) => out.push(Token::Leaf { key, text: text(leaf), class: class(leaf) }),
        }
    }
    // The braces around a whole object say nothing: its keys already do.
    if matches!(value, Ordered::Object(_)) && matches!(out.first(), Some(Token::Open { .. })) {
        out.remove(0);
        out.pop();
    }
    out
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => match text.char_indices().nth(LONGEST_STRING) {
            Some((cut, _)) => format!("{}…[{} bytes more]", visible(&text[..cut]), text.len() - cut),
            None if text.is_empty() => "\"\"".to_owned(),
            None => visible(text).into_owned(),
        },
        other => other.to_string(),
    }
}

fn class(value: &Value) -> &'static str {
    match value {
        Value::String(text) if text.len() > PROSE => "t",
        Value::String(_) => "s",
        Value::Number(_) => "d",
        Value::Bool(_) => "w",
        _ => "n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_opening_has_its_closing_even_when_cut() {
        let wide: Vec<Value> = (0..5_000).map(|n| json!({"n": [n, [n]]})).collect();
        for value in [json!({"a": [1, {"b": null}], "c": {}}), Value::Array(wide)] {
            let tokens = tokens(&value);
            let balance = tokens.iter().fold(0_i64, |depth, token| {
                assert!(depth >= 0);
                depth
                    + match token {
                        Token::Open { .. } => 1,
                        Token::Close => -1,
                        Token::Leaf { .. } => 0,
                    }
            });
            assert_eq!(balance, 0);
            assert!(tokens.len() < 2 * MOST_TOKENS);
        }
    }

    #[test]
    fn keys_stay_in_the_order_in_which_they_came() {
        let value: Ordered =
            serde_json::from_str(r#"{"query": "moons", "limit": 8, "also": {"z": [], "a": {}}}"#).unwrap();
        let keys: Vec<String> = ordered(&value)
            .into_iter()
            .filter_map(|token| match token {
                Token::Open { key, .. } => Some(key),
                Token::Leaf { key, text, .. } => Some(format!("{key}={text}")),
                Token::Close => None,
            })
            .collect();
        assert_eq!(keys, ["query=moons", "limit=8", "also", "z=[]", "a={}"]);
    }

    #[test]
    fn a_value_of_great_depth_does_not_exhaust_the_stack() {
        let mut value = json!(1);
        for _ in 0..100 {
            value = json!([value]);
        }
        assert_eq!(tokens(&value).len(), 201);
        assert_eq!(tokens(&json!({"a": {"b": 1}})).len(), 3, "the outermost braces are left out");
    }
}
