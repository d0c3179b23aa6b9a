//! The forms that values of keys take.

use super::keys::Key;
use proc_macro2::{Group, TokenTree};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Expr, ExprClosure, Ident, Lit, LitStr, Pat, Token};

/// What is made of the result: `|result| expression`, or a function that takes a reference to it.
pub(crate) enum OnResult {
    Closure { pattern: Box<Pat>, body: Box<Expr> },
    Function(Box<Expr>),
}

/// `tags = ["a", b]`, or an expression that yields tags.
pub(crate) enum Tags {
    List(Vec<Expr>),
    All(Box<Expr>),
}

/// How a value is captured when the choice is not left to its type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    Debug,
    Display,
    Serialize,
}

impl Form {
    const ALL: [(&'static str, Form); 3] =
        [("Debug", Form::Debug), ("Display", Form::Display), ("Serialize", Form::Serialize)];

    fn parse(input: ParseStream<'_>, allowed: &[&str]) -> syn::Result<Self> {
        let ident: Ident =
            input.parse().map_err(|e| syn::Error::new(e.span(), format!("expected {}", either(allowed))))?;
        let written = ident.to_string();
        match Self::ALL.iter().find(|(name, _)| *name == written && allowed.contains(name)) {
            Some((_, form)) => Ok(*form),
            None => Err(syn::Error::new(ident.span(), format!("found `{written}`, expected {}", either(allowed)))),
        }
    }
}

fn either(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ")
}

/// `= value` after `key`.
pub(crate) fn assigned<T>(
    key: Key,
    ident: &Ident,
    input: ParseStream<'_>,
    parse: impl FnOnce(ParseStream<'_>) -> syn::Result<T>,
) -> syn::Result<T> {
    if !input.peek(Token![=]) {
        return Err(needs(key, ident, input));
    }
    let equals: Token![=] = input.parse()?;
    if input.is_empty() || input.peek(Token![,]) {
        return Err(syn::Error::new_spanned(equals, format!("`{}` needs a value: `{}`", key.name(), key.example())));
    }
    parse(input)
}

/// `(list)` after `key`.
pub(crate) fn listed<T: Parse>(key: Key, ident: &Ident, input: ParseStream<'_>) -> syn::Result<Vec<T>> {
    let group: Option<Group> = if input.peek(syn::token::Paren) { Some(input.parse()?) } else { None };
    let Some(group) = group else { return Err(needs(key, ident, input)) };
    if group.stream().is_empty() {
        return Err(syn::Error::new(group.span(), format!("`{}()` is empty: `{}`", key.name(), key.example())));
    }
    let parse = |input: ParseStream<'_>| Punctuated::<T, Token![,]>::parse_terminated(input);
    Ok(syn::parse::Parser::parse2(parse, group.stream())?.into_iter().collect())
}

/// Nothing after `key`.
pub(crate) fn alone(key: Key, input: ParseStream<'_>) -> syn::Result<()> {
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(());
    }
    let next: TokenTree = input.parse()?;
    Err(syn::Error::new(next.span(), format!("`{}` stands alone and takes no value", key.name())))
}

/// The key stands there in another form than it has.
fn needs(key: Key, ident: &Ident, input: ParseStream<'_>) -> syn::Error {
    let message = format!("`{}` is written `{}`", key.name(), key.example());
    if input.is_empty() || input.peek(Token![,]) {
        return syn::Error::new(ident.span(), message);
    }
    match input.parse::<TokenTree>() {
        Ok(found) => syn::Error::new(found.span(), message),
        Err(_) => syn::Error::new(ident.span(), message),
    }
}

/// An expression without the invisible parentheses that `macro_rules!` puts around what it was given.
fn expression(input: ParseStream<'_>) -> syn::Result<Expr> {
    let mut expr = input.parse()?;
    while let Expr::Group(group) = expr {
        expr = *group.expr;
    }
    Ok(expr)
}

pub(crate) fn string(key: Key, input: ParseStream<'_>) -> syn::Result<LitStr> {
    match expression(input)? {
        Expr::Lit(lit) => match lit.lit {
            Lit::Str(text) => Ok(text),
            other => Err(not_a_string(key, &other)),
        },
        other => Err(not_a_string(key, &other)),
    }
}

fn not_a_string(key: Key, found: &impl quote::ToTokens) -> syn::Error {
    syn::Error::new_spanned(found, format!("`{}` takes a string literal: `{}`", key.name(), key.example()))
}

pub(crate) fn on_result(key: Key, input: ParseStream<'_>) -> syn::Result<OnResult> {
    let expr = expression(input)?;
    let closure = match expr {
        Expr::Closure(closure) => closure,
        Expr::Path(_) => return Ok(OnResult::Function(Box::new(expr))),
        other => {
            return Err(syn::Error::new_spanned(
                other,
                format!("`{}` takes a closure over the result: `{}`", key.name(), key.example()),
            ));
        }
    };
    let ExprClosure { asyncness, inputs, inputs_begin, body, .. } = closure;
    if let Some(asyncness) = asyncness {
        return Err(syn::Error::new_spanned(asyncness, format!("the closure of `{}` cannot be async", key.name())));
    }
    if inputs.len() != 1 {
        let message = format!("the closure of `{}` takes the result and nothing else", key.name());
        return Err(match inputs.into_iter().nth(1) {
            Some(second) => syn::Error::new_spanned(second, message),
            None => syn::Error::new_spanned(inputs_begin, message),
        });
    }
    let pattern = match inputs.into_iter().next() {
        // The type of the result is known; what the user wrote is not needed to find it.
        Some(Pat::Type(typed)) => typed.pat,
        Some(pattern) => Box::new(pattern),
        None => return Err(syn::Error::new_spanned(inputs_begin, "a parameter is missing")),
    };
    Ok(OnResult::Closure { pattern, body })
}

pub(crate) fn tags(input: ParseStream<'_>) -> syn::Result<Tags> {
    Ok(match expression(input)? {
        Expr::Array(list) => Tags::List(list.elems.into_iter().collect()),
        other => Tags::All(Box::new(other)),
    })
}

pub(crate) fn error_form(input: ParseStream<'_>) -> syn::Result<Form> {
    Form::parse(input, &["Debug", "Display"])
}

/// `key = expression` or `"any key" = expression`.
pub(crate) struct Entry {
    pub(crate) key: LitStr,
    pub(crate) value: Expr,
}

impl Parse for Entry {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let key = if input.peek(syn::LitStr) {
            input.parse()?
        } else {
            let ident = syn::ext::IdentExt::parse_any(input).map_err(|e| {
                syn::Error::new(e.span(), "a metadata key is a name or a string literal: `metadata(region = region)`")
            })?;
            LitStr::new(&name_of(&ident), ident.span())
        };
        if !input.peek(Token![=]) {
            return Err(syn::Error::new(
                key.span(),
                format!("`{0}` needs a value: `metadata({0} = expression)`", key.value()),
            ));
        }
        let _: Token![=] = input.parse()?;
        Ok(Self { key, value: input.parse()? })
    }
}

/// `parameter = Debug`.
pub(crate) struct As {
    pub(crate) parameter: Ident,
    pub(crate) form: Form,
    pub(crate) form_span: proc_macro2::Span,
}

impl Parse for As {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let Parameter(parameter) = input.parse()?;
        if !input.peek(Token![=]) {
            let message = format!("say how: `capture_as({parameter} = Debug)`");
            return Err(syn::Error::new(parameter.span(), message));
        }
        let _: Token![=] = input.parse()?;
        let form_span = input.span();
        Ok(Self { parameter, form: Form::parse(input, &["Debug", "Display", "Serialize"])?, form_span })
    }
}

