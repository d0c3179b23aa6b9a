//! Makes text from traces safe to look at: characters that hide, reorder or break the line are written out.
//! Escaping for HTML is the template engine's work, not done here.

use std::borrow::Cow;

/// `text` with invisible, direction-changing and control characters shown as `⟨U+202E⟩`.
///
/// Line feeds and tabs stay. The joiners of emoji and of Arabic and Indic scripts stay between characters of those scripts,
/// where they are spelling; anywhere else they can only deceive.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| (b' '..0x7F).contains(&byte) || byte == b'\n' || byte == b'\t') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        let joins =
            matches!(character, '\u{200C}' | '\u{200D}') && spells(before) && rest.peek().copied().is_some_and(spells);
        if hides(character) && !joins {
            if character == '\r' && rest.peek() == Some(&'\n') {
                continue;
            }
            out.push_str(&format!("\u{27E8}U+{:04X}\u{27E9}", u32::from(character)));
        } else {
            out.push(character);
        }
        before = character;
    }
    Cow::Owned(out)
}

/// The first line's worth of `text`: white space becomes single spaces, at most `limit` characters.
pub(crate) fn one_line(text: &str, limit: usize) -> String {
    let mut line = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        if length > 0 {
            line.push(' ');
            length += 1;
        }
        for character in word.chars() {
            if length >= limit {
                line.push('…');
                return visible(&line).into_owned();
            }
            line.push(character);
            length += 1;
        }
    }
    visible(&line).into_owned()
}

fn hides(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        '\u{0}'..='\u{1F}' | '\u{7F}'..='\u{9F}' => true,
        '\u{AD}'
        | '\u{34F}'
        | '\u{61C}'
        | '\u{115F}'
        | '\u{1160}'
        | '\u{17B4}'
        | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' => true,
        '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' => true,
        '\u{3164}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' => true,
        '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}' => true,
        _ => false,
    }
}

/// Scripts in which a joiner is part of the spelling, and emoji.
fn spells(character: char) -> bool {
    matches!(character, '\u{0600}'..='\u{07FF}' | '\u{0900}'..='\u{0DFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{18AF}'
        | '\u{2190}'..='\u{2BFF}' | '\u{FE0F}' | '\u{1F000}'..='\u{1FAFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_and_reordering_characters_are_written_out() {
        let table = [
            ("plain text\n\twith lines", "plain text\n\twith lines", "white space stays"),
            ("a\u{202E}b", "a⟨U+202E⟩b", "right-to-left override"),
            ("pay\u{200B}pal", "pay⟨U+200B⟩pal", "zero-width space"),
            ("\u{FEFF}x", "⟨U+FEFF⟩x", "byte order mark"),
            ("x\u{1b}[31m", "x⟨U+001B⟩[31m", "terminal escape"),
            ("a\r\nb", "a\nb", "line end of another system"),
            ("a\rb", "a⟨U+000D⟩b", "a bare return overwrites in a terminal"),
            ("a\u{200D}b", "a⟨U+200D⟩b", "a joiner between latin letters hides"),
            ("👩\u{200D}🚀", "👩\u{200D}🚀", "a joiner between emoji is spelling"),
            ("می\u{200C}خواهم", "می\u{200C}خواهم", "a non-joiner in Persian is spelling"),
            ("\u{E0041}", "⟨U+E0041⟩", "tag characters carry hidden text"),
        ];
        for (text, shown, reason) in table {
            assert_eq!(visible(text), shown, "{reason}");
        }
    }

    #[test]
    fn a_preview_is_one_line_of_limited_length() {
        assert_eq!(one_line("  a\n\n b\tc ", 10), "a b c");
        assert_eq!(one_line("abcdef", 3), "abc…");
    }
}
