//! Functions that run from their call to their return.

use super::names::Names;
use super::{look, open};
use crate::plan::Plan;
use crate::plan::early::{self, Body};
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

/// The body where it is; the guard ends the span when it is dropped, without a look at the result.
pub(super) fn guarded(plan: &Plan) -> TokenStream {
    let names = Names::of(plan);
    let site = open::site(plan, &names);
    let open_span = open::span(plan, &names, "Guard", "enter");
    let user = &plan.input.body;
    quote!(#site #open_span #user)
}

/// The body as a block of the function itself.
pub(super) fn in_place(plan: &Plan, body: &Body) -> TokenStream {
    let names = Names::of(plan);
    let Names { private, span, result, end, value, .. } = &names;
    let site = open::site(plan, &names);
    let open_span = open::span(plan, &names, "Guard", "enter");
    let user = &body.tokens;
    let label = body.leaves_early.then(|| {
        let label = early::label();
        quote!(#label:)
    });
    let ty = plan.returns.known().map(|ty| quote!(: #ty));
    let look = look::body(plan, &names, !plan.returns.unit);
    quote! {
        #site
        #open_span
        let #result #ty = #label { #user };
        if !#span.is_off() {
            let #value = &#result;
            #private::leave(&mut #span, |#end| {
                let #result = #value;
                #look
            });
        }
        #result
    }
}
