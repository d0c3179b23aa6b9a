//! Writes JSON straight into a request body. Captured text is escaped here, on the worker, once; JSON that goes into a JSON string
//! is escaped in the same pass.

use crate::capture::escape;
use crate::model::{Part, ValueKind};

/// Appends `text` as a JSON string.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    escape(out, text);
    out.push(b'"');
}

/// Appends text that stands inside a JSON string inside a JSON string.
pub(crate) fn escape_twice(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let plain = plain_prefix(rest);
        out.extend_from_slice(&rest[..plain]);
        let Some(&byte) = rest.get(plain) else { return };
        match byte {
            b'"' => out.extend_from_slice(br#"\\\""#),
            b'\\' => out.extend_from_slice(br"\\\\"),
            byte => {
                // The escape of a control character holds one backslash, which is escaped once more.
                out.push(b'\\');
                escape_byte(out, byte);
            }
        }
        rest = &rest[plain + 1..];
    }
}

fn escape_byte(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' => out.extend_from_slice(br#"\""#),
        b'\\' => out.extend_from_slice(br"\\"),
        b'\n' => out.extend_from_slice(br"\n"),
        b'\r' => out.extend_from_slice(br"\r"),
        b'\t' => out.extend_from_slice(br"\t"),
        byte => {
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]])
        }
    }
}

/// How many bytes at the start need no escape. Sixteen at a time, in a form that compiles to vector instructions.
fn plain_prefix(text: &[u8]) -> usize {
    let needs_escape = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    let mut at = 0;
    for block in text.chunks_exact(16) {
        // No early exit inside a block: that is what lets the compiler take it as one vector.
        let hit = block.iter().fold(false, |hit, &byte| hit | needs_escape(byte));
        if hit {
            break;
        }
        at += 16;
    }
    at + text[at..].iter().position(|&byte| needs_escape(byte)).unwrap_or(text.len() - at)
}

