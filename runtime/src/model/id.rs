//! Trace and span ids: version 4 UUIDs made from a thread-local generator.
//!
//! The backend requires version 4; the operating system's generator costs 250 ns a UUID, fifteen times a whole span, so each thread seeds
//! a small generator once and goes on from there. Ids are identifiers, not secrets.

use std::cell::Cell;
use std::fmt;

/// Identifies one request across all services: a version 4 UUID, which is also its W3C trace id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId([u8; 16]);

/// Identifies one span: a version 4 UUID whose last eight bytes are the span's W3C id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId([u8; 16]);

macro_rules! uuid_newtype {
    ($name:ident) => {
        impl $name {
            /// The absent id: sixteen zero bytes. Never sent.
            pub const NONE: Self = Self([0; 16]);

            /// A new random id.
            #[inline]
            pub fn random() -> Self {
                Self(random_v4())
            }

            /// The id with these bytes, taken as they are.
            #[inline]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The sixteen bytes in network order.
            #[inline]
            pub const fn to_bytes(self) -> [u8; 16] {
                self.0
            }

            /// Whether this is [`NONE`](Self::NONE).
            #[inline]
            pub fn is_none(self) -> bool {
                self.0 == [0; 16]
            }

            /// Reads the text of a version 4 UUID.
            ///
            /// Upper case, braces, a `urn:uuid:` prefix and missing hyphens are accepted, because other SDKs pass such forms on;
            /// anything else, and any other UUID version, is `None`.
            pub fn parse(text: &str) -> Option<Self> {
                parse_v4(text).map(Self)
            }

            /// The 36 characters of the hyphenated lower-case form, without allocating.
            pub fn to_text(self) -> [u8; 36] {
                hyphenated(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let text = self.to_text();
                f.write_str(std::str::from_utf8(&text).unwrap_or_default())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                Self::parse(text).ok_or(ParseIdError(()))
            }
        }
    };
}

uuid_newtype!(TraceId);
uuid_newtype!(SpanId);

/// The text was not a version 4 UUID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseIdError(());

impl fmt::Display for ParseIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a version 4 UUID")
    }
}

impl std::error::Error for ParseIdError {}

impl TraceId {
    /// The Galileo id of a trace that arrived with a W3C id only: the same bytes with the version and variant bits overwritten.
    pub fn from_w3c(bytes: [u8; 16]) -> Self {
        Self(stamp_v4(bytes))
    }

    /// What W3C headers name as the parent when no span is open: the last eight bytes of the trace.
    pub fn w3c_parent(self) -> [u8; 8] {
        SpanId(self.0).w3c()
    }
}

impl SpanId {
    /// The id of a span that another system of this process has named in W3C form; its last bytes are that name but for the variant bits.
    #[cfg(feature = "opentelemetry")]
    pub(crate) fn from_w3c(trace: [u8; 16], span: [u8; 8]) -> Self {
        let mut bytes = trace;
        bytes[8..].copy_from_slice(&span);
        // Whoever knows the trace and the span finds the same id again.
        for (byte, other) in bytes.iter_mut().zip(span) {
            *byte ^= other;
        }
        Self(stamp_v4(bytes))
    }

    /// The span's W3C id: the last eight bytes. Their first byte carries the variant bits, so they are never all zero.
    #[inline]
    pub fn w3c(self) -> [u8; 8] {
        let b = self.0;
        [b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]]
    }
}

/// What a thread makes ids from. Two threads whose states meet would go on with the same states, so the second word keeps their ids apart.
#[derive(Clone, Copy)]
struct Random {
    /// Counts up by an odd constant; 0 is "not seeded".
    state: u64,
    /// Differs from thread to thread.
    thread: u64,
}

thread_local! {
    static RANDOM: Cell<Random> = const { Cell::new(Random { state: 0, thread: 0 }) };
}

/// One step of wyrand: the next state of the thread with both halves of its product.
#[inline]
fn step() -> (Random, u64, u64) {
    // No destructor, so this storage is there until the thread is gone.
    let mut random = RANDOM.get();
    if random.state == 0 {
        random = seed();
    }
    random.state = random.state.wrapping_add(0xa076_1d64_78bd_642f);
    RANDOM.set(random);
    let product = u128::from(random.state) * u128::from(random.state ^ 0xe703_7ed1_a0b4_28db);
    (random, (product >> 64) as u64, product as u64)
}

/// A random number.
#[inline]
pub(crate) fn random_u64() -> u64 {
    let (_, high, low) = step();
    high ^ low
}

/// Makes the next ids of this thread differ from those of a process that it was forked from.
pub(crate) fn reseed() {
    RANDOM.set(Random { state: 0, thread: 0 });
}

