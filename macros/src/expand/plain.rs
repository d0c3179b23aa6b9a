//! Functions that run from their call to their return.

use super::names::Names;
use super::{look, open};
use crate::plan::Plan;
use proc_macro2::TokenStream;
use quote::quote;

/// The body in a closure that owns the parameters.
pub(super) fn in_closure(plan: &Plan) -> TokenStream {
    let names = Names::of(plan);
    let Names { private, span, body, .. } = &names;
    let site = open::site(plan, &names);
    let open_span = open::span(plan, &names, "Frame", "enter");
    let own = open::own(plan);
    // So that errors and coercions stay what they were.
    let returns = plan.returns.known().map(|ty| quote!(-> #ty));
    let look = look::look(plan, &names, !plan.returns.unit);
    let block = open::block(plan, own);
    quote! {
        #site
        #open_span
        let #body = #private::once(move || #returns #block);
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
    let ty = plan.returns.known().map(|ty| quote!(: #ty));
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
