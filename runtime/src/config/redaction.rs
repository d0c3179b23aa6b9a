//! Secrets that only the user knows: rules that mask more than what well-known keys and tokens look like.

use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::model::ValueKind;

/// A rule for what else is masked in captured values: inputs, outputs, metadata, tags, error texts, in every mode and for every exporter.
///
/// Rules are applied on the SDK's own thread, before a span is sent or written to disk (with [`SpoolMode::Always`] on the thread that
/// records). Masking keeps the length of a value and leaves JSON well formed. Names of parameters and fields are another way:
/// `#[log(redact(name))]`.
///
/// [`SpoolMode::Always`]: crate::config::SpoolMode::Always
///
/// ```
/// use galileo::config::RedactionRule;
///
/// // Our own keys, such as `acme_live_4f8a…`, and what stands after "customer no.".
/// let keys = RedactionRule::shape("acme_live_", 12);
/// let customers = RedactionRule::find(|text| {
///     let hits = text.match_indices("customer no. ").map(|(at, found)| at + found.len());
///     hits.map(|from| from..from + text[from..].find(' ').unwrap_or(text.len() - from)).collect()
/// });
/// let config = galileo::Config::builder().redact(keys).redact(customers);
/// # let _ = config;
/// ```
#[derive(Clone)]
pub struct RedactionRule(Rule);

type Find = dyn Fn(&str) -> Vec<Range<usize>> + Send + Sync;

#[derive(Clone)]
enum Rule {
    Shape { prefix: String, least: usize },
    Find(Arc<Find>),
}

impl RedactionRule {
    /// Words that begin with `prefix` and go on for at least `least` letters, digits, `-`, `_` or `.`: what follows the prefix is masked.
    /// Takes time in proportion to the length of a value. An empty prefix matches nothing.
    pub fn shape(prefix: impl Into<String>, least: usize) -> Self {
        Self(Rule::Shape { prefix: prefix.into(), least })
    }

    /// The places of a value that `find` returns, as ranges of bytes. JSON values are shown as their text. Ranges that overlap, lie outside
    /// or cut a character in two are brought into shape; if `find` panics, the whole value is masked.
    pub fn find(find: impl Fn(&str) -> Vec<Range<usize>> + Send + Sync + 'static) -> Self {
        Self(Rule::Find(Arc::new(find)))
    }

    pub(crate) fn mask(&self, kind: ValueKind, text: &mut [u8]) {
        match &self.0 {
            Rule::Shape { prefix, least } => mask_shape(text, prefix.as_bytes(), *least),
            Rule::Find(find) => {
                let Ok(shown) = std::str::from_utf8(text) else { return };
                let found = catch_unwind(AssertUnwindSafe(|| find(shown)));
                let ranges = found.unwrap_or_else(|_| std::iter::once(0..shown.len()).collect());
                let whole = |range: Range<usize>| {
                    let end = shown.ceil_char_boundary(range.end.min(shown.len()));
                    shown.floor_char_boundary(range.start.min(end))..end
                };
                let ranges: Vec<Range<usize>> = ranges.into_iter().map(whole).collect();
                mask_ranges(kind, text, ranges);
            }
        }
    }
}

impl fmt::Debug for RedactionRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Rule::Shape { prefix, least } => {
                f.debug_struct("Shape").field("prefix", prefix).field("least", least).finish()
            }
            Rule::Find(_) => f.write_str("Find(..)"),
        }
    }
}

/// Characters of a key.
fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

fn mask_shape(text: &mut [u8], prefix: &[u8], least: usize) {
    let Some(&first) = prefix.first() else { return };
    let mut at = 0;
    while let Some(hit) = text[at..].iter().position(|&byte| byte == first).map(|offset| at + offset) {
        let begins = hit == 0 || !is_key(text[hit - 1]);
        if !begins || !text[hit..].starts_with(prefix) {
            at = hit + 1;
            continue;
        }
        let from = hit + prefix.len();
        let length = text[from..].iter().take_while(|&&byte| is_key(byte)).count();
        if length >= least {
            text[from..from + length].fill(b'*');
        }
        // What was looked at is not looked at again.
        at = from + length.max(1).min(text.len() - from);
    }
}

