//! The question mark in functions whose body cannot be moved into a closure: what `std::ops::Try` does, which is not stable.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::task::Poll;

/// A value that a question mark can stand after.
#[diagnostic::on_unimplemented(
    message = "the `?` operator can only be applied to values that implement `Try`",
    label = "the `?` operator cannot be applied to type `{Self}`"
)]
pub trait Branch {
    /// What goes on.
    type Output;
    /// What is returned.
    type Rest;

    /// Goes on or returns.
    fn branch(self) -> ControlFlow<Self::Rest, Self::Output>;
}

/// A value that can be returned by a question mark.
#[diagnostic::on_unimplemented(
    message = "the `?` operator returns `{R}`, which cannot become `{Self}`",
    label = "cannot use the `?` operator in a function that returns `{Self}`"
)]
pub trait FromRest<R> {
    /// What is returned.
    fn from_rest(rest: R) -> Self;
}

impl<T> Branch for Option<T> {
    type Output = T;
    type Rest = Option<Infallible>;

    fn branch(self) -> ControlFlow<Self::Rest, T> {
        self.map_or(ControlFlow::Break(None), ControlFlow::Continue)
    }
}

impl<T> FromRest<Option<Infallible>> for Option<T> {
    fn from_rest(_: Option<Infallible>) -> Self {
        None
    }
}

impl<T, E> Branch for Result<T, E> {
    type Output = T;
    type Rest = Result<Infallible, E>;

    fn branch(self) -> ControlFlow<Self::Rest, T> {
        match self {
            Ok(value) => ControlFlow::Continue(value),
            Err(error) => ControlFlow::Break(Err(error)),
        }
    }
}

impl<T, E, F: From<E>> FromRest<Result<Infallible, E>> for Result<T, F> {
    fn from_rest(rest: Result<Infallible, E>) -> Self {
        match rest {
            Err(error) => Err(F::from(error)),
            Ok(never) => match never {},
        }
    }
}

impl<B, C> Branch for ControlFlow<B, C> {
    type Output = C;
    type Rest = ControlFlow<B, Infallible>;

    fn branch(self) -> ControlFlow<Self::Rest, C> {
        match self {
            Self::Continue(value) => ControlFlow::Continue(value),
            Self::Break(rest) => ControlFlow::Break(ControlFlow::Break(rest)),
        }
    }
}

impl<B, C> FromRest<ControlFlow<B, Infallible>> for ControlFlow<B, C> {
    fn from_rest(rest: ControlFlow<B, Infallible>) -> Self {
        match rest {
            ControlFlow::Break(rest) => Self::Break(rest),
            ControlFlow::Continue(never) => match never {},
        }
    }
}

impl<T, E> Branch for Poll<Result<T, E>> {
    type Output = Poll<T>;
    type Rest = Result<Infallible, E>;

    fn branch(self) -> ControlFlow<Self::Rest, Poll<T>> {
        match self {
            Self::Ready(Ok(value)) => ControlFlow::Continue(Poll::Ready(value)),
            Self::Ready(Err(error)) => ControlFlow::Break(Err(error)),
            Self::Pending => ControlFlow::Continue(Poll::Pending),
        }
    }
}

impl<T, E, F: From<E>> FromRest<Result<Infallible, E>> for Poll<Result<T, F>> {
    fn from_rest(rest: Result<Infallible, E>) -> Self {
        Poll::Ready(Result::from_rest(rest))
    }
}
