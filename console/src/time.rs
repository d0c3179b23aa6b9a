//! Moments as nanoseconds since the Unix epoch, and their ISO 8601 form. Leap seconds do not exist here.

use std::time::{SystemTime, UNIX_EPOCH};

/// The present moment.
#[must_use]
pub fn now_ns() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// `2026-11-20T19:17:07.848376Z`: microseconds, UTC, the form that Galileo uses.
#[must_use]
pub fn format_iso(ns: i64) -> String {
    let seconds = ns.div_euclid(1_000_000_000);
    let micros = ns.rem_euclid(1_000_000_000) / 1000;
    let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{micros:06}Z",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// The same with all nine digits, for what came with nanoseconds.
pub(crate) fn format_iso_ns(ns: i64) -> String {
    let text = format_iso(ns);
    format!("{}{:03}Z", text.trim_end_matches('Z'), ns.rem_euclid(1000))
}

/// Reads `YYYY-MM-DD` with an optional `[T ]HH:MM[:SS[.fraction]]` and an optional zone (`Z`, `+HH:MM`, `+HHMM`, `+HH`).
/// Without a zone it is taken as UTC, because that is what the reference SDK means when it sends naive times.
#[must_use]
pub fn parse_iso(text: &str) -> Option<i64> {
    let text = text.trim().as_bytes();
    let (year, month, day) = (number(text.get(0..4)?)?, number(text.get(5..7)?)?, number(text.get(8..10)?)?);
    if text.get(4) != Some(&b'-')
        || text.get(7) != Some(&b'-')
        || !(1..=12).contains(&month)
        || !(1..=days_in(year, month)).contains(&day)
    {
        return None;
    }
    let mut ns = days_from_civil(year, month, day).checked_mul(86_400_000_000_000)?;
    let mut rest = &text[10..];
    if let Some(&separator) = rest.first() {
        if !matches!(separator, b'T' | b't' | b' ') || rest.get(3) != Some(&b':') {
            return None;
        }
        let (hour, minute) = (number(rest.get(1..3)?)?, number(rest.get(4..6)?)?);
        let mut second = 0;
        rest = &rest[6..];
        let mut fraction = 0;
        if rest.first() == Some(&b':') {
            second = number(rest.get(1..3)?)?;
            rest = &rest[3..];
            if matches!(rest.first(), Some(b'.' | b',')) {
                let digits = rest[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                if digits == 0 {
                    return None;
                }
                let kept = &rest[1..=digits.min(9)];
                fraction = number(kept)? * 10_i64.pow(9 - kept.len() as u32);
                rest = &rest[digits + 1..];
            }
        }
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let seconds = hour * 3600 + minute * 60 + second - zone_seconds(rest)?;
        ns = ns.checked_add(seconds * 1_000_000_000 + fraction)?;
    }
    Some(ns)
}

fn zone_seconds(text: &[u8]) -> Option<i64> {
    let sign = match text {
        [] | b"Z" | b"z" => return Some(0),
        [b'+', ..] => 1,
        [b'-', ..] => -1,
        _ => return None,
    };
    let (hours, minutes) = match &text[1..] {
        [a, b] => (number(&[*a, *b])?, 0),
        [a, b, c, d] | [a, b, b':', c, d] => (number(&[*a, *b])?, number(&[*c, *d])?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0_i64, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

// The proleptic Gregorian calendar counted in eras of 400 years that begin on the first of March.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_survive_the_way_to_text_and_back() {
        for (text, ns, why) in [
            ("1970-01-01T00:00:00.000000Z", 0, "the epoch"),
            ("2026-11-20T19:17:07.848376Z", 1_795_202_227_848_376_000, "what the reference SDK sends"),
            ("2024-02-29T23:59:59.999999Z", 1_709_251_199_999_999_000, "a leap day"),
            ("1969-12-31T23:59:59.500000Z", -500_000_000, "before the epoch"),
        ] {
            assert_eq!(parse_iso(text), Some(ns), "{why}");
            assert_eq!(format_iso(ns), text, "{why}");
        }
    }

    #[test]
    fn zones_and_missing_parts_are_understood() {
        let noon = parse_iso("2025-01-02T03:04:05.000006Z");
        for (text, why) in [
            ("2025-01-02T03:04:05.000006", "naive means UTC"),
            ("2025-01-02T05:04:05.000006+02:00", "east"),
            ("2025-01-01T22:04:05.000006-0500", "west, without colon"),
            ("2025-01-02 03:04:05.000006000Z", "a space and nanoseconds"),
        ] {
            assert_eq!(parse_iso(text), noon, "{why}");
        }
        assert_eq!(parse_iso("2025-01-02"), parse_iso("2025-01-02T00:00Z"));
    }

    #[test]
    fn nonsense_is_no_moment() {
        for text in [
            "",
            "now",
            "2025-13-01",
            "2025-02-30T00:00:00Z",
            "2025-01-01T24:00:00Z",
            "2025-01-01T00:00:00.Z",
            "2025-01-01T00:00:00+1",
            "2025-01-01X00:00",
            "20250101",
        ] {
            assert_eq!(parse_iso(text), None, "{text}");
        }
    }
}
