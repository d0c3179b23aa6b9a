//! Functions that return a future, a stream or an iterator: the body runs at the call, the span belongs to what it returns.

use super::names::Names;
use super::{look, open};
use crate::plan::{Flow, Kind, Plan, Returns};
use proc_macro2::TokenStream;
use quote::quote;

pub(super) fn returned(plan: &Plan) -> TokenStream {
    let names = Names::of(plan);
    let Names { private, result, .. } = &names;
    let site = open::site(plan, &names);
    let open_span = open::span(plan, &names, "Running", "prepare");
    let own = open::own(plan);
    let returns = plan.returns.known().map(|ty| quote!(-> #ty));
    let block = open::block(plan, own);
    let wrapped = wrap(plan, &names, &plan.returns);
    quote! {
        #site
        #open_span
        let #result = #private::once(move || #returns #block)();
        #wrapped
    }
}

/// Winds the span around the result; `result` and `span` are in scope.
pub(super) fn wrap(plan: &Plan, names: &Names, returns: &Returns) -> TokenStream {
    let Names { private, span, result, end, value, error, .. } = names;
    let Flow::Lazy { kind, boxed, fallible, yields } = &returns.flow else { return quote!(#result) };
    let has_value = match (kind, yields) {
        (Kind::Future, Some(ty)) => !Returns::of_type(ty).unit,
        _ => true,
    };
    let look = look::look(plan, names, has_value);
    let inner = if *fallible { value } else { result };
    // What flows has to be known before it is looked at, and the body alone may leave that open.
    let known = yields.as_ref().and_then(|ty| Returns::of_type(ty).known());
    let check = match kind {
        Kind::Future => quote!(resolves_to),
        Kind::Stream => quote!(streams),
        Kind::Iterator => quote!(iterates),
    };
    let inner = known.map_or_else(|| quote!(#inner), |ty| quote!(#private::#check::<#ty, _>(#inner)));
    let adapter = match kind {
        Kind::Future => quote!(#private::Task::new(#span, #inner, #look)),
        Kind::Stream => quote!(#private::Items::stream(#span, #inner, #look)),
        Kind::Iterator => quote!(#private::Items::iterator(#span, #inner, #look)),
    };
    let adapter = match (kind, boxed) {
        (_, false) => adapter,
        (Kind::Iterator, true) => quote!(#private::Box::new(#adapter)),
        (_, true) => quote!(#private::Box::pin(#adapter)),
    };
    if !fallible {
        return adapter;
    }
    let text = match plan.end.err {
        None => quote!(#private::ErrorProbe::new(&#error).value()),
        Some((form, span)) => look::formatted(names, form, span, quote!(&)),
    };
    quote! {
        match #result {
            #private::Result::Ok(#value) => #private::Result::Ok(#adapter),
            #private::Result::Err(#error) => {
                #span.fail(|#end| #end.error(#text));
                #private::Result::Err(#error)
            }
        }
    }
}