/// Masks so that JSON stays JSON: inside of strings all but escapes, outside of them digits become ones, because zeros may not lead a
/// number.
fn mask_ranges(kind: ValueKind, text: &mut [u8], mut ranges: Vec<Range<usize>>) {
    ranges.sort_by_key(|range| range.start);
    let mut ranges = ranges.into_iter().peekable();
    let (mut inside, mut escape) = (false, 0_u8);
    let json = kind == ValueKind::Json;
    for (at, byte) in text.iter_mut().enumerate() {
        while ranges.next_if(|range| range.end <= at).is_some() {}
        if ranges.peek().is_none() {
            return;
        }
        let masked = ranges.peek().is_some_and(|range| range.start <= at);
        if !json {
            if masked {
                *byte = b'*';
            }
            continue;
        }
        match (inside, *byte) {
            (true, b'u') if escape == 1 => escape = 5,
            (true, _) if escape > 1 => {
                escape -= 1;
                // The character of four digits becomes an asterisk as well.
                if masked {
                    *byte = b"a200"[usize::from(escape) - 1];
                }
                escape = if escape == 1 { 0 } else { escape };
            }
            (true, _) if escape == 1 => escape = 0,
            (true, b'\\') => escape = 1,
            (_, b'"') => inside = !inside,
            (true, _) if masked => *byte = b'*',
            (false, b'2'..=b'9') if masked => *byte = b'1',
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(rule: &RedactionRule, kind: ValueKind, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        rule.mask(kind, &mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_shape_masks_what_follows_its_prefix() {
        let rule = RedactionRule::shape("acme_", 6);
        let rows = [
            ("acme_123456", "acme_******", "alone"),
            ("key=acme_123456&x", "key=acme_******&x", "in an address"),
            ("acme_12345", "acme_12345", "too short"),
            ("my_acme_123456", "my_acme_123456", "the end of another word"),
            ("acme_acme_acme_", "acme_**********", "the prefix again"),
            ("aaacme_ acme", "aaacme_ acme", "near misses"),
            ("", "", "nothing"),
        ];
        for (text, shown, reason) in rows {
            assert_eq!(masked(&rule, ValueKind::Text, text), shown, "{reason}");
        }
        assert_eq!(masked(&RedactionRule::shape("", 0), ValueKind::Text, "all"), "all");
    }

    #[test]
    fn places_of_any_shape_leave_the_value_whole() {
        let all = RedactionRule::find(|text| std::iter::once(0..text.len()).collect());
        let json = r#"{"n":-12.5e3,"s":"a\"b\u00e4\\ä","t":[true,null]}"#;
        let shown = masked(&all, ValueKind::Json, json);
        let value: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert!(!shown.contains('b') && !shown.contains('5'), "{shown}");
        assert!(value.is_object() && shown.contains(r#""*\"*\u002a\\**""#), "{shown}");
        let backwards = Range { start: 5, end: 2 };
        let wild =
            RedactionRule::find(move |_| vec![backwards.clone(), 1..3, 2..4, 90..100, usize::MAX - 1..usize::MAX]);
        assert_eq!(masked(&wild, ValueKind::Text, "aäbcd"), "a***cd");
        let panics = RedactionRule::find(|_| panic!("not today"));
        assert_eq!(masked(&panics, ValueKind::Text, "secret"), "******");
    }

    #[test]
    fn time_is_linear_in_the_length() {
        for unit in ["acme_", "a", "acm", "acme_1 "] {
            let mut text = unit.repeat(1 << 18).into_bytes();
            let start = std::time::Instant::now();
            RedactionRule::shape("acme_", 6).mask(ValueKind::Text, &mut text);
            assert!(start.elapsed() < std::time::Duration::from_secs(20), "{unit}: {:?}", start.elapsed());
        }
    }
}
