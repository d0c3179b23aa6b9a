//! When to try again: exponential back-off with full jitter, and what `Retry-After` says. Knows no protocol; time and chance come from
//! outside.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The first wait is at most this.
const FIRST: Duration = Duration::from_millis(250);
/// Waits double up to this; from then on one request at a time asks whether the outage is over.
const LAST: Duration = Duration::from_secs(16);
/// What an outage costs: one probe in 10 to 16 seconds is at most 60 requests in ten minutes, with the first ones.
const LAST_LEAST: Duration = Duration::from_secs(10);
/// The longest that a server's wish is followed.
const LONGEST_WISH: Duration = Duration::from_secs(600);

/// The waits of one destination.
#[derive(Debug)]
pub(crate) struct Backoff {
    failures: u32,
    longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { failures: 0, longest: LAST }
    }
}

impl Backoff {
    /// How often in a row it has failed.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// The wait after one more failure: by chance between nothing and the present limit, and no shorter than the server asked for.
    /// `chance` is uniform over all its values.
    pub(crate) fn failed(&mut self, wish: Option<Duration>, chance: u64) -> Duration {
        let limit = FIRST.saturating_mul(1 << self.failures.min(16)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        let least = if limit < LAST { Duration::ZERO } else { LAST_LEAST };
        let own = least + part(limit - least, chance);
        match wish {
            // Clients that were all asked to wait as long must not come back at once.
            Some(wish) => own.max(wish + part(wish.max(FIRST), chance)).max(wish),
            None => own,
        }
    }
}

fn part(of: Duration, chance: u64) -> Duration {
    of.mul_f64(chance as f64 / u64::MAX as f64)
}

/// Reads a `Retry-After`: seconds, or an HTTP date. Anything else is absent, as is a time in the past; more than ten minutes count as ten.
pub(crate) fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    let wish = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let at = UNIX_EPOCH + Duration::from_secs(http_date(text)?);
        at.duration_since(now).unwrap_or_default()
    };
    Some(wish.min(LONGEST_WISH))
}

/// The Unix time of a date of the form `Sun, 06 Nov 1994 08:49:37 GMT`, the only one that servers may send.
fn http_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, rest) = text.split_once(", ")?;
    let mut words = rest.split(' ');
    let day: u64 = words.next()?.parse().ok().filter(|day| (1..=31).contains(day))?;
    let name = words.next()?;
    let month = MONTHS.iter().position(|month| *month == name)? as u64 + 1;
    let year: u64 = words.next()?.parse().ok().filter(|year| (1970..10_000).contains(year))?;
    let mut clock = words.next()?.split(':').map(|number| number.parse::<u64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    if words.next() != Some("GMT")
        || words.next().is_some()
        || clock.next().is_some()
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    // Years counted from March, so that the leap day is the last of its year.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
    Some((days - 719_468) * 86_400 + hour * 3_600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::random_u64;

    #[test]
    fn an_outage_of_ten_minutes_costs_at_most_sixty_requests() {
        for _ in 0..200 {
            let mut backoff = Backoff::default();
            let (mut now, mut requests) = (Duration::ZERO, 0);
            while now < Duration::from_secs(600) {
                requests += 1;
                now += backoff.failed(None, random_u64());
            }
            assert!((40..=60).contains(&requests), "{requests}");
        }
    }

    #[test]
    fn a_wish_is_never_cut_short_and_clients_spread_over_half_of_it() {
        for wish in [0, 1, 7, 60, 600].map(Duration::from_secs) {
            let waits: Vec<_> = (0..1000).map(|_| Backoff::default().failed(Some(wish), random_u64())).collect();
            let (least, most) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
            assert!(*least >= wish, "{least:?} for {wish:?}");
            assert!(*most - *least >= wish / 2, "{least:?} to {most:?} for {wish:?}");
        }
    }

    #[test]
    fn waits_grow_from_a_quarter_of_a_second() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..8).map(|_| backoff.failed(None, u64::MAX).as_millis()).collect();
        assert_eq!(waits, [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 16_000]);
        backoff.succeeded();
        assert!(backoff.failed(None, 0).is_zero());
    }

    #[test]
    fn retry_after_in_each_form() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
        let rows = [
            ("120", Some(120), "seconds"),
            ("0", Some(0), "at once"),
            ("-5", None, "negative"),
            ("1.5", None, "not a whole number"),
            ("1000000000000", Some(600), "too long"),
            ("99999999999999999999999999", Some(600), "too long for any number"),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0), "now"),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60), "in a minute"),
            ("Sat, 05 Nov 1994 08:49:37 GMT", Some(0), "yesterday"),
            ("Tue, 29 Feb 2028 00:00:00 GMT", Some(600), "far away"),
            ("Sun, 06 Nov 1994 08:49:37 CET", None, "another zone"),
            ("Sunday, 06-Nov-94 08:49:37 GMT", None, "the obsolete form"),
            ("soon", None, "words"),
            ("", None, "empty"),
        ];
        for (text, seconds, reason) in rows {
            assert_eq!(retry_after(text, now), seconds.map(Duration::from_secs), "{reason}: {text}");
        }
    }
}
