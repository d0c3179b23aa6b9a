//! What is recorded when a span closes.

use super::failure;
use super::site::put;
use crate::capture::Value;
use crate::model::{Field, Outcome, Parts, SpanId, Usage, clock, scratch};
use crate::span::Opened;
use std::any::Any;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The record of a span's end while it is being written.
pub struct End<'p, 'b> {
    parts: &'p mut Parts<'b>,
    outcome: Outcome,
    /// It is one of several: in a list, a missing value has its place.
    one_of_many: bool,
}

impl std::fmt::Debug for End<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("End").field("outcome", &self.outcome).finish_non_exhaustive()
    }
}

impl<'p, 'b> End<'p, 'b> {
    pub(super) fn new(parts: &'p mut Parts<'b>) -> Self {
        Self { parts, outcome: Outcome::Ok, one_of_many: false }
    }

    /// For one item of a stream or iterator.
    pub(super) fn of_item(parts: &'p mut Parts<'b>) -> Self {
        Self { one_of_many: true, ..Self::new(parts) }
    }

    pub(super) fn is_error(&self) -> bool {
        self.outcome == Outcome::Error
    }

    pub(super) fn parts(&mut self) -> &mut Parts<'b> {
        self.parts
    }

    /// Ends with an error whose parts were written elsewhere.
    pub(super) fn fail(&mut self, parts: &[u8]) {
        self.outcome = Outcome::Error;
        self.parts.append(parts);
    }

    /// The output. No value is no output, so that what the body set itself stays.
    pub fn output(&mut self, value: Value<'_>) {
        if self.one_of_many || !matches!(value, Value::Null) {
            put(Field::Output, "", &value, self.parts);
        }
    }

    /// The function returned an error.
    pub fn error(&mut self, value: Value<'_>) {
        self.outcome = Outcome::Error;
        put(Field::Error, "", &value, self.parts);
    }

    /// `status_code = ..`
    pub fn status_code(&mut self, code: impl StatusCode) {
        if let Some(code) = code.status_code() {
            self.parts.uint(Field::StatusCode, "", code.into());
        }
    }

    /// `cache_hit = ..`
    pub fn cache_hit(&mut self, hit: impl CacheHit) {
        if let Some(hit) = hit.cache_hit() {
            self.parts.bool(Field::Metadata, "cache.hit", hit);
        }
    }

    /// `usage = ..`
    pub fn usage(&mut self, usage: impl Tokens) {
        for (name, figure) in usage.usage().iter().flat_map(Usage::metrics) {
            self.parts.uint(Field::Metric, name, figure);
        }
    }
}

/// Ends a span by what `look` finds in the result. A panic in it (in the user's `output = ..`) costs the output, not the program.
#[inline(always)]
pub(super) fn close(opened: &Opened, parent: SpanId, mut look: impl FnMut(&mut End<'_, '_>)) {
    if !opened.recorded {
        return;
    }
    // Before the capture, which is not the span's work.
    let time = clock::now();
    let mut bytes = Vec::new();
    let mut parts = Parts::lent(&mut bytes);
    let mut end = End::new(&mut parts);
    let looked = catch_unwind(AssertUnwindSafe(|| look(&mut end)));
    let outcome = end.outcome;
    if looked.is_err() {
        parts.text(Field::Metadata, "galileo.capture", "panicked");
    }
    if outcome != Outcome::Ok || failure::is_pending() {
        settle(outcome, opened.span, parent, &mut parts);
    }
    if bytes.capacity() == 0 {
        return opened.close_plain(outcome, time, &[]);
    }
    opened.close_plain(outcome, time, &bytes);
    scratch::keep(bytes);
}

/// Ends a span as panicked.
#[cold]
pub(super) fn close_panicked(opened: &Opened, parent: SpanId, payload: Option<&(dyn Any + Send)>) {
    opened.close(|parts| {
        let text = payload.and_then(|payload| {
            payload
                .downcast_ref::<&'static str>()
                .copied()
                .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        });
        put(Field::Error, "", &Value::Text(text.unwrap_or("panicked")), parts);
        settle(Outcome::Panic, opened.span, parent, parts)
    });
}

