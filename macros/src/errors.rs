//! Several mistakes, reported together, with the user's item beside them.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use std::fmt::Display;

/// What is wrong with one use of the attribute.
#[derive(Default)]
pub(crate) struct Errors(Option<syn::Error>);

impl Errors {
    /// Adds a message that underlines `tokens`.
    pub(crate) fn at(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.absorb(syn::Error::new_spanned(tokens, message));
    }

    /// Adds a message that underlines `span`.
    pub(crate) fn at_span(&mut self, span: Span, message: impl Display) {
        self.absorb(syn::Error::new(span, message));
    }

    /// Adds what a parser reported.
    pub(crate) fn absorb(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            None => self.0 = Some(error),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The messages, and the item as the user wrote it, so that the rest of the file still resolves.
    pub(crate) fn with_item(self, item: TokenStream) -> TokenStream {
        let mut tokens = self.0.map(|error| error.into_compile_error()).unwrap_or_default();
        tokens.extend(item);
        tokens
    }
}
