//! An open span whose work is done in pieces, between which the thread is elsewhere.

use super::end::{End, close, close_cancelled, close_panicked};
use super::erased::{Look, Step, Work};
use super::site::Site;
use crate::context::active::{self, Active, Slot};
use crate::model::{Parts, SpanId};
use crate::span::{self, Opened};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[derive(Debug)]
pub(super) struct Open {
    opened: Opened,
    parent: SpanId,
    pub(super) is_llm: bool,
    /// Whether the thread is inside.
    entered: bool,
    /// Of the contexts inside and outside the one that is not the thread's: the one outside while a piece runs, else the one inside as the
    /// last piece left it.
    other: Slot,
}

/// What a panicking piece left.
pub(super) type Payload = Box<dyn Any + Send>;

impl Open {
    /// Opens a span under the thread's current one, without entering it.
    pub(super) fn here(site: &'static Site, write: impl FnOnce(&mut Parts<'_>)) -> Self {
        let parent = active::get().span;
        let (opened, inside) = span::open(&site.callsite, write);
        Self::with(site, parent, opened, inside)
    }

    /// As [`here`](Self::here), with what was captured before.
    pub(super) fn here_captured(site: &'static Site, bytes: &[u8]) -> Self {
        let parent = active::get().span;
        let (opened, inside) = span::open_captured(&site.callsite, bytes);
        Self::with(site, parent, opened, inside)
    }

    fn with(site: &'static Site, parent: SpanId, opened: Opened, inside: Active) -> Self {
        let rare = if inside.has_rare() { active::rare() } else { None };
        Self { opened, parent, is_llm: site.is_llm(), entered: false, other: (inside, rare) }
    }

    /// A span that has just been opened and entered, without rare values on either side.
    #[inline(always)]
    pub(super) fn entered(site: &'static Site, opened: Opened, outside: Active) -> Self {
        Self { opened, parent: outside.span, is_llm: site.is_llm(), entered: true, other: (outside, None) }
    }

    #[inline(always)]
    pub(super) fn enter(&mut self) {
        if !self.entered {
            active::exchange(&mut self.other);
            self.entered = true;
        }
    }

    #[inline(always)]
    fn leave(&mut self) {
        active::exchange(&mut self.other);
        self.entered = false;
    }

    /// Runs one piece inside.
    ///
    /// # Errors
    ///
    /// It panicked, and the span has ended.
    pub(super) fn run(&mut self, piece: &mut dyn Step) -> Result<(), Payload> {
        self.enter();
        let result = catch_unwind(AssertUnwindSafe(|| piece.step()));
        self.leave();
        result.map_err(|payload| self.panicked(payload))
    }

    /// As [`run`](Self::run); when the piece was the last, ends the span by what the work shows of its result and says `true`: then nothing
    /// is left that would have to be dropped.
    #[inline(always)]
    pub(super) fn drive(&mut self, work: &mut dyn Work) -> Result<bool, Payload> {
        self.enter();
        match catch_unwind(AssertUnwindSafe(|| work.run())) {
            Ok(false) => {
                self.leave();
                Ok(false)
            }
            Ok(true) => {
                self.finish(|end| work.look(end));
                Ok(true)
            }
            Err(payload) => {
                self.leave();
                Err(self.panicked(payload))
            }
        }
    }

    /// Ends the span by what `look` finds in the result. Nothing is left that would have to be dropped.
    #[inline(always)]
    pub(super) fn finish(&mut self, look: impl FnMut(&mut End<'_, '_>)) {
        // The user's code in here may still add to the span.
        self.enter();
        close(&self.opened, self.parent, look);
        active::restore(&mut self.other);
    }

    /// [`finish`](Self::finish), shared.
    pub(super) fn end(&mut self, look: &mut dyn Look) {
        self.finish(|end| look.look(end));
    }

    #[cold]
    #[inline(never)]
    fn panicked(&self, payload: Payload) -> Payload {
        close_panicked(&self.opened, self.parent, Some(&*payload));
        payload
    }

    /// Ends the span as cancelled after `last` has run in its context; `write` adds what there was of the output.
    #[cold]
    pub(super) fn cancel(mut self, last: &mut dyn Step, write: &mut dyn FnMut(&mut Parts<'_>)) {
        self.enter();
        last.step();
        self.leave();
        // Also while the thread unwinds: a panic of its own has ended the span in `run`, so this one is another's.
        close_cancelled(&self.opened, write);
    }
}