/// Ends the span of a future or stream that was dropped before its end.
#[cold]
pub(super) fn close_cancelled(opened: &Opened, write: &mut dyn FnMut(&mut Parts<'_>)) {
    opened.close(|parts| {
        write(parts);
        Outcome::Cancelled
    });
}

#[cold]
#[inline(never)]
fn settle(outcome: Outcome, span: SpanId, parent: SpanId, parts: &mut Parts<'_>) -> Outcome {
    if outcome == Outcome::Ok {
        failure::succeeded(parent);
    } else if failure::failed(span, parent) {
        parts.flag(Field::ErrorOrigin);
    }
    outcome
}

/// A result that is looked at: value or error. For types other than `Result` the method of `AnyReturned` is found instead.
#[derive(Debug)]
pub struct Returned<'a, R>(AnyReturned<'a, R>);

/// A result of any type: it is the value.
#[derive(Debug)]
pub struct AnyReturned<'a, R>(&'a R);

/// The error of functions that return no `Result`: there is none.
#[derive(Debug)]
pub enum NoError {}

impl<'a, R> Returned<'a, R> {
    /// Looks at a result.
    #[inline]
    pub fn new(result: &'a R) -> Self {
        Self(AnyReturned(result))
    }
}

impl<'a, T, E> Returned<'a, Result<T, E>> {
    /// Value or error.
    #[inline]
    pub fn split(&self) -> Result<&'a T, &'a E> {
        self.0.0.as_ref()
    }
}

impl<'a, R> Deref for Returned<'a, R> {
    type Target = AnyReturned<'a, R>;

    #[inline]
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<'a, R> AnyReturned<'a, R> {
    /// The value.
    #[inline]
    pub fn split(&self) -> Result<&'a R, &'a NoError> {
        Ok(self.0)
    }
}

/// What `status_code = ..` may yield: an unsigned number, `http::StatusCode`, or `None` for the default.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no status code",
    label = "expected a number, `http::StatusCode`, or an `Option` of one"
)]
pub trait StatusCode {
    /// The code.
    fn status_code(self) -> Option<u16>;
}

macro_rules! status_code {
    ($($ty:ty),+) => {$(
        impl StatusCode for $ty {
            fn status_code(self) -> Option<u16> {
                u16::try_from(self).ok()
            }
        }
    )+};
}

status_code!(u16, u32, u64, i32, i64);

impl StatusCode for http::StatusCode {
    fn status_code(self) -> Option<u16> {
        Some(self.as_u16())
    }
}

impl<S: StatusCode> StatusCode for Option<S> {
    fn status_code(self) -> Option<u16> {
        self.and_then(S::status_code)
    }
}

/// What `cache_hit = ..` may yield: a truth value, or `None` when it is not known.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say whether the cache was hit",
    label = "expected `bool` or `Option<bool>`"
)]
pub trait CacheHit {
    /// The answer.
    fn cache_hit(self) -> Option<bool>;
}

impl CacheHit for bool {
    fn cache_hit(self) -> Option<bool> {
        Some(self)
    }
}

impl CacheHit for Option<bool> {
    fn cache_hit(self) -> Self {
        self
    }
}

/// What `usage = ..` may yield: a [`Usage`], a pair of input and output tokens, or `None`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no token usage",
    label = "expected `galileo::Usage`, a pair of input and output tokens, or an `Option` of one"
)]
pub trait Tokens {
    /// The usage.
    fn usage(self) -> Option<Usage>;
}

impl Tokens for Usage {
    fn usage(self) -> Option<Usage> {
        Some(self)
    }
}

macro_rules! tokens {
    ($($ty:ty),+) => {$(
        impl Tokens for ($ty, $ty) {
            fn usage(self) -> Option<Usage> {
                Some(Usage::tokens(self.0 as u64, self.1 as u64))
            }
        }
    )+};
}

tokens!(i32, u32, u64, usize);

impl<T: Tokens> Tokens for Option<T> {
    fn usage(self) -> Option<Usage> {
        self.and_then(T::usage)
    }
}