/// The name of a parameter; `self` counts.
pub(crate) struct Parameter(pub(crate) Ident);

impl Parse for Parameter {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        syn::ext::IdentExt::parse_any(input)
            .map(Self)
            .map_err(|e| syn::Error::new(e.span(), "expected the name of a parameter"))
    }
}

/// An identifier without its `r#`.
pub(crate) fn name_of(ident: &Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").map(str::to_owned).unwrap_or(text)
}

/// Skips to the next argument after a mistake: past a comma that a known key follows, so that commas inside the broken value do not
/// lead to follow-up messages.
pub(crate) fn recover(input: ParseStream<'_>) {
    while !input.is_empty() {
        if input.peek(Token![,]) {
            let ahead = input.fork();
            let _ = ahead.parse::<Token![,]>();
            let known = <Ident as syn::ext::IdentExt>::parse_any(&ahead).is_ok_and(|ident| Key::lookup(&ident).is_ok());
            if ahead.is_empty()
                || known
                    && (ahead.is_empty()
                        || ahead.peek(Token![=])
                        || ahead.peek(Token![,])
                        || ahead.peek(syn::token::Paren))
            {
                return;
            }
        }
        if input.parse::<TokenTree>().is_err() {
            return;
        }
    }
}

/// Leaves out the value of a key that is unknown, if it can be told where it ends.
pub(crate) fn skip_value(input: ParseStream<'_>) -> syn::Result<()> {
    if input.peek(Token![=]) {
        let _: Token![=] = input.parse()?;
        let _: Expr = input.parse()?;
    } else if !input.is_empty() && !input.peek(Token![,]) {
        let _: TokenTree = input.parse()?;
    }
    Ok(())
}
