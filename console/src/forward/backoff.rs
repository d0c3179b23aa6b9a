//! How long to wait after a failure: exponential with full jitter, and never less than the target asked for.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(250);
const LAST: Duration = Duration::from_secs(30);

/// The longest wish of a target that is followed.
const LONGEST_WISH: Duration = Duration::from_secs(600);

/// The wait after that many failures in a row. `chance` is uniform over all its values.
pub(super) fn wait(failures: u32, wish: Option<Duration>, chance: u64) -> Duration {
    let limit = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LAST);
    // At least a quarter, so that an outage is never asked about in a tight loop.
    let own = limit / 4 + (limit - limit / 4).mul_f64(chance as f64 / u64::MAX as f64);
    own.max(wish.unwrap_or_default().min(LONGEST_WISH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit_and_follow_the_targets_wish() {
        assert_eq!(wait(1, None, u64::MAX), FIRST);
        assert_eq!(wait(2, None, u64::MAX), FIRST * 2);
        assert_eq!(wait(40, None, u64::MAX), LAST);
        assert_eq!(wait(40, None, 0), LAST / 4, "never at once");
        assert_eq!(wait(1, Some(Duration::from_secs(7)), 0), Duration::from_secs(7));
        assert_eq!(wait(1, Some(Duration::from_secs(86_400)), 0), LONGEST_WISH);
    }
}
