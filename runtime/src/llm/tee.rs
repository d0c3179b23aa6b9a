//! A body whose bytes are seen as they pass.

use super::call::Call;
use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::fmt::Display;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

/// A call that its request and its answer share.
pub(super) type Shared = Arc<Mutex<Call>>;

pub(super) fn lock(call: &Shared) -> MutexGuard<'_, Call> {
    // A call is written to in steps that each leave it whole.
    call.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Request,
    Answer,
}

pin_project! {
    /// A request's or an answer's body that passes on every frame as it comes.
    #[derive(Debug)]
    pub struct Tee<B> {
        #[pin]
        inner: B,
        call: Option<Shared>,
        side: Side,
    }

    impl<B> PinnedDrop for Tee<B> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if let Some(call) = this.call.take().filter(|_| *this.side == Side::Answer) {
                lock(&call).let_go();
            }
        }
    }
}

impl<B> Tee<B> {
    pub(super) fn new(inner: B, call: Option<Shared>, side: Side) -> Self {
        Self { inner, call, side }
    }
}

impl<B> Body for Tee<B>
where
    B: Body,
    B::Error: Display,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.inner.as_mut().poll_frame(cx));
        let Some(call) = this.call else { return Poll::Ready(frame) };
        let answer = *this.side == Side::Answer;
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    let mut call = lock(call);
                    each_chunk(data, |bytes| if answer { call.received(bytes) } else { call.sent(bytes) });
                }
                // Nobody asks for the end of a body whose length was known.
                if answer && this.inner.is_end_stream() {
                    lock(call).end();
                }
            }
            Some(Err(error)) => lock(call).fail(error),
            None if answer => lock(call).end(),
            None => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Shows the bytes without taking them out.
fn each_chunk(data: &impl Buf, mut see: impl FnMut(&[u8])) {
    if data.chunk().len() == data.remaining() {
        return see(data.chunk());
    }
    // A buffer in more pieces than these is cut; its JSON is then unreadable, and the span goes without its content.
    let mut pieces = [IoSlice::new(&[]); 64];
    let found = data.chunks_vectored(&mut pieces);
    pieces.iter().take(found).for_each(|piece| see(piece));
}
