//! Numbers as people read them. `shared.js` writes the same forms for what changes while the page is open.

/// A duration in the unit that fits, with three significant digits.
pub(crate) fn duration(ns: i64) -> String {
    let us = ns.max(0) as f64 / 1000.0;
    if us < 1.0 {
        return "0".to_owned();
    }
    if us < 999.5 {
        return format!("{us:.0} µs");
    }
    if us < 999_500.0 {
        let ms = us / 1000.0;
        return match ms {
            _ if ms < 9.995 => format!("{ms:.2} ms"),
            _ if ms < 99.95 => format!("{ms:.1} ms"),
            _ => format!("{ms:.0} ms"),
        };
    }
    let seconds = us / 1e6;
    if seconds < 59.995 {
        return if seconds < 9.995 { format!("{seconds:.2} s") } else { format!("{seconds:.1} s") };
    }
    let whole = seconds.round() as u64;
    if whole < 3600 {
        return format!("{}m {:02}s", whole / 60, whole % 60);
    }
    format!("{}h {:02}m", whole / 3600, whole / 60 % 60)
}

/// A count: exact up to four digits, then with a unit.
pub(crate) fn count(n: u64) -> String {
    match n {
        0..=9_999 => n.to_string(),
        10_000..=99_949 => format!("{:.1}k", n as f64 / 1e3),
        99_950..=999_499 => format!("{:.0}k", n as f64 / 1e3),
        _ => format!("{:.1}M", n as f64 / 1e6),
    }
}

/// `1 span`, `2 spans`.
pub(crate) fn plural(n: u64, word: &str) -> String {
    if n == 1 { format!("1 {word}") } else { format!("{} {word}s", count(n)) }
}

/// A share of a whole as per cent.
pub(crate) fn percent(part: i64, whole: i64) -> String {
    if whole <= 0 {
        return "0 %".to_owned();
    }
    format!("{:.0} %", part as f64 * 100.0 / whole as f64)
}

/// The moment as milliseconds, which is what a browser's clock speaks.
pub(crate) fn millis(ns: i64) -> i64 {
    ns.div_euclid(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_the_unit_that_fits() {
        let table = [
            (0, "0"),
            (999, "0"),
            (1_000, "1 µs"),
            (999_400, "999 µs"),
            (999_500, "1.00 ms"),
            (1_500_000, "1.50 ms"),
            (12_340_000, "12.3 ms"),
            (123_400_000, "123 ms"),
            (999_499_999, "999 ms"),
            (999_500_000, "1.00 s"),
            (12_340_000_000, "12.3 s"),
            (59_994_000_000, "60.0 s"),
            (60_000_000_000, "1m 00s"),
            (3_725_000_000_000, "1h 02m"),
            (-5, "0"),
        ];
        for (ns, text) in table {
            assert_eq!(duration(ns), text, "{ns}");
        }
    }

    #[test]
    fn counts_stay_short() {
        for (n, text) in [(0, "0"), (9_999, "9999"), (10_000, "10.0k"), (99_950, "100k"), (1_250_000, "1.2M")] {
            assert_eq!(count(n), text);
        }
        assert_eq!(plural(1, "span"), "1 span");
        assert_eq!(plural(2, "span"), "2 spans");
    }
}
