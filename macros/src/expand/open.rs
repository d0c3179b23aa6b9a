//! What stands before the user's body: the function's static side, and the values that are captured.

use super::names::Names;
use crate::parse::Form;
use crate::plan::{Captured, How, Plan, Source};
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};

/// The `static` that describes the function.
pub(super) fn site(plan: &Plan, names: &Names) -> TokenStream {
    let Names { import, private, site, .. } = names;
    let name = &plan.name;
    let span_type = Ident::new(plan.span_type, Span::call_site());
    let values = plan.values.iter().map(|Captured { field, key, cfgs, .. }| {
        let field = Ident::new(field, Span::call_site());
        quote!(#(#cfgs)* (#private::Field::#field, #key))
    });
    // The function's own line, not the attribute's.
    let line = quote_spanned!(plan.input.sig.ident.span()=> #private::line!());
    quote! {
        #import
        static #site: #private::Site = #private::Site::new(
            #private::Callsite::new(#name, #private::SpanType::#span_type, #private::module_path!(), #private::file!(), #line),
            &[#(#values),*],
        );
    }
}

/// `let mut span = ..`, opened by `function` if anybody records.
pub(super) fn span(plan: &Plan, names: &Names, holder: &str, function: &str) -> TokenStream {
    let Names { private, site, span, .. } = names;
    let holder = Ident::new(holder, Span::call_site());
    let values = plan.values.iter().map(|value| captured(value, private));
    let parent = plan.parent.as_ref().map(|parent| quote_spanned!(at(parent)=> .parent(&(#parent))));
    let session = plan.session.as_ref().map(|session| quote_spanned!(at(session)=> .session(&(#session))));
    let base = (parent.is_some() || session.is_some()).then(|| quote!(&#private::Base::new() #parent #session));
    let bare = Ident::new(function, Span::call_site());
    // On the stack, the other context is the running one for as long as the function runs; elsewhere it goes into the span.
    let (outside, open) = match &base {
        Some(base) if function == "enter" => {
            let outside = &names.outside;
            let attach = quote! {
                let mut #outside = #private::Option::None;
                if #private::enabled() {
                    let _ = #private::survives(|| #private::attach(&mut #outside, #base));
                }
            };
            (attach, quote!(#private::#bare(&mut #span, &#site, &[#(#values),*])))
        }
        Some(base) => {
            let function = Ident::new(&format!("{function}_in"), Span::call_site());
            (TokenStream::new(), quote!(#private::#function(&mut #span, &#site, #base, &[#(#values),*])))
        }
        None => (TokenStream::new(), quote!(#private::#bare(&mut #span, &#site, &[#(#values),*]))),
    };
    let runs_user_code = base.is_some() || plan.values.iter().any(Captured::runs_user_code);
    let open = if runs_user_code {
        quote! {
            if !#private::survives(|| #open) {
                #private::#bare(&mut #span, &#site, &[]);
            }
        }
    } else {
        quote!(#open;)
    };
    // A span that goes elsewhere is sampled as its own parent is.
    let asked = if base.is_some() { quote!(enabled) } else { quote!(recording) };
    let variables = plan.values.iter().filter_map(|value| match &value.how {
        How::Probe(Source::Variable(ident)) | How::As(Source::Variable(ident), ..) => Some(ident),
        _ => None,
    });
    let allow = allow_underscores(variables);
    quote! {
        #outside
        let mut #span = #private::#holder::off();
        #allow
        if #private::#asked() {
            #open
        }
    }
}

/// A parameter that the body does not use is recorded all the same; a lint takes that for a use by the body.
fn allow_underscores<'i>(mut names: impl Iterator<Item = &'i Ident>) -> Option<TokenStream> {
    let any = names.any(|name| name.to_string().starts_with('_'));
    any.then(|| quote!(#[allow(clippy::used_underscore_binding)]))
}

fn captured(Captured { cfgs, how, .. }: &Captured, private: &Ident) -> TokenStream {
    let value = match how {
        How::Probe(source) => {
            // A message about an expression belongs there; one about a parameter names it by itself.
            let span = match source {
                Source::Variable(_) => Span::mixed_site(),
                Source::Expression(expr) => at(expr),
            };
            let source = reference(source);
            quote_spanned!(span=> #private::Probe::new(#source).value())
        }
        How::As(source, form, span) => {
            let source = match source {
                // A message that the type cannot be captured so belongs to the word that asks for it.
                Source::Variable(ident) => {
                    let mut ident = ident.clone();
                    ident.set_span(ident.span().located_at(*span));
                    quote_spanned!(*span=> &#ident)
                }
                Source::Expression(_) => reference(source),
            };
            let function = match form {
                Form::Debug => quote_spanned!(*span=> as_debug),
                Form::Display => quote_spanned!(*span=> as_display),
                Form::Serialize => quote_spanned!(*span=> as_serialize),
            };
            quote_spanned!(*span=> #private::#function(#source))
        }
        How::Format(template) => quote!(#private::Value::Text(&#private::format!(#template))),
        How::Redacted => quote!(#private::Value::Redacted),
    };
    quote!(#(#cfgs)* #value)
}

/// Generated code that is shown where the user's tokens stand.
fn at(tokens: &impl ToTokens) -> Span {
    let first = tokens.to_token_stream().into_iter().next();
    first.map_or_else(Span::call_site, |token| Span::mixed_site().located_at(token.span()))
}

fn reference(source: &Source) -> TokenStream {
    match source {
        Source::Variable(ident) => quote!(&#ident),
        Source::Expression(expr) => quote!(&(#expr)),
    }
}

/// Makes a closure or an `async` block own every parameter, so that all of them are dropped when and in the order in which the function
/// would have dropped them.
pub(super) fn own(plan: &Plan) -> TokenStream {
    let owned = plan.owned.iter().map(|binding| {
        let (cfgs, ident) = (&binding.cfgs, &binding.ident);
        let allow = allow_underscores(std::iter::once(ident));
        quote!(#(#cfgs)* #allow let _ = &#ident;)
    });
    quote!(#(#owned)*)
}

/// The user's body after `before`, in braces that stand where the user's closing brace stands: messages about a missing value point there.
pub(super) fn block(plan: &Plan, before: TokenStream) -> Group {
    let user = &plan.input.body;
    let mut block = Group::new(Delimiter::Brace, quote!(#before #user));
    block.set_span(plan.input.braces.span_close());
    block
}
