//! Futures that own a span.

use super::begun::Begun;
use super::end::End;
use super::erased::{Work, nothing};
use super::running::Running;
use futures::future::FusedFuture;
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

pin_project! {
    /// The future of an annotated function: runs in its span, ends the span with its result.
    pub struct Task<F: Future> {
        #[pin]
        future: Option<F>,
        span: Running,
        look: fn(&F::Output, &mut End<'_, '_>),
    }

    impl<F: Future> PinnedDrop for Task<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.span.is_open() {
                // What the future owns may be spans; they end inside this one.
                this.span.cancel(&mut || this.future.set(None), &mut nothing);
            }
        }
    }
}

impl<F: Future> Task<F> {
    /// A future that runs in `span`; `look` is shown the result.
    #[inline]
    pub fn new(span: Running, future: F, look: fn(&F::Output, &mut End<'_, '_>)) -> Self {
        Self { future: Some(future), span, look }
    }
}

// Not by way of `Handover`: each move of the span is code in every annotated function.
impl<F: Future> Future for Task<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        // Only dropping takes the future out, and nobody polls after that.
        let Some(future) = this.future.as_pin_mut() else { return Poll::Pending };
        if this.span.is_off() {
            return poll(future, cx);
        }
        let mut state = Poll::Pending;
        this.span.drive(&mut Polling { future, cx, state: &mut state, look: *this.look });
        state
    }
}

/// A body whose future is at most so large is polled where it is waited for.
const SMALL: usize = 64;

/// Polls a body. It is waited for at two places, with a span and without one, and its code should stand in the program once; where it
/// is short, a call would cost more than a copy.
#[inline(always)]
fn poll<F: Future>(body: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
    #[inline(never)]
    fn at_one_place<F: Future>(body: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
        body.poll(cx)
    }
    if size_of::<F>() <= SMALL { body.poll(cx) } else { at_one_place(body, cx) }
}

/// One poll of a [`Task`]. Borrowed, so that it needs no destructor.
struct Polling<'a, 'b, F: Future> {
    future: Pin<&'a mut F>,
    cx: &'a mut Context<'b>,
    state: &'a mut Poll<F::Output>,
    look: fn(&F::Output, &mut End<'_, '_>),
}

impl<F: Future> Work for Polling<'_, '_, F> {
    #[inline]
    fn run(&mut self) -> bool {
        *self.state = poll(self.future.as_mut(), self.cx);
        self.state.is_ready()
    }

    fn look(&self, end: &mut End<'_, '_>) {
        if let Poll::Ready(output) = &self.state {
            (self.look)(output, end);
        }
    }
}

/// What an annotated `async fn` waits for while nobody records: its body.
///
/// By callgrind, in release, this adds 41 instructions to a function that is polled once and 49 to 72 to one that is polled twice, 3 more in
/// an unsampled trace. What bounds it is that an `async fn` can only run code of ours at each poll by waiting for a second state machine:
/// a jump through two tables instead of one, and each argument moved once.
pub struct Alone<'a, F>(Pin<&'a mut F>);

impl<'a, F: Future> Alone<'a, F> {
    /// Runs `body`.
    #[inline(always)]
    pub fn new(body: Pin<&'a mut F>) -> Self {
        Self(body)
    }
}

impl<F: Future> Future for Alone<'_, F> {
    type Output = F::Output;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        poll(self.0.as_mut(), cx)
    }
}

impl<F> fmt::Debug for Alone<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alone").finish_non_exhaustive()
    }
}

/// What an annotated `async fn` waits for while somebody records: its body, in its span.
///
/// Body and span lie beside this in the function's own future and are dropped after it, the body first: that way neither is moved, and a
/// function whose calls nobody records waits for its body itself.
pub struct Within<'a, F: Future> {
    span: &'a mut Begun,
    body: Pin<&'a mut F>,
    look: fn(&F::Output, &mut End<'_, '_>),
}

impl<'a, F: Future> Within<'a, F> {
    /// Runs `body` in `span`, which has to be dropped after it; `look` is shown the result.
    #[inline(always)]
    pub fn new(span: &'a mut Begun, body: Pin<&'a mut F>, look: fn(&F::Output, &mut End<'_, '_>)) -> Self {
        Self { span, body, look }
    }
}

impl<F: Future> Future for Within<'_, F> {
    type Output = F::Output;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let mut state = Poll::Pending;
        this.span.drive(&mut Polling { future: this.body.as_mut(), cx, state: &mut state, look: this.look });
        state
    }
}

impl<F: Future> Drop for Within<'_, F> {
    #[inline]
    fn drop(&mut self) {
        if !self.span.is_off() {
            // What the body owns may be spans; they end inside this one.
            self.span.abandon();
        }
    }
}

impl<F: Future> fmt::Debug for Within<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Within").finish_non_exhaustive()
    }
}

impl<F: FusedFuture> FusedFuture for Task<F> {
    fn is_terminated(&self) -> bool {
        self.future.as_ref().is_none_or(F::is_terminated)
    }
}

impl<F: Future> fmt::Debug for Task<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").finish_non_exhaustive()
    }
}

pin_project! {
    /// A future that runs in a span and hands the span on, still open, with its result.
    pub struct Handover<F> {
        #[pin]
        future: Option<F>,
        span: Running,
    }

    impl<F> PinnedDrop for Handover<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.span.is_open() {
                // What the future owns may be spans; they end inside this one.
                this.span.cancel(&mut || this.future.set(None), &mut nothing);
            }
        }
    }
}

impl<F> Handover<F> {
    /// A future that runs in `span`.
    #[inline]
    pub fn new(span: Running, future: F) -> Self {
        Self { future: Some(future), span }
    }
}

impl<F: Future> Future for Handover<F> {
    type Output = (F::Output, Running);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        // Only dropping takes the future out, and nobody polls after that.
        let Some(mut future) = this.future.as_mut().as_pin_mut() else { return Poll::Pending };
        let mut state = Poll::Pending;
        if this.span.is_off() {
            state = future.poll(cx);
        } else {
            this.span.run(&mut || state = future.as_mut().poll(cx));
        }
        state.map(|output| (output, std::mem::take(this.span)))
    }
}

impl<F> fmt::Debug for Handover<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handover").finish_non_exhaustive()
    }
}

/// Tells the compiler the type of an `async` block's result; never called.
pub fn never<R>() -> R {
    unreachable!("stands behind `if false`")
}

/// Tells the compiler what a future resolves to.
#[inline(always)]
pub fn resolves_to<R, F: Future<Output = R>>(future: F) -> F {
    future
}
