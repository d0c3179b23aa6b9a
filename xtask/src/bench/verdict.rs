//! A table of measured figures against what is promised.

use super::programs::outcome;
use crate::run::Outcome;

/// Rows with a mark each, printed as they come.
#[derive(Default)]
pub(crate) struct Verdicts {
    missed: Vec<String>,
}

impl Verdicts {
    pub(crate) fn head(&self, title: &str) {
        eprintln!("\n| {title} | measured | mark | |\n| --- | ---: | ---: | --- |");
    }

    /// Promised to be at most `mark`.
    pub(crate) fn at_most(&mut self, what: &str, measured: f64, mark: f64) {
        self.row(what, measured, mark, measured <= mark);
    }

    /// Promised to be at least `mark`.
    pub(crate) fn at_least(&mut self, what: &str, measured: f64, mark: f64) {
        self.row(what, measured, mark, measured >= mark);
    }

    fn row(&mut self, what: &str, measured: f64, mark: f64, met: bool) {
        let verdict = if met { "met" } else { "NOT met" };
        eprintln!("| {what} | {measured:.2} | {mark:.2} | {verdict} |");
        if !met {
            self.missed.push(what.to_owned());
        }
    }

    pub(crate) fn outcome(&self) -> Outcome {
        outcome(&self.missed)
    }
}
