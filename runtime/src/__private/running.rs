//! The span of something that runs in pieces: a future, a stream, an iterator.

use super::base::Base;
use super::end::{End, close, close_cancelled, close_panicked};
use super::erased::{Look, Step, nothing};
use super::site::Site;
use crate::capture::Value;
use crate::context::active::{self, Slot};
use crate::model::{Parts, SpanId, scratch};
use crate::span::{Opened, is_plain, open, open_plain};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Work that is done in pieces.
pub(super) trait Work {
    /// Does one; `true` when it was the last.
    fn run(&mut self) -> bool;
    /// Shows the result, once there is one.
    fn look(&self, end: &mut End<'_, '_>);
}

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
    Open {
        site: &'static Site,
        opened: Opened,
        parent: SpanId,
        /// The context inside as the last piece left it; empty while one runs.
        suspended: Slot,
    },
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

    /// Whether there is no span.
    #[inline(always)]
    pub const fn is_off(&self) -> bool {
        matches!(self.0, State::Off)
    }

    /// Whether the span is open.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.0, State::Open { .. })
    }

    /// What the span stands for, if there is a span.
    pub(super) fn site(&self) -> Option<&'static Site> {
        match &self.0 {
            State::Off => None,
            State::Waiting(waiting) => Some(waiting.site),
            State::Open { site, .. } => Some(site),
        }
    }

    /// Runs one piece of the work in the span's context. When it panics, the span ends and the panic goes on.
    pub(super) fn run(&mut self, piece: &mut dyn Step) {
        self.open();
        let State::Open { suspended, .. } = &mut self.0 else { return piece.step() };
        active::exchange(suspended);
        let result = catch_unwind(AssertUnwindSafe(|| piece.step()));
        active::exchange(suspended);
        if let Err(payload) = result {
            self.panicked(payload);
        }
    }

    /// As [`run`](Self::run); when the piece was the last, ends the span by what the work shows of its result.
    pub(super) fn drive(&mut self, work: &mut dyn Work) {
        self.open();
        let State::Open { opened, suspended, parent, .. } = &mut self.0 else {
            work.run();
            return;
        };
        active::exchange(suspended);
        match catch_unwind(AssertUnwindSafe(|| work.run())) {
            Ok(false) => active::exchange(suspended),
            Ok(true) => {
                // Still inside: the user's code in here may add to the span.
                close(opened, *parent, |end| work.look(end));
                active::exchange(suspended);
                self.0 = State::Off;
            }
            Err(payload) => {
                active::exchange(suspended);
                self.panicked(payload);
            }
        }
    }

    #[cold]
    fn panicked(&mut self, payload: std::boxed::Box<dyn Any + Send>) {
        if let State::Open { opened, parent, .. } = std::mem::take(&mut self.0) {
            close_panicked(&opened, parent, Some(&*payload));
        }
        resume_unwind(payload);
    }

    #[inline]
    fn open(&mut self) {
        if let State::Waiting(_) = self.0 {
            self.open_waiting();
        }
    }

    #[cold]
    fn open_waiting(&mut self) {
        if let State::Waiting(waiting) = std::mem::take(&mut self.0) {
            let Waiting { site, parent, parts } = *waiting;
            let outside = active::swap(parent);
            self.0 = State::open_here(site, |out| out.append(&parts));
            active::swap(outside);
        }
    }

    /// Ends the span by what `look` finds in the result.
    pub(super) fn finish(&mut self, look: &mut dyn Look) {
        self.open();
        if let State::Open { opened, parent, suspended, .. } = &mut self.0 {
            // The user's code in here may still add to the span.
            active::exchange(suspended);
            close(opened, *parent, |end| look.look(end));
            active::exchange(suspended);
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
            State::Open { opened, suspended, .. } => {
                let previous = active::swap(suspended);
                last.step();
                active::swap(previous);
                // Also while the thread unwinds: a panic of its own has ended the span in `run`, so this one is another's.
                close_cancelled(&opened, write);
            }
            // Never asked for anything: there is no span.
            State::Waiting(_) | State::Off => last.step(),
        }
    }
}

impl State {
    fn open_here(site: &'static Site, write: impl FnOnce(&mut Parts<'_>)) -> Self {
        let parent = active::get().span;
        let (opened, inside) = open(&site.callsite, write);
        let rare = if inside.has_rare() { active::rare() } else { None };
        Self::Open { site, opened, parent, suspended: (inside, rare) }
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

/// Opens a span now, under the thread's current one, without entering it.
#[inline(never)]
pub fn start(span: &mut Running, site: &'static Site, values: &[Value<'_>]) {
    if !is_plain() {
        return start_anywhere(span, site, values);
    }
    if values.is_empty() {
        return start_empty(span, site);
    }
    let mut bytes = Vec::new();
    site.write(values, &mut Parts::lent(&mut bytes));
    start_captured(span, site, &bytes);
    scratch::keep(bytes);
}

#[inline(never)]
fn start_empty(span: &mut Running, site: &'static Site) {
    start_plain(span, site, &[]);
}

#[inline(never)]
fn start_captured(span: &mut Running, site: &'static Site, bytes: &[u8]) {
    start_plain(span, site, bytes);
}

#[inline(always)]
fn start_plain(span: &mut Running, site: &'static Site, bytes: &[u8]) {
    match open_plain(&site.callsite, bytes) {
        Some((opened, outside, inside)) => {
            span.0 = State::Open { site, opened, parent: outside.span, suspended: (inside, None) };
        }
        None => start_slowly(span, site, bytes),
    }
}

#[cold]
#[inline(never)]
fn start_slowly(span: &mut Running, site: &'static Site, bytes: &[u8]) {
    span.0 = State::open_here(site, |parts| parts.append(bytes));
}

#[inline(never)]
fn start_anywhere(span: &mut Running, site: &'static Site, values: &[Value<'_>]) {
    span.0 = State::open_here(site, |parts| site.write(values, parts));
}

/// Captures now, under the thread's current span; the span opens with the first piece of work.
#[cold]
#[inline(never)]
pub fn prepare(span: &mut Running, site: &'static Site, values: &[Value<'_>]) {
    let mut parts = Vec::new();
    site.write(values, &mut Parts::new(&mut parts));
    span.0 = State::Waiting(std::boxed::Box::new(Waiting { site, parent: active::current(), parts }));
}

/// As [`start`], in another context than the running one.
#[cold]
pub fn start_in(span: &mut Running, site: &'static Site, base: &Base, values: &[Value<'_>]) {
    let _outside = base.attach();
    start(span, site, values);
}

/// As [`prepare`], in another context than the running one.
#[cold]
pub fn prepare_in(span: &mut Running, site: &'static Site, base: &Base, values: &[Value<'_>]) {
    let _outside = base.attach();
    prepare(span, site, values);
}
