//! Functions that return a future, a stream or an iterator: the body runs at the call, the span belongs to what it returns.

use super::names::Names;
use super::plain::annotation;
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
    let returns = annotation(plan);
    let user = &plan.input.body;
    let wrapped = wrap(plan, &names, &plan.returns);
    quote! {
        #site
        #open_span
        let #result = #private::once(move || #returns { #own #user })();
        #wrapped
    }
}

/// Winds the span around the result; `result` and `span` are in scope.
pub(super) fn wrap(plan: &Plan, names: &Names, returns: &Returns) -> TokenStream {
    let Names { private, span, result, end, value, error, .. } = names;
    let Flow::Lazy { kind, boxed, fallible, output } = &returns.flow else { return quote!(#result) };
    let has_value = match (kind, output) {
        (Kind::Future, Some(ty)) => !Returns::of_type(ty).unit,
        _ => true,
    };
    let look = look::look(plan, names, has_value);
    let inner = if *fallible { value } else { result };
    let adapter = match kind {
        Kind::Future => quote!(#private::Task::new(#span, #inner, #look)),
        Kind::Stream | Kind::Iterator => quote!(#private::Items::new(#span, #inner, #look)),
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
        Some((crate::parse::Form::Display, at)) => quote::quote_spanned!(at=> #private::as_display(&#error)),
        Some((_, at)) => quote::quote_spanned!(at=> #private::as_debug(&#error)),
    };
    quote! {
        match #result {
            #private::Result::Ok(#value) => #private::Result::Ok(#adapter),
            #private::Result::Err(#error) => {
                #span.finish(&mut |#end| #end.error(#text));
                #private::Result::Err(#error)
            }
        }
    }
}
