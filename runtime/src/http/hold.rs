//! Something that is held back until all spans have been delivered: the last piece of a response.

use crate::pipeline::flush::{Delivered, delivered};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A value and what it waits for.
#[derive(Debug)]
pub(super) struct HeldBack<T>(Option<(Delivered, T)>);

impl<T> Default for HeldBack<T> {
    fn default() -> Self {
        Self(None)
    }
}

// Nothing in here is ever pinned.
impl<T> Unpin for HeldBack<T> {}

impl<T> HeldBack<T> {
    /// Holds `value` back from now on.
    pub(super) fn hold(&mut self, value: T) {
        self.0 = Some((delivered(), value));
    }

    /// Whether nothing is held.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The value, once everything is delivered; nothing at once, when nothing is held.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        if let Some((waiting, _)) = &mut self.0 {
            ready!(Pin::new(waiting).poll(cx));
        }
        Poll::Ready(self.0.take().map(|(_, value)| value))
    }
}
