//! What redaction changed: a word-by-word comparison of the raw and the redacted text.

use super::text::visible;

/// A stretch of text that stayed, went or came.
#[derive(Debug, PartialEq, Clone)]
pub(crate) struct Piece {
    /// `same`, `gone` or `new`.
    pub(crate) kind: &'static str,
    pub(crate) text: String,
}

/// The table of the comparison grows with the product of both lengths; longer middles are shown as one change.
const MOST_WORDS: usize = 1_500;

/// Below this part in common, two texts are easier to read one after the other than mixed.
const ALIKE: f64 = 0.4;

/// Compares word by word; texts that have little in common come whole, the old one first.
pub(crate) fn words(old: &str, new: &str) -> Vec<Piece> {
    let pieces = compared(old, new);
    let same: usize = pieces.iter().filter(|piece| piece.kind == "same").map(|piece| piece.text.trim().len()).sum();
    let shorter = old.len().min(new.len());
    if shorter > 0 && (same as f64) < shorter as f64 * ALIKE {
        let whole = |kind, text: &str| Piece { kind, text: visible(text).into_owned() };
        return vec![whole("gone", old), whole("same", "\n\n"), whole("new", new)];
    }
    pieces
}

fn compared(old: &str, new: &str) -> Vec<Piece> {
    let (old, new) = (split(old), split(new));
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (middle_old, middle_new) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    let mut out = Vec::new();
    push(&mut out, "same", &old[..head]);
    if middle_old.len() > MOST_WORDS || middle_new.len() > MOST_WORDS {
        push(&mut out, "gone", middle_old);
        push(&mut out, "new", middle_new);
    } else {
        compare(middle_old, middle_new, &mut out);
    }
    push(&mut out, "same", &old[old.len() - tail..]);
    out
}

/// The longest common run of words, by the textbook table.
fn compare(old: &[&str], new: &[&str], out: &mut Vec<Piece>) {
    let width = new.len() + 1;
    let mut table = vec![0_u16; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            table[i * width + j] = if old[i] == new[j] {
                table[(i + 1) * width + j + 1] + 1
            } else {
                table[(i + 1) * width + j].max(table[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            push(out, "same", &old[i..=i]);
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && table[(i + 1) * width + j] >= table[i * width + j + 1]) {
            push(out, "gone", &old[i..=i]);
            i += 1;
        } else {
            push(out, "new", &new[j..=j]);
            j += 1;
        }
    }
}

fn push(out: &mut Vec<Piece>, kind: &'static str, words: &[&str]) {
    if words.is_empty() {
        return;
    }
    let text = visible(&words.concat()).into_owned();
    match out.last_mut() {
        Some(last) if last.kind == kind => last.text.push_str(&text),
        _ => out.push(Piece { kind, text }),
    }
}

/// Words and the gaps between them, so that joining them gives the text again.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut from = 0;
    let mut last = None;
    for (at, character) in text.char_indices() {
        let word = character.is_alphanumeric();
        if last.is_some_and(|before| before != word || !word) {
            parts.push(&text[from..at]);
            from = at;
        }
        last = Some(word);
    }
    if from < text.len() {
        parts.push(&text[from..]);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(old: &str, new: &str) -> String {
        words(old, new)
            .iter()
            .map(|piece| match piece.kind {
                "gone" => format!("-{}-", piece.text),
                "new" => format!("+{}+", piece.text),
                _ => piece.text.clone(),
            })
            .collect()
    }

    #[test]
    fn only_what_changed_is_marked() {
        assert_eq!(show("key is abc, ok", "key is ***, ok"), "key is -abc-+***+, ok");
        assert_eq!(show("same", "same"), "same");
        assert_eq!(show("", "new"), "+new+");
    }

    #[test]
    fn texts_with_little_in_common_are_not_mixed() {
        assert_eq!(show("four moons of Jupiter", "try again later"), "-four moons of Jupiter-\n\n+try again later+");
    }

    #[test]
    fn nothing_is_lost_on_either_side() {
        let (old, new) = ("mail a@b.c or call 555-1234 now", "mail [email] or call [phone] now");
        let pieces = words(old, new);
        let side = |skip: &str| {
            pieces.iter().filter(|piece| piece.kind != skip).map(|piece| piece.text.as_str()).collect::<String>()
        };
        assert_eq!(side("new"), old);
        assert_eq!(side("gone"), new);
    }
}
