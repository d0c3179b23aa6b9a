//! The closure that looks at the result, or at each item of a stream.

use super::names::Names;
use crate::parse::{Form, OnResult};
use crate::plan::{Output, Plan};
use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};

/// `|result, end| ..`
pub(super) fn look(plan: &Plan, names: &Names, has_errors: bool) -> TokenStream {
    let Names { result, end, .. } = names;
    let body = body(plan, names, has_errors);
    quote!(|#result, #end| { #body })
}

/// Shows `result` to `end`; both are in scope.
pub(super) fn body(plan: &Plan, names: &Names, has_errors: bool) -> TokenStream {
    let Names { private, result, end, value, error, .. } = names;
    let made = made(plan, names);
    if !has_errors {
        return quote!(let _ = (#result, &#end); #made);
    }
    let on_value = match plan.end.output {
        Output::Auto => quote!(#end.output(#private::Probe::new(#value).value())),
        _ => quote!({ let _ = #value; }),
    };
    let on_error = match plan.end.err {
        None => quote!(#private::ErrorProbe::new(#error).value()),
        Some((form, span)) => formatted(names, form, span, TokenStream::new()),
    };
    quote! {
        match #private::Returned::new(#result).split() {
            #private::Result::Ok(#value) => #on_value,
            #private::Result::Err(#error) => #end.error(#on_error),
        }
        #made
    }
}

/// `err = Display`, and a message on that word when the error's type does not allow it.
pub(super) fn formatted(names: &Names, form: Form, span: Span, reference: TokenStream) -> TokenStream {
    let Names { private, error, .. } = names;
    let mut error = error.clone();
    error.set_span(error.span().located_at(span));
    match form {
        Form::Display => quote_spanned!(span=> #private::as_display(#reference #error)),
        _ => quote_spanned!(span=> #private::as_debug(#reference #error)),
    }
}

/// What the user makes of the result.
fn made(plan: &Plan, names: &Names) -> TokenStream {
    let Names { private, result, end, .. } = names;
    let mut tokens = TokenStream::new();
    if let Output::Made(made) = &plan.end.output {
        tokens.extend(apply(made, result, |made| quote!(#end.output(#private::Probe::new(&(#made)).value()))));
    }
    if let Some(code) = &plan.end.status_code {
        tokens.extend(apply(code, result, |code| quote!(#end.status_code(#code))));
    }
    if let Some(usage) = &plan.end.usage {
        tokens.extend(apply(usage, result, |usage| quote!(#end.usage(#usage))));
    }
    if let Some(hit) = &plan.end.cache_hit {
        tokens.extend(apply(hit, result, |hit| quote!(#end.cache_hit(#hit))));
    }
    tokens
}

/// The closure's body with its parameter bound; not a call, so that what it returns may borrow from the result.
fn apply(on: &OnResult, result: &proc_macro2::Ident, with: impl FnOnce(TokenStream) -> TokenStream) -> TokenStream {
    match on {
        OnResult::Closure { pattern, body } => {
            let statement = with(quote!(#body));
            quote!(match #result { #pattern => #statement, })
        }
        OnResult::Function(function) => {
            let statement = with(quote!((#function)(#result)));
            quote!(#statement;)
        }
    }
}
