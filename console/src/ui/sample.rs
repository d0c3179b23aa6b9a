//! The traces of a time range, as many as a page can look at, for the questions that go over many of them.

use serde::Deserialize;

use super::Ui;
use super::fail::Fail;
use crate::model::{Depth, TraceQuery, TraceView};

/// Bounds of one answer: enough for a picture that does not change with one more, and made in well under a second.
const TRACES: usize = 300;
const SPANS: u64 = 30_000;

/// The ranges that a page offers: address, label, seconds.
pub(crate) const RANGES: &[(&str, &str, i64)] = &[
    ("15m", "15 minutes", 900),
    ("1h", "hour", 3_600),
    ("24h", "24 hours", 86_400),
    ("7d", "7 days", 604_800),
    ("all", "all", 0),
];

/// Which traces to look at.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Scope {
    range: String,
    pub(crate) service: String,
}

/// What was looked at.
pub(crate) struct Sample {
    pub(crate) views: Vec<TraceView>,
    /// There were more traces in the range.
    pub(crate) capped: bool,
    pub(crate) range: &'static str,
    /// The range in seconds; for `all`, from the first trace to now.
    pub(crate) seconds: f64,
}

impl Scope {
    pub(crate) fn range(&self) -> (&'static str, i64) {
        let chosen = RANGES.iter().find(|range| range.0 == self.range).unwrap_or(&RANGES[2]);
        (chosen.0, chosen.2)
    }

    pub(crate) async fn load(&self, ui: &Ui, depth: Depth, now: i64) -> Result<Sample, Fail> {
        let (range, seconds) = self.range();
        let mut query = TraceQuery {
            from_ns: Some(now - seconds * 1_000_000_000).filter(|_| seconds > 0),
            service: Some(self.service.clone()).filter(|service| !service.is_empty()),
            limit: 100,
            ..TraceQuery::default()
        };
        let (mut views, mut spans, mut capped): (Vec<TraceView>, u64, bool) = (Vec::new(), 0, false);
        'pages: loop {
            let page = ui.store.traces(query.clone()).await?;
            for row in page.rows {
                spans += row.span_count;
                // One very large trace may fill the sample, but only the first.
                if views.len() >= TRACES || (spans > SPANS && !views.is_empty()) {
                    capped = true;
                    break 'pages;
                }
                views.extend(ui.store.trace(row.id, depth).await?);
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        let first = views.iter().map(|view| view.summary.start_ns).min().unwrap_or(now);
        let since = if capped || seconds == 0 { (now - first) as f64 / 1e9 } else { seconds as f64 };
        Ok(Sample { views, capped, range, seconds: since.max(1.0) })
    }
}

impl Sample {
    /// What the page says it is made from.
    pub(crate) fn note(&self) -> String {
        let spans: u64 = self.views.iter().map(|view| view.spans.len() as u64).sum();
        let of = if self.capped { "the latest " } else { "" };
        format!(
            "{of}{}, {}",
            super::format::plural(self.views.len() as u64, "trace"),
            super::format::plural(spans, "span")
        )
    }
}
