//! Text into the inside of a JSON string.
//!
//! Almost every block of text needs no escape, so blocks are checked with a loop that the compiler turns into vector instructions, and
//! runs of clean blocks are copied whole; only a block with a quote, a backslash or a control character is looked at byte by byte.

use super::cut;

const BLOCK: usize = 32;

/// The most bytes that one byte of text may become: `\u001f`.
const WORST: usize = 6;

/// Appends `text`, escaped, without quotes.
pub(crate) fn escape(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len());
    let mut clean = 0;
    let mut at = 0;
    while at < bytes.len() {
        let end = (at + BLOCK).min(bytes.len());
        let block = &bytes[at..end];
        if block.iter().fold(false, |dirty, &byte| dirty | needs_escape(byte)) {
            let mut hits = block.iter().rev().fold(0_u32, |hits, &byte| hits << 1 | u32::from(needs_escape(byte)));
            // A block has one or two of them at most times, and a step for each is cheaper than a branch for each byte.
            while hits != 0 {
                let hit = at + hits.trailing_zeros() as usize;
                hits &= hits - 1;
                out.extend_from_slice(&bytes[clean..hit]);
                clean = hit + 1;
                escape_byte(out, bytes[hit]);
            }
        }
        at = end;
    }
    out.extend_from_slice(&bytes[clean..]);
}

/// Appends as much of `text`, escaped, as fits before `out` is `end` bytes long, and returns how many bytes of `text` that was.
pub(super) fn escape_until(out: &mut Vec<u8>, text: &str, end: usize) -> usize {
    let mut rest = text;
    loop {
        let room = end.saturating_sub(out.len());
        let safe = cut::prefix(rest, room / WORST);
        if safe.len() == rest.len() {
            escape(out, rest);
            return text.len();
        }
        if safe.len() < BLOCK {
            break;
        }
        // Text that needs few escapes leaves most of the room it was given; go round again with what is left.
        escape(out, safe);
        rest = &rest[safe.len()..];
    }
    for (at, character) in rest.char_indices() {
        let before = out.len();
        escape(out, character.encode_utf8(&mut [0; 4]));
        if out.len() > end {
            out.truncate(before);
            return text.len() - rest.len() + at;
        }
    }
    text.len()
}

#[inline(always)]
fn needs_escape(byte: u8) -> bool {
    // `|` and not `||`: without branches the block check becomes vector code.
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

#[cold]
fn escape_byte(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}
