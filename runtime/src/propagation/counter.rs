//! How many incoming headers were refused, by header and by reason.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why a header was treated as if it were not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Reason {
    /// The value does not follow the header's grammar.
    Malformed,
    /// A header that may come once came more than once.
    Duplicate,
    /// All lines of the header together are over the limit; they were not parsed.
    Oversized,
    /// The header means nothing without another one that is absent.
    Partial,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Malformed => "malformed",
            Self::Duplicate => "there more than once",
            Self::Oversized => "too long",
            Self::Partial => "useless without its other half",
        })
    }
}

/// The headers that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Header {
    /// `X-Galileo-Trace-ID`
    GalileoTrace,
    /// `X-Galileo-Parent-ID`
    GalileoParent,
    /// `traceparent`
    Traceparent,
    /// `tracestate`
    Tracestate,
    /// `baggage`: the whole header, or single members of it
    Baggage,
    /// `langsmith-trace`
    LangSmithTrace,
    /// The members of `baggage` that belong to LangSmith
    LangSmithBaggage,
}

const REASONS: [Reason; 4] = [Reason::Malformed, Reason::Duplicate, Reason::Oversized, Reason::Partial];
const HEADERS: [Header; 7] = [
    Header::GalileoTrace,
    Header::GalileoParent,
    Header::Traceparent,
    Header::Tracestate,
    Header::Baggage,
    Header::LangSmithTrace,
    Header::LangSmithBaggage,
];

impl Header {
    /// The name as it is written in requests.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::GalileoTrace => super::galileo::TRACE_ID,
            Self::GalileoParent => super::galileo::PARENT_ID,
            Self::Traceparent => super::trace_context::TRACEPARENT,
            Self::Tracestate => super::trace_context::TRACESTATE,
            Self::Baggage => super::baggage::BAGGAGE,
            Self::LangSmithTrace => super::langsmith::LANGSMITH_TRACE,
            Self::LangSmithBaggage => "baggage: langsmith-*",
        }
    }
}

/// One refused header of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Rejection {
    /// Which header.
    pub header: Header,
    /// Why.
    pub reason: Reason,
}

static COUNTS: [[AtomicU64; REASONS.len()]; HEADERS.len()] =
    [const { [const { AtomicU64::new(0) }; REASONS.len()] }; HEADERS.len()];

/// Counts one refused header.
pub(super) fn count(rejection: Rejection) {
    // Only ever summed up and shown: no other memory depends on the order of these additions.
    COUNTS[rejection.header as usize][rejection.reason as usize].fetch_add(1, Ordering::Relaxed);
}

/// How many headers this process has refused since it started, by header and reason.
///
/// ```
/// use galileo::propagation::{Propagators, rejected_headers};
///
/// let before = rejected_headers().total();
/// let mut headers = http::HeaderMap::new();
/// headers.insert("traceparent", http::HeaderValue::from_static("not a traceparent"));
/// assert!(Propagators::default().extract(&headers).w3c.is_none());
/// assert!(rejected_headers().total() > before);
/// ```
#[must_use]
pub fn rejected_headers() -> RejectedHeaders {
    let mut counts = Vec::new();
    for header in HEADERS {
        for reason in REASONS {
            let count = COUNTS[header as usize][reason as usize].load(Ordering::Relaxed);
            if count > 0 {
                counts.push((Rejection { header, reason }, count));
            }
        }
    }
    RejectedHeaders { counts }
}

/// A copy of the counters at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RejectedHeaders {
    counts: Vec<(Rejection, u64)>,
}

impl RejectedHeaders {
    /// All refused headers together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().map(|(_, count)| count).sum()
    }

    /// The count of one header and reason.
    #[must_use]
    pub fn get(&self, header: Header, reason: Reason) -> u64 {
        let wanted = Rejection { header, reason };
        self.iter().find(|(rejection, _)| *rejection == wanted).map_or(0, |(_, count)| count)
    }

    /// Those that are not zero.
    pub fn iter(&self) -> impl Iterator<Item = (Rejection, u64)> {
        self.counts.iter().copied()
    }
}
