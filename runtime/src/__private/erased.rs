//! What the shared code is given by each annotated function.
//!
//! Traits of our own instead of `dyn FnMut`: the table of a closure that is passed as `dyn FnMut` also holds a way to call it by value,
//! which is two more functions for each annotated one.

use super::end::End;
use crate::model::Parts;

/// A piece of the user's work.
pub(super) trait Step {
    fn step(&mut self);
}

impl<F: FnMut()> Step for F {
    #[inline]
    fn step(&mut self) {
        self();
    }
}

/// A look at a result.
pub(super) trait Look {
    fn look(&mut self, end: &mut End<'_, '_>);
}

impl<F: FnMut(&mut End<'_, '_>)> Look for F {
    #[inline]
    fn look(&mut self, end: &mut End<'_, '_>) {
        self(end);
    }
}

/// Work that is done in pieces.
pub(super) trait Work {
    /// Does one; `true` when it was the last.
    fn run(&mut self) -> bool;
    /// Shows the result, once there is one.
    fn look(&self, end: &mut End<'_, '_>);
}

/// For spans that gathered nothing.
pub(super) fn nothing(_: &mut Parts<'_>) {}
