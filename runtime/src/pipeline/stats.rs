//! The books: what was accepted, and where each span of it is now.
//!
//! Invariant: for each exporter `accepted = delivered + spooled + in memory + dropped`, exact whenever nothing is under way.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Why a span was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
#[non_exhaustive]
pub enum DropReason {
    /// The memory budget was used up and nothing could go to disk.
    QueueFull = 0,
    /// It could not be delivered for as long as spans are kept.
    Age = 1,
    /// The backend refuses it even alone and cut down.
    Size = 2,
    /// The backend says that it will never accept it.
    Rejected = 3,
    /// It was still undelivered when the SDK was shut down, and there was no spool to keep it.
    Shutdown = 4,
    /// The disk was full, or the spool was.
    DiskFull = 5,
    /// A damaged record was found in the spool.
    Damaged = 6,
    /// An export hook or an exporter's own rule left it out.
    Filtered = 7,
    /// A mistake of the SDK's own: the worker panicked over it.
    Internal = 8,
}

impl DropReason {
    const ALL: [Self; 9] = [
        Self::QueueFull,
        Self::Age,
        Self::Size,
        Self::Rejected,
        Self::Shutdown,
        Self::DiskFull,
        Self::Damaged,
        Self::Filtered,
        Self::Internal,
    ];

    /// The name in reports and messages, such as `queue_full`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::Age => "age",
            Self::Size => "size",
            Self::Rejected => "rejected",
            Self::Shutdown => "shutdown",
            Self::DiskFull => "disk_full",
            Self::Damaged => "damaged",
            Self::Filtered => "filtered",
            Self::Internal => "internal",
        }
    }
}

/// Spans that were given up, by reason.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped([u64; DropReason::ALL.len()]);

impl Dropped {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Those that were given up for `reason`.
    pub fn by(&self, reason: DropReason) -> u64 {
        self.0[reason as usize]
    }

    /// The reasons that occurred, with their counts.
    pub fn reasons(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL.into_iter().map(|reason| (reason, self.by(reason))).filter(|&(_, count)| count > 0)
    }

    pub(crate) fn add(&mut self, reason: DropReason, count: u64) {
        self.0[reason as usize] += count;
    }
}

impl fmt::Debug for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.reasons().map(|(reason, count)| (reason.as_str(), count))).finish()
    }
}

/// The account of one exporter, in spans. Each span counts once in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// The exporter.
    pub exporter: &'static str,
    /// Spans that were handed to the SDK, those from an earlier process's spool included.
    pub accepted: u64,
    /// Spans that the destination has confirmed, each as a whole.
    pub delivered: u64,
    /// Spans that are on disk, for a later attempt or a later process.
    pub spooled: u64,
    /// Spans in memory: open, waiting, or on their way.
    pub queued: u64,
    /// Spans that were given up.
    pub dropped: Dropped,
}

impl Account {
    /// Whether the books balance.
    pub fn is_balanced(&self) -> bool {
        self.accepted == self.delivered + self.spooled + self.queued + self.dropped.total()
    }
}

/// What became of the spans so far: the answer of `flush` and `shutdown`.
///
/// `accepted = delivered + spooled + queued + dropped`. With several exporters these are the figures of the one that has
/// delivered least, so that `is_complete` means "everything is everywhere"; [`accounts`](Self::accounts) has each of them.
///
/// ```
/// let report = galileo::flush(std::time::Duration::from_secs(1));
/// assert!(report.is_complete(), "nothing was recorded, so nothing is missing");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Spans that were handed to the SDK.
    pub accepted: u64,
    /// Spans that the destination has confirmed.
    pub delivered: u64,
    /// Spans that are on disk.
    pub spooled: u64,
    /// Spans in memory.
    pub queued: u64,
    /// Spans that were given up.
    pub dropped: Dropped,
    /// The account of each exporter.
    pub accounts: Vec<Account>,
}

