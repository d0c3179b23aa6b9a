//! What is written where a value was cut.

use std::io::Write;

/// Writes `...[N bytes cut]`; `at_least` when the counting was given up before the value's end.
pub(super) fn marker(out: &mut Vec<u8>, bytes: usize, at_least: bool) {
    let more = if at_least { "more than " } else { "" };
    // Writing to a `Vec` cannot fail.
    let _ = write!(out, "...[{more}{bytes} bytes cut]");
}

/// The longest prefix of at most `limit` bytes that ends between two characters.
pub(crate) fn prefix(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let end = (limit.saturating_sub(3)..=limit).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
    &text[..end]
}
