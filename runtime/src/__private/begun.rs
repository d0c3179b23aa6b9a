//! The span of an `async` body, from the function's first poll on.

use super::base::Base;
use super::erased::{Work, nothing};
use super::open::Open;
use super::running::Running;
use super::site::Site;
use crate::capture::Value;
use crate::context::active;
use crate::model::{Parts, scratch};
use crate::span::{is_plain, open_plain};
use std::panic::resume_unwind;

/// An open span, or nothing when nobody records.
///
/// It stays where it is made, beside the body, and is dropped after it; dropped before its end, it ends the span as cancelled.
#[derive(Debug)]
pub struct Begun(Option<Open>);

impl Begun {
    /// No span.
    #[inline(always)]
    pub const fn off() -> Self {
        Self(None)
    }

    /// Whether there is no span.
    #[inline(always)]
    pub const fn is_off(&self) -> bool {
        self.0.is_none()
    }

    /// The span of a stream or iterator that the function returns.
    #[inline]
    #[must_use]
    pub fn into_running(mut self) -> Running {
        self.0.take().map_or_else(Running::off, Running::open)
    }

    /// Runs one piece of the work in the span's context; when it was the last, ends the span by what the work shows of its result. When it
    /// panics, the span ends and the panic goes on.
    #[inline(never)]
    pub(super) fn drive(&mut self, work: &mut dyn Work) {
        let Some(open) = &mut self.0 else {
            work.run();
            return;
        };
        match open.drive(work) {
            Ok(false) => {}
            Ok(true) => std::mem::forget(self.0.take()),
            Err(payload) => {
                self.0 = None;
                resume_unwind(payload);
            }
        }
    }

    /// Enters the span, in which the body is dropped next.
    #[cold]
    #[inline(never)]
    pub(super) fn abandon(&mut self) {
        if let Some(open) = &mut self.0 {
            open.enter();
        }
    }

    #[cold]
    #[inline(never)]
    fn cancel(&mut self) {
        if let Some(open) = self.0.take() {
            open.cancel(&mut || (), &mut nothing);
        }
    }
}

impl Drop for Begun {
    #[inline(always)]
    fn drop(&mut self) {
        if !self.is_off() {
            self.cancel();
        }
    }
}

/// Opens a span under the thread's current one, for work whose first piece follows at once: the thread may be inside already.
#[inline(never)]
pub fn begin(span: &mut Begun, site: &'static Site, values: &[Value<'_>]) {
    if !is_plain() {
        return begin_anywhere(span, site, values);
    }
    if values.is_empty() {
        return begin_empty(span, site);
    }
    let mut bytes = Vec::new();
    site.write(values, &mut Parts::lent(&mut bytes));
    begin_captured(span, site, &bytes);
    scratch::keep(bytes);
}

#[inline(never)]
fn begin_empty(span: &mut Begun, site: &'static Site) {
    begin_plain(span, site, &[]);
}

#[inline(never)]
fn begin_captured(span: &mut Begun, site: &'static Site, bytes: &[u8]) {
    begin_plain(span, site, bytes);
}

#[inline(always)]
fn begin_plain(span: &mut Begun, site: &'static Site, bytes: &[u8]) {
    match open_plain(&site.callsite, bytes) {
        Some((opened, outside, inside)) => {
            active::set(inside);
            span.0 = Some(Open::entered(site, opened, outside));
        }
        None => begin_slowly(span, site, bytes),
    }
}

#[cold]
#[inline(never)]
fn begin_slowly(span: &mut Begun, site: &'static Site, bytes: &[u8]) {
    span.0 = Some(Open::here_captured(site, bytes));
}

#[inline(never)]
fn begin_anywhere(span: &mut Begun, site: &'static Site, values: &[Value<'_>]) {
    span.0 = Some(Open::here(site, |parts| site.write(values, parts)));
}

/// As [`begin`], in another context than the running one.
#[cold]
pub fn begin_in(span: &mut Begun, site: &'static Site, base: &Base, values: &[Value<'_>]) {
    let _outside = base.attach();
    // Not entered: that has to wait until the context outside is the running one again.
    begin_anywhere(span, site, values);
}