/// Appends an unsigned integer.
pub(crate) fn uint(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a number; what JSON has no number for becomes `null`.
pub(crate) fn float(out: &mut Vec<u8>, value: f64) {
    use std::io::Write as _;
    if value.is_finite() {
        // Writing into a vector does not fail.
        let _ = write!(out, "{value}");
    } else {
        out.extend_from_slice(b"null");
    }
}

/// A scalar as the text that stands for it, where the protocol knows only strings.
pub(crate) fn scalar_text(part: &Part<'_>, out: &mut Vec<u8>) -> bool {
    let bytes = <[u8; 8]>::try_from(part.value).ok();
    match (part.kind, bytes) {
        (ValueKind::Int, Some(bytes)) => {
            let value = i64::from_le_bytes(bytes);
            if value < 0 {
                out.push(b'-');
            }
            uint(out, value.unsigned_abs());
        }
        (ValueKind::UInt, Some(bytes)) => uint(out, u64::from_le_bytes(bytes)),
        (ValueKind::Float, Some(bytes)) => {
            let value = f64::from_le_bytes(bytes);
            if value.is_finite() {
                float(out, value);
            } else {
                let text = if value.is_nan() {
                    "NaN"
                } else if value > 0.0 {
                    "Infinity"
                } else {
                    "-Infinity"
                };
                out.extend_from_slice(text.as_bytes());
            }
        }
        (ValueKind::Bool, _) => out.extend_from_slice(if part.value == [0] { b"false" } else { b"true" }),
        (ValueKind::Null, _) => out.extend_from_slice(b"null"),
        _ => return false,
    }
    true
}

/// Appends a value as it stands inside a JSON string: text as it is, JSON as its text.
pub(crate) fn inside_string(part: &Part<'_>, out: &mut Vec<u8>) {
    if part.kind == ValueKind::Null || scalar_text(part, out) {
        return;
    }
    escape(out, part.text());
}

/// Appends a value as JSON that stands inside a JSON string: text quoted once more.
pub(crate) fn as_json_inside_string(part: &Part<'_>, out: &mut Vec<u8>) {
    match part.kind {
        ValueKind::Json => escape(out, part.text()),
        ValueKind::Text | ValueKind::Debug | ValueKind::TypeName => {
            out.extend_from_slice(br#"\""#);
            escape_twice(out, part.text());
            out.extend_from_slice(br#"\""#);
        }
        ValueKind::Float => {
            let at = out.len();
            scalar_text(part, out);
            // Not a JSON number: keep what it was, as a string.
            if out[at..].iter().any(|byte| matches!(byte, b'N' | b'I')) {
                let text = out.split_off(at);
                out.extend_from_slice(br#"\""#);
                out.extend_from_slice(&text);
                out.extend_from_slice(br#"\""#);
            }
        }
        ValueKind::Null | ValueKind::Int | ValueKind::UInt | ValueKind::Bool => {
            scalar_text(part, out);
        }
    }
}

/// Appends a value as JSON of its own.
pub(crate) fn value(part: &Part<'_>, out: &mut Vec<u8>) {
    match part.kind {
        ValueKind::Json => out.extend_from_slice(part.text().as_bytes()),
        ValueKind::Text | ValueKind::Debug | ValueKind::TypeName => string(out, part.text()),
        ValueKind::Float => match <[u8; 8]>::try_from(part.value).map(f64::from_le_bytes) {
            Ok(number) if number.is_finite() => float(out, number),
            _ => {
                out.push(b'"');
                scalar_text(part, out);
                out.push(b'"');
            }
        },
        ValueKind::Null | ValueKind::Int | ValueKind::UInt | ValueKind::Bool => {
            scalar_text(part, out);
        }
    }
}

/// Writes the members of an object: commas and keys.
pub(crate) struct Object<'b> {
    pub(crate) out: &'b mut Vec<u8>,
    first: bool,
}

impl<'b> Object<'b> {
    /// Opens an object at the end of `out`.
    pub(crate) fn open(out: &'b mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, first: true }
    }

    /// Writes the comma and the key, and hands out the buffer for the value. Keys that are not constants go through
    /// [`dynamic_key`](Self::dynamic_key).
    pub(crate) fn key(&mut self, key: &'static str) -> &mut Vec<u8> {
        self.comma();
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    pub(crate) fn dynamic_key(&mut self, key: &str) -> &mut Vec<u8> {
        self.comma();
        string(self.out, key);
        self.out.push(b':');
        self.out
    }

    fn comma(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
    }

    pub(crate) fn string(&mut self, key: &'static str, text: &str) {
        string(self.key(key), text);
    }

    /// A string that needs no escape: an id, a constant.
    pub(crate) fn plain(&mut self, key: &'static str, text: &[u8]) {
        let out = self.key(key);
        out.push(b'"');
        out.extend_from_slice(text);
        out.push(b'"');
    }

    pub(crate) fn uint(&mut self, key: &'static str, number: u64) {
        uint(self.key(key), number);
    }

    pub(crate) fn boolean(&mut self, key: &'static str, flag: bool) {
        self.key(key).extend_from_slice(if flag { b"true" } else { b"false" });
    }

    pub(crate) fn close(self) {
        self.out.push(b'}');
    }
}

/// Appends a UTC time with microseconds: `2026-11-20T19:17:07.848376Z`.
pub(crate) fn timestamp(out: &mut Vec<u8>, unix_nanos: u64) {
    let micros = unix_nanos / 1_000;
    let seconds = micros / 1_000_000;
    let (year, month, day) = civil(seconds / 86_400);
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    let mut put = |at: usize, width: usize, mut number: u64| {
        for index in (at..at + width).rev() {
            text[index] = b'0' + (number % 10) as u8;
            number /= 10;
        }
    };
    put(0, 4, year);
    put(5, 2, month);
    put(8, 2, day);
    put(11, 2, seconds / 3_600 % 24);
    put(14, 2, seconds / 60 % 60);
    put(17, 2, seconds % 60);
    put(20, 6, micros % 1_000_000);
    out.extend_from_slice(&text);
}

/// Year, month and day of a number of days since 1970. Years are counted from March, so that the leap day is the last of its year.
fn civil(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097;
    let days = days + 719_468;
    let day_of_era = days % ERA;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + days / ERA * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Field;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    /// Text of all lengths around the block size with every kind of byte at every place.
    fn samples() -> impl Iterator<Item = String> {
        let specials = ["\"", "\\", "\n", "\u{0}", "\u{1f}", "\u{7f}", "é", "漢", "\u{2028}", "😀"];
        (0..40).flat_map(move |length| {
            specials.into_iter().flat_map(move |special| {
                (0..=length).step_by(3).map(move |at| format!("{}{special}{}", "a".repeat(at), "b".repeat(length - at)))
            })
        })
    }

    #[test]
    fn strings_read_back_as_they_were() {
        for text in samples() {
            let json = written(|out| string(out, &text));
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text, "{json}");
        }
    }

    #[test]
    fn json_in_a_string_reads_back_in_two_steps() {
        for text in samples() {
            let part = Part { field: Field::Output, kind: ValueKind::Text, key: "", value: text.as_bytes() };
            let json = written(|out| {
                out.push(b'"');
                as_json_inside_string(&part, out);
                out.push(b'"');
            });
            let inner: String = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_json::from_str::<String>(&inner).unwrap(), text, "{json}");
        }
    }

    #[test]
    fn numbers_and_what_is_none() {
        let part = |kind, value: &'static [u8]| Part { field: Field::Output, kind, key: "", value };
        let nan: &'static [u8] = Box::leak(Box::new(f64::NAN.to_le_bytes()));
        let rows = [
            (part(ValueKind::Int, &[0xff; 8]), "-1"),
            (part(ValueKind::UInt, &[0xff; 8]), "18446744073709551615"),
            (part(ValueKind::Float, &[0, 0, 0, 0, 0, 0, 0xf8, 0x3f]), "1.5"),
            (part(ValueKind::Float, nan), "\"NaN\""),
            (part(ValueKind::Bool, &[1]), "true"),
            (part(ValueKind::Null, &[]), "null"),
            (part(ValueKind::Json, b"[1]"), "[1]"),
            (part(ValueKind::TypeName, b"Conn"), "\"Conn\""),
        ];
        for (part, json) in rows {
            assert_eq!(written(|out| value(&part, out)), json);
        }
    }

    #[test]
    fn times_are_written_in_utc_with_microseconds() {
        let rows = [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_827_696_000_000_999, "2000-02-29T12:34:56.000000Z"),
            (1_763_666_227_848_376_000, "2025-11-20T19:17:07.848376Z"),
            (4_102_444_799_999_999_999, "2099-12-31T23:59:59.999999Z"),
        ];
        for (nanos, text) in rows {
            assert_eq!(written(|out| timestamp(out, nanos)), text);
        }
    }

    #[test]
    fn members_are_separated() {
        let json = written(|out| {
            let mut object = Object::open(out);
            object.string("a", "x\"y");
            object.uint("b", 7);
            object.boolean("c", true);
            object.plain("d", b"id");
            object.dynamic_key("e\n").extend_from_slice(b"null");
            object.close();
        });
        assert_eq!(json, r#"{"a":"x\"y","b":7,"c":true,"d":"id","e\n":null}"#);
    }
}
