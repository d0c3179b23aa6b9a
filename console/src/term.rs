//! Traces as text: the tree with bars that `galileo-console show` and the quickstart print.
//!
//! What a sender wrote never reaches the terminal as control sequences: see [`visible`].

use std::fmt::Write as _;

use crate::model::{Orphan, Outcome, SpanNode, TraceSummary, TraceView};
use crate::time::{format_iso, now_ns};

/// Columns of the timeline.
const BAR: usize = 24;
/// Characters of a name with its branches before it is cut.
const NAME: usize = 60;
/// Levels that are drawn with branches; deeper spans keep this indent.
const LEVELS: usize = 20;

/// The trace as a tree: a heading, then one line for each span with its service, duration, place in time, and error.
#[must_use]
pub fn render_tree(view: &TraceView) -> String {
    let mut text = heading(&view.summary);
    let labels: Vec<String> = labels(view);
    let name_width = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0).min(NAME);
    let service_width = view
        .spans
        .iter()
        .filter_map(|span| span.service.as_deref())
        .map(|service| visible(service).chars().count())
        .max()
        .unwrap_or(0)
        .min(24);
    for (span, label) in view.spans.iter().zip(&labels) {
        let label = clip(label, name_width);
        let service = clip(&visible(span.service.as_deref().unwrap_or("")), service_width);
        let took = match span.duration_ns {
            Some(duration) => duration_text(duration),
            None if span.open => "running".to_owned(),
            None => "-".to_owned(),
        };
        let line = format!(
            "{label:<name_width$}  {service:<service_width$}  {took:>8}  {:<BAR$}  {}",
            bar(span, &view.summary),
            notes(span)
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    for skew in &view.skews {
        let way = if skew.ahead_ns > 0 { "ahead" } else { "behind" };
        let _ = writeln!(
            text,
            "clock of {}: about {} {way}, judged by calls from {}; times are shown as recorded",
            visible(&skew.service),
            duration_text(skew.ahead_ns.abs()),
            visible(&skew.against)
        );
    }
    text
}

/// One line for the list of traces.
#[must_use]
pub fn render_row(summary: &TraceSummary) -> String {
    let state = match (summary.open, summary.error_count) {
        (_, errors) if errors > 0 => format!("{errors} failed"),
        (true, _) => "running".to_owned(),
        _ => "ok".to_owned(),
    };
    let took = match extent(summary) {
        Some(extent) => duration_text(extent),
        None => "-".to_owned(),
    };
    let services: Vec<String> = summary.services.iter().map(|service| visible(service)).collect();
    format!(
        "{}  {}  {:>8}  {:>6} {:<5}  {:<10}  {:<30}  {}",
        summary.id,
        &format_iso(summary.start_ns)[..19],
        took,
        summary.span_count,
        if summary.span_count == 1 { "span" } else { "spans" },
        state,
        clip(&visible(&summary.name), 30),
        services.join(", ")
    )
    .trim_end()
    .to_owned()
}

fn heading(summary: &TraceSummary) -> String {
    let mut facts = vec![match summary.span_count {
        1 => "1 span".to_owned(),
        count => format!("{count} spans"),
    }];
    if summary.services.len() > 1 {
        facts.push(format!("{} services", summary.services.len()));
    }
    if let Some(extent) = extent(summary).filter(|_| !summary.open) {
        facts.push(duration_text(extent));
    }
    if summary.tokens.total > 0 {
        facts.push(format!("{} tokens", summary.tokens.total));
    }
    if summary.error_count > 0 {
        facts.push(format!("{} failed", summary.error_count));
    }
    if summary.open {
        facts.push(match extent(summary) {
            Some(extent) => format!("running for {}", duration_text(extent)),
            None => "running".to_owned(),
        });
    }
    format!(
        "{}  {}  ({})\n",
        visible(if summary.name.is_empty() { "(no name)" } else { &summary.name }),
        summary.id,
        facts.join(", ")
    )
}

/// From the first start to the last end, or to this moment while the trace is open.
fn extent(summary: &TraceSummary) -> Option<i64> {
    match summary.open {
        true => Some(now_ns().saturating_sub(summary.start_ns).max(summary.duration_ns.unwrap_or(0))),
        false => summary.duration_ns,
    }
}

/// Branches, type and name of every span.
fn labels(view: &TraceView) -> Vec<String> {
    // Whether a span is the last of its siblings decides between the two corners.
    let mut last_sibling = vec![false; view.spans.len()];
    if let Some(last) = view.spans.iter().rposition(|span| span.depth == 0) {
        last_sibling[last] = true;
    }
    for last in view.spans.iter().filter_map(|span| span.children.last()) {
        if let Some(flag) = last_sibling.get_mut(*last) {
            *flag = true;
        }
    }
    // `trunk[level]`: a branch of that level goes on below.
    let mut trunk: Vec<bool> = Vec::new();
    view.spans
        .iter()
        .enumerate()
        .map(|(index, span)| {
            trunk.truncate(span.depth);
            let mut label = String::new();
            for goes_on in trunk.iter().take(LEVELS) {
                label.push_str(if *goes_on { "│  " } else { "   " });
            }
            label.push_str(if last_sibling[index] { "└─ " } else { "├─ " });
            trunk.push(!last_sibling[index]);
            let _ = write!(label, "{} {}", span.span_type, visible(&span.name));
            label
        })
        .collect()
}

fn bar(span: &SpanNode, summary: &TraceSummary) -> String {
    let whole = summary.duration_ns.unwrap_or(0).max(1) as f64;
    let at = |ns: i64| ((ns.saturating_sub(summary.start_ns)) as f64 / whole * BAR as f64).clamp(0.0, BAR as f64);
    let from = at(span.start_ns).floor() as usize;
    let to = match span.duration_ns {
        Some(duration) => at(span.start_ns.saturating_add(duration)).ceil() as usize,
        None if span.open => BAR,
        None => from,
    };
    let from = from.min(BAR - 1);
    let filled = to.clamp(from + 1, BAR) - from;
    let mark = match (span.open, span.duration_ns) {
        (true, _) => "░",
        (false, Some(_)) => "█",
        (false, None) => "▏",
    };
    format!("{}{}", " ".repeat(from), mark.repeat(filled))
}

fn notes(span: &SpanNode) -> String {
    let mut notes = Vec::new();
    match span.outcome {
        Outcome::Error => notes.push("✗ error".to_owned()),
        Outcome::Panic => notes.push("✗ panic".to_owned()),
        Outcome::Cancelled => notes.push("✗ cancelled".to_owned()),
        Outcome::Ok | Outcome::Running => {}
    }
    if let Some(error) = &span.error {
        notes.push(clip(&visible(error), 80));
    }
    if let Some(code) = span.status_code.filter(|code| *code >= 400) {
        notes.push(format!("status {code}"));
    }
    if span.cached {
        notes.push("cached".to_owned());
    }
    if span.tokens.total > 0 {
        notes.push(format!("{} tokens", span.tokens.total));
    }
    match span.orphan {
        Some(Orphan::MissingParent) => notes.push("parent not received".to_owned()),
        Some(Orphan::ParentInTrace(trace)) => notes.push(format!("parent is in trace {trace}")),
        Some(Orphan::Circle) => notes.push("its parents form a circle".to_owned()),
        None => {}
    }
    notes.join("  ")
}

/// A duration in the unit that keeps three digits.
#[must_use]
pub fn duration_text(ns: i64) -> String {
    let value = ns as f64;
    let (value, unit) = match ns.unsigned_abs() {
        0..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => (value / 1e3, "µs"),
        1_000_000..1_000_000_000 => (value / 1e6, "ms"),
        1_000_000_000..60_000_000_000 => (value / 1e9, "s"),
        _ => (value / 60e9, "min"),
    };
    let digits = match value.abs() {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {unit}")
}

/// The text on one line with everything visible: line breaks become spaces, control characters (and with them terminal escape
/// sequences), direction marks and characters without width are written as `\u{..}`.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\r' | '\t' => clean.push(' '),
            _ if character.is_control() || is_hidden(character) => {
                let _ = write!(clean, "\\u{{{:x}}}", character as u32);
            }
            _ => clean.push(character),
        }
    }
    clean
}

/// Characters that change how the text around them is shown, or are not shown at all.
#[must_use]
pub fn is_hidden(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn clip(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_hidden_characters_become_visible() {
        assert_eq!(visible("a\u{1b}[31mred\u{202e}\u{200b}\nb"), "a\\u{1b}[31mred\\u{202e}\\u{200b} b");
    }

    #[test]
    fn durations_keep_three_digits() {
        for (ns, text) in [
            (0, "0 ns"),
            (1_500, "1.50 µs"),
            (23_400_000, "23.4 ms"),
            (345_000_000, "345 ms"),
            (1_240_000_000, "1.24 s"),
            (90_000_000_000, "1.50 min"),
            (-1_500, "-1.50 µs"),
        ] {
            assert_eq!(duration_text(ns), text);
        }
    }
}
