//! Functions that run from their call to their return: the span lies on the stack beside them.

use super::base::Base;
use super::end::{End, close, close_panicked};
use super::erased::Look;
use super::site::Site;
use crate::capture::Value;
use crate::context::ContextGuard;
use crate::context::active;
use crate::model::{Parts, scratch};
use crate::span::{self, Entry};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// The span of a running function, or nothing when nobody records.
///
/// It has nothing to do when it is dropped: [`call`] meets a panic by itself, and a destructor would be code in every annotated function.
#[derive(Debug)]
pub struct Frame {
    inside: Option<Entry>,
    /// The thread's context has to be restored on the same thread.
    not_send: PhantomData<*const ()>,
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
#[inline(never)]
pub fn enter(frame: &mut Frame, site: &'static Site, values: &[Value<'_>]) {
    if !span::is_plain() {
        return enter_anywhere(frame, site, values);
    }
    if values.is_empty() {
        return enter_empty(frame, site);
    }
    let mut bytes = Vec::new();
    site.write(values, &mut Parts::lent(&mut bytes));
    enter_captured(frame, site, &bytes);
    scratch::keep(bytes);
}

#[inline(never)]
fn enter_empty(frame: &mut Frame, site: &'static Site) {
    enter_plain(frame, site, &[]);
}

#[inline(never)]
fn enter_captured(frame: &mut Frame, site: &'static Site, bytes: &[u8]) {
    enter_plain(frame, site, bytes);
}

#[inline(always)]
fn enter_plain(frame: &mut Frame, site: &'static Site, bytes: &[u8]) {
    match span::open_plain(&site.callsite, bytes) {
        Some((opened, previous, inside)) => {
            active::set(inside);
            frame.inside = Some(Entry { opened, previous });
        }
        None => enter_slowly(frame, site, bytes),
    }
}

#[cold]
#[inline(never)]
fn enter_slowly(frame: &mut Frame, site: &'static Site, bytes: &[u8]) {
    let (opened, inside) = span::open_captured(&site.callsite, bytes);
    frame.inside = Some(Entry { opened, previous: active::replace(inside) });
}

#[inline(never)]
fn enter_anywhere(frame: &mut Frame, site: &'static Site, values: &[Value<'_>]) {
    frame.inside = Some(span::enter(&site.callsite, |parts| site.write(values, parts)));
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

#[inline(never)]
fn finish(frame: &mut Frame, look: &mut dyn Look) {
    finish_here(frame, |end| look.look(end));
}

#[inline(always)]
fn finish_here(frame: &mut Frame, look: impl FnMut(&mut End<'_, '_>)) {
    if let Some(Entry { opened, previous }) = &frame.inside {
        // The user's code in here may still add to the span.
        close(opened, previous.span, look);
        active::leave(*previous);
        frame.inside = None;
    }
}

/// Runs the body of a function that has a span.
#[cold]
#[inline(never)]
pub fn call<R, F: FnOnce() -> R>(frame: &mut Frame, body: F, look: fn(&R, &mut End<'_, '_>)) -> R {
    let (mut body, mut result) = (Some(body), None);
    around(frame, &mut Call { body: &mut body, result: &mut result, look });
    let Some(result) = result else { unreachable!("`around` returns only when the body has") };
    result
}

/// A function's body and what is to be made of its result. Borrowed, so that it needs no destructor.
struct Call<'a, F, R> {
    body: &'a mut Option<F>,
    result: &'a mut Option<R>,
    look: fn(&R, &mut End<'_, '_>),
}

/// A [`Call`] of any type.
trait Body {
    fn run(&mut self);
    fn look(&self, end: &mut End<'_, '_>);
}

impl<R, F: FnOnce() -> R> Body for Call<'_, F, R> {
    fn run(&mut self) {
        *self.result = self.body.take().map(|body| body());
    }

    fn look(&self, end: &mut End<'_, '_>) {
        if let Some(result) = &self.result {
            (self.look)(result, end);
        }
    }
}

/// Runs a body inside the span and ends the span.
fn around(frame: &mut Frame, body: &mut dyn Body) {
    // The payload goes on as it came; what the body left behind is seen by nobody but the panic's own handlers.
    match catch_unwind(AssertUnwindSafe(|| body.run())) {
        Ok(()) => finish_here(frame, |end| body.look(end)),
        Err(payload) => {
            if let Some(Entry { opened, previous }) = frame.inside.take() {
                active::leave(previous);
                close_panicked(&opened, previous.span, Some(&*payload));
            }
            resume_unwind(payload);
        }
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
    if let Some(Entry { opened, previous }) = frame.inside.take() {
        active::leave(previous);
        if std::thread::panicking() {
            close_panicked(&opened, previous.span, None);
        } else {
            close(&opened, previous.span, |_| ());
        }
    }
}
