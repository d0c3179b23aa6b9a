//! A span of the running thread: current from its opening to its end.

use super::open::{Entry, Opened, enter};
use crate::context::active::{self, Active};
use crate::model::{Callsite, Outcome, Parts};
use std::marker::PhantomData;

/// An open span that is the thread's current one. Dropping it ends the span: as panicked while the thread unwinds, else as ok.
#[must_use = "the span ends when this is dropped"]
#[derive(Debug)]
pub(crate) struct Entered {
    opened: Opened,
    previous: Active,
    ended: bool,
    /// The thread-local must be restored on the thread that was entered.
    not_send: PhantomData<*const ()>,
}

impl Entered {
    /// Opens a span under the thread's current one and enters it. Call only when [`super::recording`] says so.
    #[inline]
    pub(crate) fn new(site: &'static Callsite, capture: impl FnOnce(&mut Parts<'_>)) -> Self {
        let Entry { opened, previous, .. } = enter(site, capture);
        Self { opened, previous, ended: false, not_send: PhantomData }
    }

    /// Ends the span with this outcome; `capture` adds the output.
    #[inline]
    pub(crate) fn end(self, outcome: Outcome, capture: impl FnOnce(&mut Parts<'_>)) {
        self.end_with(|parts| {
            capture(parts);
            outcome
        });
    }

    /// Ends the span; `capture` adds the output and says how it ended.
    #[inline]
    pub(crate) fn end_with(mut self, capture: impl FnOnce(&mut Parts<'_>) -> Outcome) {
        self.finish(capture);
    }

    pub(super) fn is_recorded(&self) -> bool {
        self.opened.recorded
    }

    #[inline]
    fn finish(&mut self, capture: impl FnOnce(&mut Parts<'_>) -> Outcome) {
        self.ended = true;
        active::leave(self.previous);
        self.opened.close(capture);
    }
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        if !self.ended {
            let outcome = if std::thread::panicking() { Outcome::Panic } else { Outcome::Ok };
            self.finish(|_| outcome);
        }
    }
}