#[cold]
fn seed() -> Random {
    let mut bytes = [0u8; 16];
    if getrandom::fill(&mut bytes).is_err() {
        // No system randomness: the address of a local and the clock still separate threads and processes.
        let local = 0u8;
        let mixed = (std::ptr::from_ref(&local) as usize as u64) ^ super::clock::now().rotate_left(32);
        bytes[..8].copy_from_slice(&mixed.to_le_bytes());
    }
    let words = u128::from_le_bytes(bytes);
    Random { state: words as u64 | 1, thread: (words >> 64) as u64 }
}

#[inline]
fn random_v4() -> [u8; 16] {
    #[cfg(feature = "testing")]
    if let Some((a, b)) = super::predictable::words() {
        return stamp_v4((u128::from(b) << 64 | u128::from(a)).to_le_bytes());
    }
    let (random, high, low) = step();
    // The last eight bytes are the W3C span id and what samplers look at, so they get the better word.
    let (a, b) = (low ^ random.thread, high ^ low);
    // Version 4 in the high bits of byte 6, variant 10 in those of byte 8; little endian, as the words are written.
    let a = (a & !(0xf << 52)) | (0x4 << 52);
    let b = (b & !(0b11 << 6)) | (0b10 << 6);
    (u128::from(b) << 64 | u128::from(a)).to_le_bytes()
}

fn stamp_v4(mut bytes: [u8; 16]) -> [u8; 16] {
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    bytes
}

fn parse_v4(text: &str) -> Option<[u8; 16]> {
    let text = text.trim();
    let text = text.strip_prefix("urn:uuid:").unwrap_or(text);
    let text = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(text);
    let bytes = text.as_bytes();
    let mut digits = [0u8; 32];
    let mut n = 0;
    for (i, &c) in bytes.iter().enumerate() {
        if c == b'-' {
            if bytes.len() != 36 || !matches!(i, 8 | 13 | 18 | 23) {
                return None;
            }
            continue;
        }
        *digits.get_mut(n)? = (c as char).to_digit(16)? as u8;
        n += 1;
    }
    if n != 32 || !matches!(bytes.len(), 32 | 36) {
        return None;
    }
    let mut out = [0u8; 16];
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    (out[6] >> 4 == 4 && out[8] >> 6 == 0b10).then_some(out)
}

fn hyphenated(bytes: &[u8; 16]) -> [u8; 36] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut out = [b'-'; 36];
    let mut at = 0;
    for (i, &byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            at += 1;
        }
        out[at] = HEX[usize::from(byte >> 4)];
        out[at + 1] = HEX[usize::from(byte & 15)];
        at += 2;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_ids_are_version_4_and_differ() {
        let ids: std::collections::HashSet<_> = (0..10_000).map(|_| SpanId::random()).collect();
        assert_eq!(ids.len(), 10_000);
        for id in ids {
            assert_eq!(SpanId::parse(&id.to_string()), Some(id));
        }
    }

    #[test]
    fn forms_that_other_sdks_pass_on_are_normalised() {
        let plain = "8e69c645-b678-45e1-9c61-dcbed822f9db";
        let id = TraceId::parse(plain).map(|id| id.to_string());
        assert_eq!(id.as_deref(), Some(plain));
        for (form, why) in [
            ("8E69C645-B678-45E1-9C61-DCBED822F9DB", "upper case"),
            ("{8e69c645-b678-45e1-9c61-dcbed822f9db}", "braces"),
            ("8e69c645b67845e19c61dcbed822f9db", "no hyphens"),
            ("urn:uuid:8e69c645-b678-45e1-9c61-dcbed822f9db", "urn"),
        ] {
            assert_eq!(TraceId::parse(form).map(|id| id.to_string()).as_deref(), Some(plain), "{why}");
        }
    }

    #[test]
    fn other_texts_are_absent() {
        for (text, why) in [
            ("", "empty"),
            ("nope", "words"),
            ("01890a5d-ac96-774b-bcce-b302099a8057", "version 7"),
            ("8e69c645-b678-45e1-1c61-dcbed822f9db", "wrong variant"),
            ("8e69c645-b678-45e1-9c61-dcbed822f9d", "too short"),
            ("8e69c645-b678-45e1-9c61-dcbed822f9dbb", "too long"),
            ("8e69c645b-678-45e1-9c61-dcbed822f9db", "hyphen in the wrong place"),
            ("8e69c645-b678-45e1-9c61-dcbed822f9dg", "not hexadecimal"),
            ("00000000-0000-0000-0000-000000000000", "nil"),
        ] {
            assert_eq!(TraceId::parse(text), None, "{why}");
        }
    }
}
