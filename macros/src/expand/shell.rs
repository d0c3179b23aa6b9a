//! The function around the new body: the only place that prints one.

use crate::parse::InputFn;
use proc_macro2::{Delimiter, Group, TokenStream};
use quote::{ToTokens, quote};

/// The signature whole, as the user wrote it, then the inner attributes, then `body`.
pub(super) fn function(input: &InputFn, body: TokenStream) -> TokenStream {
    let InputFn { attrs, vis, defaultness, sig, inner_attrs, braces, .. } = input;
    let mut block = Group::new(Delimiter::Brace, quote!(#(#inner_attrs)* #body));
    // Messages about the end of the body belong to the user's closing brace.
    block.set_span(braces.span());
    let mut tokens = quote!(#(#attrs)* #vis #defaultness #sig);
    block.to_tokens(&mut tokens);
    tokens
}
