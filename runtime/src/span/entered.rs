//! A span of the running thread: current from its opening to its end.

use super::open::{Opened, open};
use crate::context::active::{self, Active};
use crate::model::{Callsite, Outcome, Parts};
use std::marker::PhantomData;

/// An open span that is the thread's current one. Dropping it ends the span: as panicked while the thread unwinds, else as ok.
#[must_use = "the span ends when this is dropped"]
#[derive(Debug)]
pub struct Entered {
    opened: Opened,
    previous: Active,
    ended: bool,
    /// The thread-local must be restored on the thread that was entered.
    not_send: PhantomData<*const ()>,
}

impl Entered {
    /// Opens a span under the thread's current one and enters it. Call only when [`super::recording`] says so.
    #[inline]
    pub fn new(site: &'static Callsite, capture: impl FnOnce(&mut Parts<'_>)) -> Self {
        let previous = active::get();
        let rare = if previous.has_rare() { active::rare() } else { None };
        let opened = open(site, previous, rare.as_deref(), capture);
        active::set(opened.active);
        Self { opened, previous, ended: false, not_send: PhantomData }
    }

    /// Ends the span with this outcome; `capture` adds the output.
    #[inline]
    pub fn end(mut self, outcome: Outcome, capture: impl FnOnce(&mut Parts<'_>)) {
        self.finish(outcome, capture);
    }

    /// Adds to the span.
    pub fn note(&self, write: impl FnOnce(&mut Parts<'_>)) {
        self.opened.note(write);
    }

    #[inline]
    fn finish(&mut self, outcome: Outcome, capture: impl FnOnce(&mut Parts<'_>)) {
        self.ended = true;
        active::set(self.previous);
        self.opened.close(outcome, capture);
    }
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        if !self.ended {
            let outcome = if std::thread::panicking() { Outcome::Panic } else { Outcome::Ok };
            self.finish(outcome, |_| {});
        }
    }
}
