//! The value of `traceparent`.

use std::fmt;

/// The flags of a `traceparent`. Bits that level 2 does not know are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TraceFlags(u8);

impl TraceFlags {
    const SAMPLED: u8 = 0b01;
    const RANDOM: u8 = 0b10;

    /// Keeps the two known bits of `bits`.
    #[must_use]
    pub fn from_bits(bits: u8) -> Self {
        Self(bits & (Self::SAMPLED | Self::RANDOM))
    }

    /// The flags as they are written.
    #[must_use]
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Whether the sender recorded the trace.
    #[must_use]
    pub fn is_sampled(self) -> bool {
        self.0 & Self::SAMPLED != 0
    }

    /// Whether the right-most seven bytes of the trace id are random.
    #[must_use]
    pub fn is_random(self) -> bool {
        self.0 & Self::RANDOM != 0
    }

    /// The same flags with the sampled bit as given.
    #[must_use]
    pub fn with_sampled(self, sampled: bool) -> Self {
        if sampled { Self(self.0 | Self::SAMPLED) } else { Self(self.0 & !Self::SAMPLED) }
    }

    /// The same flags with the random bit as given.
    #[must_use]
    pub fn with_random(self, random: bool) -> Self {
        if random { Self(self.0 | Self::RANDOM) } else { Self(self.0 & !Self::RANDOM) }
    }
}

/// A parsed `traceparent`; it displays as version 00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Traceparent {
    /// The trace, not all zeros.
    pub trace_id: [u8; 16],
    /// The caller's span, not all zeros.
    pub parent_id: [u8; 8],
    /// Sampled and random.
    pub flags: TraceFlags,
}

impl Traceparent {
    /// Parses one value without spaces around it; `None` for anything that the specification calls invalid.
    ///
    /// A version above 00 may continue after another `-`; what follows is ignored.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (fixed, rest) = value.split_at_checked(55)?;
        let version = hex::<1>(&fixed[..2])?[0];
        if fixed[2] != b'-' || fixed[35] != b'-' || fixed[52] != b'-' || version == 0xff {
            return None;
        }
        match rest {
            [] => {}
            [b'-', ..] if version > 0 => {}
            _ => return None,
        }
        let trace_id = hex::<16>(&fixed[3..35])?;
        let parent_id = hex::<8>(&fixed[36..52])?;
        let flags = hex::<1>(&fixed[53..55])?[0];
        if trace_id == [0; 16] || parent_id == [0; 8] {
            return None;
        }
        Some(Self { trace_id, parent_id, flags: TraceFlags::from_bits(flags) })
    }
}

impl fmt::Display for Traceparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("00-")?;
        for byte in self.trace_id {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("-")?;
        for byte in self.parent_id {
            write!(f, "{byte:02x}")?;
        }
        write!(f, "-{:02x}", self.flags.bits())
    }
}

/// Lower-case hexadecimal of exactly `N` bytes.
fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}
