//! How the span is wound around the function.

use super::early;
use super::result::{Flow, Kind, Returns};
use crate::parse::InputFn;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// When values are captured and when the span opens and closes.
pub(crate) enum Shape {
    /// The body runs in a closure, so that `return` and `?` come back to us.
    Sync,
    /// `-> !`, and `-> impl Fn(..)`: the body stays where it is. Nothing comes back, or nothing that could be recorded, and the compiler
    /// understands a closure's parameters only where it is returned.
    Guarded,
    /// `#[track_caller]`: inside a closure the caller's location would be lost, so the body becomes a block and what leaves the function
    /// early leaves the block.
    InPlace(early::Body),
    /// `async fn`: everything happens at the first poll.
    Async,
    /// The body is `async move { .. }`, boxed or not, as `#[async_trait]` makes it: as if it were an `async fn`.
    AsyncBlock {
        /// What stands before the block, such as `Box::pin`; empty when it is not boxed.
        before: TokenStream,
        /// The tokens between `async` and the braces.
        capture: TokenStream,
        block: Group,
    },
    /// A future, stream or iterator is returned: values are captured at the call, the span opens when it is first asked.
    Returned,
}

impl Shape {
    pub(crate) fn of(input: &InputFn, returns: &Returns) -> Self {
        if input.sig.asyncness.is_some() {
            return Self::Async;
        }
        if returns.never || returns.closure {
            return Self::Guarded;
        }
        if input.attrs.iter().any(|attr| attr.path().is_ident("track_caller")) && returns.lazy().is_none() {
            return Self::InPlace(early::Body::of(&input.body));
        }
        match &returns.flow {
            Flow::Value => Self::Sync,
            Flow::Lazy { kind: Kind::Future, fallible: false, .. } => match async_block(&input.body) {
                Some((before, capture, block)) => Self::AsyncBlock { before, capture, block },
                None => Self::Returned,
            },
            Flow::Lazy { .. } => Self::Returned,
        }
    }
}

/// Finds out whether a body is nothing but `async move { .. }` or `Box::pin(async move { .. })`.
fn async_block(body: &TokenStream) -> Option<(TokenStream, TokenStream, Group)> {
    let tokens: Vec<TokenTree> = body.clone().into_iter().collect();
    match tokens.as_slice() {
        [TokenTree::Ident(first), TokenTree::Ident(second), TokenTree::Group(block)]
            if first == "async" && second == "move" && block.delimiter() == Delimiter::Brace =>
        {
            Some((TokenStream::new(), TokenTree::Ident(second.clone()).into(), block.clone()))
        }
        [path @ .., TokenTree::Ident(pin), TokenTree::Group(argument)]
            if pin == "pin" && argument.delimiter() == Delimiter::Parenthesis && is_box(path) =>
        {
            let (inner, capture, block) = async_block(&argument.stream())?;
            let before = path.iter().cloned().chain([TokenTree::Ident(pin.clone())]).collect();
            inner.is_empty().then_some((before, capture, block))
        }
        _ => None,
    }
}

/// `Box::`, with or without a path before it.
fn is_box(path: &[TokenTree]) -> bool {
    let simple = path.iter().all(|token| match token {
        TokenTree::Punct(punct) => punct.as_char() == ':',
        TokenTree::Ident(_) => true,
        _ => false,
    });
    let named = path.iter().rev().find_map(|token| match token {
        TokenTree::Ident(ident) => Some(ident == "Box"),
        _ => None,
    });
    simple && named == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    fn shape(item: TokenStream) -> &'static str {
        let input = InputFn::parse(item).unwrap_or_else(|e| panic!("{e}"));
        let returns = Returns::of(&input.sig.output);
        match Shape::of(&input, &returns) {
            Shape::Sync => "sync",
            Shape::Guarded => "guarded",
            Shape::InPlace(_) => "in place",
            Shape::Async => "async",
            Shape::AsyncBlock { before, .. } if before.is_empty() => "async block",
            Shape::AsyncBlock { .. } => "boxed async block",
            Shape::Returned => "returned",
        }
    }

    #[test]
    fn shapes_are_told_from_the_signature_and_the_body() {
        for (item, expected, why) in [
            (
                quote!(
                    fn f() -> u8 {
                        1
                    }
                ),
                "sync",
                "a plain value",
            ),
            (
                quote!(
                    fn f() -> ! {
                        loop {}
                    }
                ),
                "guarded",
                "never returns",
            ),
            (
                quote!(
                    #[track_caller]
                    fn f() {}
                ),
                "in place",
                "the caller's location",
            ),
            (
                quote!(
                    async fn f() {}
                ),
                "async",
                "an async function",
            ),
            (
                quote!(
                    fn f() -> impl Future<Output = u8> {
                        async move { 1 }
                    }
                ),
                "async block",
                "an async function in disguise",
            ),
            (
                quote!(
                    fn f() -> impl Future<Output = u8> {
                        async { 1 }
                    }
                ),
                "returned",
                "borrows, so it must not be rewritten",
            ),
            (
                quote!(
                    fn f() -> impl Future<Output = u8> {
                        let x = 1;
                        async move { x }
                    }
                ),
                "returned",
                "runs code at the call",
            ),
            (
                quote!(
                    fn f<'a>() -> ::core::pin::Pin<Box<dyn ::core::future::Future<Output = u8> + Send + 'a>> {
                        Box::pin(async move { 1 })
                    }
                ),
                "boxed async block",
                "what async_trait makes",
            ),
            (
                quote!(
                    fn f() -> BoxFuture<'static, u8> {
                        std::boxed::Box::pin(async move { 1 })
                    }
                ),
                "boxed async block",
                "alias",
            ),
            (
                quote!(
                    fn f() -> BoxFuture<'static, u8> {
                        async move { 1 }.boxed()
                    }
                ),
                "returned",
                "a call at the end",
            ),
            (
                quote!(
                    fn f() -> impl Stream<Item = u8> + Send {
                        iter([1])
                    }
                ),
                "returned",
                "a stream",
            ),
            (
                quote!(
                    fn f() -> Result<BoxStream<'static, u8>, E> {
                        x
                    }
                ),
                "returned",
                "a stream or an error",
            ),
            (
                quote!(
                    fn f() -> Box<dyn Iterator<Item = u8>> {
                        x
                    }
                ),
                "returned",
                "an iterator",
            ),
            (
                quote!(
                    fn f() -> impl Iterator<Item = u8> + Clone {
                        x
                    }
                ),
                "sync",
                "our adapter is not Clone",
            ),
            (
                quote!(
                    fn f() -> impl Display {
                        x
                    }
                ),
                "sync",
                "another trait",
            ),
            (
                quote!(
                    fn f() -> Pin<Box<T>> {
                        x
                    }
                ),
                "sync",
                "nothing to ask",
            ),
        ] {
            assert_eq!(shape(item), expected, "{why}");
        }
    }
}
