//! Functions that run from their call to their return: the span lies on the stack beside them.

use super::base::Base;
use super::end::{End, close, close_panicked};
use super::erased::{Look, Step};
use super::site::Site;
use crate::capture::Value;
use crate::context::ContextGuard;
use crate::context::active::{self, Active};
use crate::span::{Opened, open};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// The span of a running function, or nothing when nobody records.
///
/// It has nothing to do when it is dropped: [`call`] meets a panic by itself, and a destructor would be code in every annotated function.
#[derive(Debug)]
pub struct Frame {
    inside: Option<Inside>,
    /// The thread's context has to be restored on the same thread.
    not_send: PhantomData<*const ()>,
}

#[derive(Clone, Copy, Debug)]
struct Inside {
    opened: Opened,
    previous: Active,
}

impl Frame {
    /// No span.
    #[inline(always)]
    pub const fn off() -> Self {
        Self { inside: None, not_send: PhantomData }
    }

    /// Whether there is no span.
    #[inline(always)]
    pub const fn is_off(&self) -> bool {
        self.inside.is_none()
    }
}

/// Opens a span under the thread's current one and makes it current.
#[cold]
#[inline(never)]
pub fn enter(frame: &mut Frame, site: &'static Site, values: &[Value<'_>]) {
    let previous = active::get();
    let opened = open(&site.callsite, |parts| site.write(values, parts));
    active::set(opened.active);
    frame.inside = Some(Inside { opened, previous });
}

/// `parent = ..`, `session = ..`: makes another context the running one until the guard is dropped, after the span has ended.
#[cold]
pub fn attach(outside: &mut Option<ContextGuard>, base: &Base) {
    *outside = Some(base.attach());
}

/// Ends the span by what `look` finds in the result.
pub fn leave(frame: &mut Frame, mut look: impl FnMut(&mut End<'_, '_>)) {
    finish(frame, &mut look);
}

fn finish(frame: &mut Frame, look: &mut dyn Look) {
    if let Some(Inside { opened, previous }) = frame.inside.take() {
        // The user's code in here may still add to the span.
        close(opened, previous.span, look);
        active::leave(previous);
    }
}

/// Runs the body of a function that has a span.
#[cold]
#[inline(never)]
pub fn call<R, F: FnOnce() -> R>(frame: &mut Frame, body: F, look: fn(&R, &mut End<'_, '_>)) -> R {
    let mut body = Some(body);
    let mut result = None;
    run(frame, &mut || result = body.take().map(|body| body()));
    let Some(result) = result else { unreachable!("`run` returns only when the body has") };
    finish(frame, &mut |end: &mut End<'_, '_>| look(&result, end));
    result
}

fn run(frame: &mut Frame, body: &mut dyn Step) {
    // The payload goes on as it came; what the body left behind is seen by nobody but the panic's own handlers.
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| body.step())) {
        if let Some(Inside { opened, previous }) = frame.inside.take() {
            active::leave(previous);
            close_panicked(opened, previous.span, Some(&*payload));
        }
        resume_unwind(payload);
    }
}

/// Says that a closure is called once, so that it may return what it owns or borrows.
#[inline(always)]
pub fn once<R, F: FnOnce() -> R>(body: F) -> F {
    body
}

/// A frame around a body that stays where it is. Dropped without [`leave`], it ends the span: as panicked while the thread unwinds, else
/// as ok.
#[derive(Debug)]
pub struct Guard(Frame);

impl Guard {
    /// No span.
    #[inline(always)]
    pub const fn off() -> Self {
        Self(Frame::off())
    }
}

impl Deref for Guard {
    type Target = Frame;

    #[inline]
    fn deref(&self) -> &Frame {
        &self.0
    }
}

impl DerefMut for Guard {
    #[inline]
    fn deref_mut(&mut self) -> &mut Frame {
        &mut self.0
    }
}

impl Drop for Guard {
    #[inline]
    fn drop(&mut self) {
        if !self.0.is_off() {
            abandon(&mut self.0);
        }
    }
}

#[cold]
fn abandon(frame: &mut Frame) {
    if let Some(Inside { opened, previous }) = frame.inside.take() {
        active::leave(previous);
        if std::thread::panicking() {
            close_panicked(opened, previous.span, None);
        } else {
            close(opened, previous.span, &mut |_: &mut End<'_, '_>| ());
        }
    }
}
