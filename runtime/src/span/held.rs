//! The life of a span that a future, stream or iterator owns: opened at the first step, current during each, ended with the last.

use super::open::{Opened, open};
use crate::context::active::{self, Slot};
use crate::model::{Callsite, Field, Outcome, Parts};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// A span that is not bound to a thread.
pub(super) struct Held(State);

enum State {
    /// Not begun; the parent, where it is not the context of the first step.
    Waiting(Option<Box<Slot>>),
    Open {
        opened: Opened,
        /// The context inside as the last step left it; empty during a step.
        suspended: Slot,
        /// What the code inside said when it panicked.
        panic: Option<Box<str>>,
    },
    Ended,
}

impl Held {
    /// Opens under the context of its first step.
    #[inline]
    pub(super) const fn new() -> Self {
        Self(State::Waiting(None))
    }

    /// Opens under `parent`.
    pub(super) fn under(parent: Slot) -> Self {
        Self(State::Waiting(Some(Box::new(parent))))
    }

    /// Opens the span.
    #[inline]
    pub(super) fn open(&mut self, site: &'static Callsite, capture: impl FnOnce(&mut Parts<'_>)) {
        let parent = match &mut self.0 {
            State::Waiting(parent) => parent.take(),
            _ => return,
        };
        let outer = parent.map(|parent| active::swap(*parent));
        let (opened, inside) = open(site, capture);
        let rare = if inside.has_rare() { active::rare() } else { None };
        if let Some(outer) = outer {
            active::swap(outer);
        }
        self.0 = State::Open { opened, suspended: (inside, rare), panic: None };
    }

    /// Runs one step of the code inside the span. A panic goes on as it came, after its message was read.
    #[inline]
    pub(super) fn step<R>(&mut self, step: impl FnOnce() -> R) -> R {
        let State::Open { suspended, panic, .. } = &mut self.0 else { return step() };
        active::exchange(suspended);
        let result = catch_unwind(AssertUnwindSafe(step));
        active::exchange(suspended);
        result.unwrap_or_else(|payload| {
            *panic = Some(message(&*payload).into());
            resume_unwind(payload)
        })
    }

    /// Ends the span, if it is open.
    #[inline]
    pub(super) fn close(&mut self, write: impl FnOnce(&mut Parts<'_>) -> Outcome) {
        if let State::Open { opened, .. } = std::mem::replace(&mut self.0, State::Ended) {
            opened.close(write);
        }
    }

    /// Ends the span before its time: `release` drops what it owned, inside it; then it is recorded as panicked or cancelled.
    #[inline]
    pub(super) fn abandon(&mut self, release: impl FnOnce(), write: impl FnOnce(&mut Parts<'_>)) {
        let State::Open { opened, mut suspended, panic } = std::mem::replace(&mut self.0, State::Ended) else {
            return;
        };
        let unwinding = std::thread::panicking();
        // A panic in here is a second one while the thread unwinds, which nothing survives, or the user's own in a destructor: then the
        // context is wrong, but not for longer than to the next guard.
        active::exchange(&mut suspended);
        release();
        active::exchange(&mut suspended);
        opened.close(|parts| {
            write(parts);
            if let Some(message) = &panic {
                parts.text(Field::Error, "", message);
            }
            if panic.is_some() || unwinding { Outcome::Panic } else { Outcome::Cancelled }
        });
    }
}

/// The text of a panic, where it can be read.
#[cold]
pub(super) fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("panicked")
}
