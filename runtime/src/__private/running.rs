//! The span of something that is returned and goes on: a future, a stream, an iterator.

use super::base::Base;
use super::end::End;
use super::erased::{Look, Step, Work, nothing};
use super::open::{Open, Payload};
use super::site::Site;
use crate::capture::Value;
use crate::context::active::{self, Slot};
use crate::model::Parts;
use std::panic::resume_unwind;

/// A span that is open between the pieces of its work, or will open with the first, or nothing when nobody records.
///
/// Dropped before its end, it ends the span as cancelled.
#[derive(Debug, Default)]
pub struct Running(State);

#[derive(Debug, Default)]
enum State {
    #[default]
    Off,
    /// Captured at the call; opens with the first piece.
    Waiting(std::boxed::Box<Waiting>),
    Open(Open),
}

#[derive(Debug)]
struct Waiting {
    site: &'static Site,
    parent: Slot,
    parts: Vec<u8>,
}

impl Running {
    /// No span.
    #[inline(always)]
    pub const fn off() -> Self {
        Self(State::Off)
    }

    pub(super) const fn open(open: Open) -> Self {
        Self(State::Open(open))
    }

    /// Whether there is no span.
    #[inline(always)]
    pub const fn is_off(&self) -> bool {
        matches!(self.0, State::Off)
    }

    /// Whether the span is open.
    #[inline]
    pub(super) const fn is_open(&self) -> bool {
        matches!(self.0, State::Open(_))
    }

    /// Whether the span stands for a call of a language model.
    pub(super) const fn is_llm(&self) -> bool {
        match &self.0 {
            State::Off => false,
            State::Waiting(waiting) => waiting.site.is_llm(),
            State::Open(open) => open.is_llm,
        }
    }

    /// Runs one piece of the work in the span's context. When it panics, the span ends and the panic goes on.
    pub(super) fn run(&mut self, piece: &mut dyn Step) {
        match self.opened() {
            None => piece.step(),
            Some(open) => {
                if let Err(payload) = open.run(piece) {
                    self.panicked(payload);
                }
            }
        }
    }

    /// As [`run`](Self::run); when the piece was the last, ends the span by what the work shows of its result.
    pub(super) fn drive(&mut self, work: &mut dyn Work) {
        let Some(open) = self.opened() else {
            work.run();
            return;
        };
        match open.drive(work) {
            Ok(false) => {}
            Ok(true) => self.0 = State::Off,
            Err(payload) => self.panicked(payload),
        }
    }

    #[cold]
    fn panicked(&mut self, payload: Payload) {
        self.0 = State::Off;
        resume_unwind(payload);
    }

    /// The span, which opens now if it has waited until here.
    #[inline]
    fn opened(&mut self) -> Option<&mut Open> {
        if let State::Waiting(_) = self.0 {
            self.open_waiting();
        }
        match &mut self.0 {
            State::Open(open) => Some(open),
            _ => None,
        }
    }

    #[cold]
    fn open_waiting(&mut self) {
        if let State::Waiting(waiting) = std::mem::take(&mut self.0) {
            let Waiting { site, parent, parts } = *waiting;
            let outside = active::swap(parent);
            self.0 = State::Open(Open::here(site, |out| out.append(&parts)));
            active::swap(outside);
        }
    }

    /// Ends the span by what `look` finds in the result.
    pub(super) fn finish(&mut self, look: &mut dyn Look) {
        if let Some(open) = self.opened() {
            open.end(look);
            self.0 = State::Off;
        }
    }

    /// Ends the span with an error, when there is nothing that it could go on with.
    pub fn fail(&mut self, mut look: impl FnMut(&mut End<'_, '_>)) {
        self.finish(&mut look);
    }

    /// Ends the span as cancelled after `last` has run in its context; `write` adds what there was of the output.
    #[cold]
    pub(super) fn cancel(&mut self, last: &mut dyn Step, write: &mut dyn FnMut(&mut Parts<'_>)) {
        match std::mem::take(&mut self.0) {
            State::Open(open) => open.cancel(last, write),
            // Never asked for anything: there is no span.
            State::Waiting(_) | State::Off => last.step(),
        }
    }
}

impl Drop for Running {
    #[inline]
    fn drop(&mut self) {
        if self.is_open() {
            self.cancel(&mut || (), &mut nothing);
        }
    }
}

/// Captures now, under the thread's current span; the span opens with the first piece of work.
#[cold]
#[inline(never)]
pub fn prepare(span: &mut Running, site: &'static Site, values: &[Value<'_>]) {
    let mut parts = Vec::new();
    site.write(values, &mut Parts::new(&mut parts));
    span.0 = State::Waiting(std::boxed::Box::new(Waiting { site, parent: active::current(), parts }));
}

/// As [`prepare`], in another context than the running one.
#[cold]
pub fn prepare_in(span: &mut Running, site: &'static Site, base: &Base, values: &[Value<'_>]) {
    let _outside = base.attach();
    prepare(span, site, values);
}
