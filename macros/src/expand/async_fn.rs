//! Functions whose body is a future: everything happens at its first poll.

use super::names::Names;
use super::{look, open, returned};
use crate::plan::{Flow, Plan, Returns};
use proc_macro2::{Group, Span, TokenStream};
use quote::{quote, quote_spanned};

pub(super) fn async_fn(plan: &Plan) -> TokenStream {
    let names = Names::of(plan);
    let site = open::site(plan, &names);
    let open_span = open::span(plan, &names, "Begun", "begin");
    let own = open::own(plan);
    let known = plan.returns.known().filter(|_| !plan.returns.unit && !plan.returns.never);
    let hint = known.map(|ty| hint(&names, quote!(#ty)));
    let block = open::block(plan, quote!(#hint #own));
    let future = run(plan, &names, &plan.returns, quote!(async move #block));
    quote!(#site #open_span #future)
}

/// The same for a function whose body is one `async move` block: our code goes into the block, the signature stays.
pub(super) fn async_block(plan: &Plan, before: &TokenStream, capture: &TokenStream, block: &Group) -> TokenStream {
    let names = Names::of(plan);
    let site = open::site(plan, &names);
    let open_span = open::span(plan, &names, "Begun", "begin");
    let output = match &plan.returns.flow {
        Flow::Lazy { yields: Some(ty), .. } => Returns::of_type(ty),
        _ => Returns::of(&syn::ReturnType::Default),
    };
    let future = run(plan, &names, &output, quote!(async #capture #block));
    let whole = quote!(async #capture { #open_span #future });
    if before.is_empty() { quote!(#site #whole) } else { quote!(#site #before(#whole)) }
}

/// Runs the future in the span and shows its result.
fn run(plan: &Plan, names: &Names, returns: &Returns, future: TokenStream) -> TokenStream {
    let Names { private, span, body, result, .. } = names;
    if !matches!(returns.flow, Flow::Value) && !matches!(returns.lazy(), Some(crate::plan::Kind::Future)) {
        let wrapped = returned::wrap(plan, names, returns);
        return quote! {
            let #body = #future;
            let (#result, mut #span) = #private::Handover::new(#span.into_running(), #body).await;
            #wrapped
        };
    }
    let Returns { ty, unit, never, .. } = returns;
    let says_nothing = if ty.is_some() { *unit || *never } else { is_async_fn(plan) };
    let look = look::look(plan, names, !says_nothing);
    // Pinned where it is made and never moved: it may be large.
    quote! {
        let #body = #private::pin!(#future);
        if #span.is_off() {
            #private::Alone::new(#body).await
        } else {
            #private::Within::new(&mut #span, #body, #look).await
        }
    }
}

fn is_async_fn(plan: &Plan) -> bool {
    plan.input.sig.asyncness.is_some()
}

/// Tells the compiler the type of the block's result, which cannot be written on an `async` block.
fn hint(names: &Names, ty: TokenStream) -> TokenStream {
    let private = &names.private;
    // The compiler says "inferred here" of this place.
    let at = ty.clone().into_iter().next().map_or_else(Span::call_site, |token| token.span());
    quote_spanned! {at=>
        if false {
            return #private::never::<#ty>();
        }
    }
}