impl Report {
    pub(crate) fn of(accounts: Vec<Account>) -> Self {
        let Some(least) = accounts.iter().min_by_key(|account| account.delivered) else { return Self::default() };
        Self {
            accepted: least.accepted,
            delivered: least.delivered,
            spooled: least.spooled,
            queued: least.queued,
            dropped: least.dropped,
            accounts,
        }
    }

    /// Whether every span that was accepted has been delivered, by every exporter.
    pub fn is_complete(&self) -> bool {
        self.accounts.iter().all(|account| account.delivered == account.accepted)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { accepted, delivered, spooled, queued, dropped, .. } = self;
        write!(
            f,
            "{accepted} spans: {delivered} delivered, {spooled} spooled, {queued} queued, {} dropped",
            dropped.total()
        )?;
        for (reason, count) in dropped.reasons() {
            write!(f, " ({} {count})", reason.as_str())?;
        }
        Ok(())
    }
}

/// The live counters of one exporter: written by the worker alone, read by anyone.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) exporter: &'static str,
    accepted: AtomicU64,
    delivered: AtomicU64,
    spooled: AtomicU64,
    dropped: [AtomicU64; DropReason::ALL.len()],
    pub(crate) requests: AtomicU64,
    pub(crate) failures: AtomicU64,
}

impl Counters {
    pub(crate) fn new(exporter: &'static str) -> Self {
        Self {
            exporter,
            accepted: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            spooled: AtomicU64::new(0),
            dropped: Default::default(),
            requests: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }
    }

    // Relaxed throughout: one thread writes, and a reader who needs exact figures has been told by a channel that the writer is done.

    pub(crate) fn accept(&self, spans: u64) {
        self.accepted.fetch_add(spans, Ordering::Relaxed);
    }

    pub(crate) fn deliver(&self, spans: u64) {
        self.delivered.fetch_add(spans, Ordering::Relaxed);
    }

    pub(crate) fn drop_spans(&self, reason: DropReason, spans: u64) {
        self.dropped[reason as usize].fetch_add(spans, Ordering::Relaxed);
    }

    pub(crate) fn spool(&self, spans: u64) {
        self.spooled.fetch_add(spans, Ordering::Relaxed);
    }

    pub(crate) fn unspool(&self, spans: u64) {
        self.spooled.fetch_sub(spans, Ordering::Relaxed);
    }

    pub(crate) fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failure(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// The account as it stands; `refused` spans never reached the worker.
    pub(crate) fn account(&self, refused: u64) -> Account {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut dropped = Dropped::default();
        for reason in DropReason::ALL {
            dropped.add(reason, get(&self.dropped[reason as usize]));
        }
        let (accepted, delivered, spooled) = (get(&self.accepted), get(&self.delivered), get(&self.spooled));
        // What is in memory is what is left; a reader in the middle of an update may see it one too small.
        let queued = accepted.saturating_sub(delivered + spooled + dropped.total());
        dropped.add(DropReason::QueueFull, refused);
        Account { exporter: self.exporter, accepted: accepted + refused, delivered, spooled, queued, dropped }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_books_balance_after_each_kind_of_fate() {
        let counters = Counters::new("test");
        counters.accept(10);
        counters.deliver(3);
        counters.drop_spans(DropReason::Rejected, 2);
        counters.spool(4);
        counters.unspool(1);
        let account = counters.account(5);
        assert!(account.is_balanced(), "{account:?}");
        assert_eq!((account.accepted, account.queued, account.dropped.by(DropReason::QueueFull)), (15, 2, 5));
    }

    #[test]
    fn the_report_speaks_for_the_exporter_that_lags() {
        let account = |exporter, delivered| Account {
            exporter,
            accepted: 5,
            delivered,
            queued: 5 - delivered,
            ..Account::default()
        };
        let report = Report::of(vec![account("a", 5), account("b", 3)]);
        assert_eq!((report.delivered, report.queued), (3, 2));
        assert!(!report.is_complete());
        assert_eq!(report.to_string(), "5 spans: 3 delivered, 0 spooled, 2 queued, 0 dropped");
    }

    #[test]
    fn reasons_are_numbered_as_they_are_listed() {
        for (index, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
    }
}
