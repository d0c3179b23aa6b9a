//! Ids of traces, spans, sessions, projects and log streams.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The id of a trace, span, session, project or log stream: 16 bytes, written as a UUID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Id(pub [u8; 16]);

impl Id {
    /// A new random UUID version 4.
    #[must_use]
    pub fn random() -> Id {
        let mut bytes = [0_u8; 16];
        // Without a source of randomness ids from the clock keep the console usable; they need not be secret.
        if getrandom::fill(&mut bytes).is_err() {
            bytes =
                (crate::time::now_ns() as u128).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835).to_be_bytes();
        }
        Id(bytes).as_v4()
    }

    /// The same 16 bytes with the version and variant bits of a UUID version 4, which is how ids from W3C headers are joined
    /// with Galileo's: every comparison ignores those six bits by setting them.
    #[must_use]
    pub fn as_v4(mut self) -> Id {
        self.0[6] = self.0[6] & 0x0F | 0x40;
        self.0[8] = self.0[8] & 0x3F | 0x80;
        self
    }

    /// Whether this is a UUID version 4, which is what the Galileo API takes.
    #[must_use]
    pub fn is_v4(&self) -> bool {
        self.0[6] >> 4 == 4 && self.0[8] >> 6 == 0b10
    }

    /// The last eight bytes without the two variant bits: what a W3C span id and the UUID of the same span have in common.
    #[must_use]
    pub fn low_key(&self) -> i64 {
        let mut low = [0_u8; 8];
        low.copy_from_slice(&self.0[8..]);
        low_key(u64::from_be_bytes(low))
    }

    /// The first eight bytes.
    #[must_use]
    pub fn high(&self) -> i64 {
        let mut high = [0_u8; 8];
        high.copy_from_slice(&self.0[..8]);
        i64::from_be_bytes(high)
    }

    pub(crate) fn from_parts(high: i64, low_key: i64) -> Id {
        let mut bytes = [0_u8; 16];
        bytes[..8].copy_from_slice(&high.to_be_bytes());
        bytes[8..].copy_from_slice(&low_key.to_be_bytes());
        Id(bytes).as_v4()
    }

    /// The id as 32 hexadecimal digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A W3C span id without the two bits that a UUID fixes.
pub(crate) fn low_key(span_id: u64) -> i64 {
    (span_id & 0x3FFF_FFFF_FFFF_FFFF) as i64
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [b'-'; 36];
        let mut at = 0;
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                at += 1;
            }
            text[at] = DIGITS[usize::from(byte >> 4)];
            text[at + 1] = DIGITS[usize::from(byte & 15)];
            at += 2;
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnId;

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a UUID")
    }
}

impl std::error::Error for NotAnId {}

impl FromStr for Id {
    type Err = NotAnId;

    /// Reads 36 characters with hyphens in the usual places or 32 hexadecimal digits, in either case.
    fn from_str(text: &str) -> Result<Id, NotAnId> {
        let text = text.as_bytes();
        if text.len() != 36 && text.len() != 32 {
            return Err(NotAnId);
        }
        let mut bytes = [0_u8; 16];
        let mut digits = 0;
        for (index, &character) in text.iter().enumerate() {
            if text.len() == 36 && matches!(index, 8 | 13 | 18 | 23) {
                if character != b'-' {
                    return Err(NotAnId);
                }
                continue;
            }
            let digit = (character as char).to_digit(16).ok_or(NotAnId)? as u8;
            bytes[digits / 2] = bytes[digits / 2] << 4 | digit;
            digits += 1;
        }
        Ok(Id(bytes))
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
