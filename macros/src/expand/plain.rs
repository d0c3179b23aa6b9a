//! Functions that run from their call to their return.

use super::names::Names;
use super::{look, open};
use crate::plan::Plan;
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

/// The body in a closure that owns the parameters.
pub(super) fn in_closure(plan: &Plan) -> TokenStream {
    let names = Names::of(plan);
    let Names { private, span, body, .. } = &names;
    let site = open::site(plan, &names);
    let open_span = open::span(plan, &names, "Frame", "enter");
    let own = open::own(plan);
    let returns = annotation(plan);
    let look = look::look(plan, &names, !plan.returns.unit);
    let user = &plan.input.body;
    quote! {
        #site
        #open_span
        let #body = #private::once(move || #returns { #own #user });
        if #span.is_off() {
            return #body();
        }
        #private::call(&mut #span, #body, #look)
    }
}

/// The body where it is; the span's end is recorded when the guard is dropped, or with the value that the body ends in.
pub(super) fn in_place(plan: &Plan) -> TokenStream {
    let names = Names::of(plan);
    let Names { private, span, result, end, .. } = &names;
    let site = open::site(plan, &names);
    let open_span = open::span(plan, &names, "Frame", "enter");
    let user = &plan.input.body;
    if plan.returns.never {
        return quote!(#site #open_span #user);
    }
    let ty = match (&plan.returns.ty, mentions_impl(plan)) {
        (Some(ty), false) => quote!(: #ty),
        _ => TokenStream::new(),
    };
    let look = look::body(plan, &names, !plan.returns.unit);
    quote! {
        #site
        #open_span
        let #result #ty = { #user };
        if !#span.is_off() {
            let __galileo_seen = &#result;
            #private::leave(&mut #span, &mut |#end| { let #result = __galileo_seen; #look });
        }
        #result
    }
}

/// The type of the closure's result, so that errors and coercions stay what they were. `impl Trait` cannot be written there.
pub(super) fn annotation(plan: &Plan) -> TokenStream {
    if mentions_impl(plan) {
        return TokenStream::new();
    }
    plan.input.sig.output.to_token_stream()
}

/// Whether the return type has an `impl Trait` in it.
pub(super) fn mentions_impl(plan: &Plan) -> bool {
    fn search(tokens: TokenStream) -> bool {
        tokens.into_iter().any(|token| match token {
            proc_macro2::TokenTree::Ident(ident) => ident == "impl",
            proc_macro2::TokenTree::Group(group) => search(group.stream()),
            _ => false,
        })
    }
    plan.returns.ty.as_ref().is_some_and(|ty| search(ty.to_token_stream()))
}
