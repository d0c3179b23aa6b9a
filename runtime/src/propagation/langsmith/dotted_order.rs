//! The dotted order: one segment per run from the root to a run, so that the order of strings is the order of the tree.
//!
//! ```text
//! 20261120T193556253017Z01a1fa75-565d-7cff-8c50-405353df141d.20261120T193556300000Z8e69c645-b678-45e1-9c61-dcbed822f9db
//! |- start, UTC, us ---||- id of the root run = the trace ---| |- start -----------||- id of the run ------------------|
//! ```

use std::fmt::Write;

const TIME: usize = 22;
const ID: usize = 36;
const SEGMENT: usize = TIME + ID;

/// A valid dotted order of at least one segment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DottedOrder {
    text: String,
}

impl DottedOrder {
    /// Parses a value without spaces around it. Each segment is a real time and a UUID of any version but nil.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?;
        let valid =
            |segment: &str| segment.len() == SEGMENT && is_time(&segment.as_bytes()[..TIME]) && id(segment).is_some();
        if !text.is_ascii() || !text.split('.').all(valid) {
            return None;
        }
        Some(Self { text: text.to_owned() })
    }

    /// The order of a root run that started `unix_micros` microseconds after 1970.
    #[must_use]
    pub fn root(unix_micros: u64, run: [u8; 16]) -> Self {
        Self { text: segment(unix_micros, run) }
    }

    /// The order of a run below this one.
    #[must_use]
    pub fn child(&self, unix_micros: u64, run: [u8; 16]) -> Self {
        Self { text: format!("{}.{}", self.text, segment(unix_micros, run)) }
    }

    /// The whole text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The id of the root run, which is the trace.
    #[must_use]
    pub fn trace_id(&self) -> [u8; 16] {
        self.text.split('.').next().and_then(id).unwrap_or_default()
    }

    /// The id of the last run, which is the parent of whatever reads this.
    #[must_use]
    pub fn run_id(&self) -> [u8; 16] {
        self.text.rsplit('.').next().and_then(id).unwrap_or_default()
    }

    /// How many runs there are.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.text.split('.').count()
    }
}

fn segment(unix_micros: u64, run: [u8; 16]) -> String {
    let micros = unix_micros % 1_000_000;
    let seconds = unix_micros / 1_000_000;
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    let mut text = format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}{micros:06}Z");
    for (index, byte) in run.into_iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Year, month and day of a number of days since 1970-01-01, in years that start in March so that the leap day is last.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

/// `YYYYMMDDTHHMMSSffffffZ`, a moment that exists.
fn is_time(text: &[u8]) -> bool {
    let number = |range: std::ops::Range<usize>| {
        text[range].iter().try_fold(0_u32, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))
    };
    let (Some(year), Some(month), Some(day)) = (number(0..4), number(4..6), number(6..8)) else { return false };
    let (Some(hour), Some(minute), Some(second)) = (number(9..11), number(11..13), number(13..15)) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return false,
    };
    text[8] == b'T'
        && text[21] == b'Z'
        && number(15..21).is_some()
        && year > 0
        && (1..=days).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60
}

/// The UUID at the end of a segment; `None` for text that is none, and for the nil UUID.
fn id(segment: &str) -> Option<[u8; 16]> {
    let text = segment.as_bytes().get(TIME..SEGMENT)?;
    let mut bytes = [0_u8; 16];
    let mut digits = 0;
    for (index, byte) in text.iter().enumerate() {
        if matches!(index, 8 | 13 | 18 | 23) {
            if *byte != b'-' {
                return None;
            }
        } else {
            let digit = u8::try_from(char::from(*byte).to_digit(16)?).ok()?;
            bytes[digits / 2] |= if digits % 2 == 0 { digit << 4 } else { digit };
            digits += 1;
        }
    }
    (bytes != [0; 16]).then_some(bytes)
}
