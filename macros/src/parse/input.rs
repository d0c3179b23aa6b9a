//! The function that the attribute stands on.

use super::value::name_of;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Attribute, Ident, Signature, Token, Visibility};

/// A function whose body stays raw tokens: it is the user's, and half-written code in it is none of our business.
pub(crate) struct InputFn {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    /// `default`, in a specialising impl.
    pub(crate) defaultness: Option<Ident>,
    pub(crate) sig: Signature,
    /// `#![..]` at the beginning of the body.
    pub(crate) inner_attrs: Vec<Attribute>,
    pub(crate) body: TokenStream,
    /// The braces of the body, for spans.
    pub(crate) braces: Group,
}

impl InputFn {
    pub(crate) fn parse(item: TokenStream) -> syn::Result<Self> {
        if let Some(error) = other_item(&item) {
            return Err(error);
        }
        Parser::parse2(<Self as Parse>::parse, item)
    }
}

impl Parse for InputFn {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let defaultness = if is_default(input) { Some(input.parse()?) } else { None };
        let sig: Signature = input.parse()?;
        if input.peek(Token![;]) {
            let message =
                "`#[log]` needs a body to run; write it on the method of each `impl`, or give this one a default body";
            return Err(syn::Error::new_spanned(&sig.ident, message));
        }
        let braces = body_of(input.parse()?)?;
        let split = |body: ParseStream<'_>| Ok((body.call(Attribute::parse_inner)?, body.parse::<TokenStream>()?));
        let (inner_attrs, body) = split.parse2(braces.stream())?;
        Ok(Self { attrs, vis, defaultness, sig, inner_attrs, body, braces })
    }
}

/// The braces of the body. `$body:block` of a `macro_rules!` comes in invisible parentheses.
fn body_of(token: TokenTree) -> syn::Result<Group> {
    match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Ok(group),
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
            body_of(Parser::parse2(<TokenTree as Parse>::parse, group.stream())?)
        }
        other => Err(syn::Error::new_spanned(other, "expected the body of the function")),
    }
}

fn is_default(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    ahead.parse::<Ident>().is_ok_and(|ident| ident == "default")
}

/// The attribute stands on something else than a function.
fn other_item(item: &TokenStream) -> Option<syn::Error> {
    let mut tokens = item.clone().into_iter().peekable();
    while let Some(token) = tokens.next() {
        match &token {
            // An attribute or doc comment, or the scope of a visibility.
            TokenTree::Punct(_) | TokenTree::Group(_) => {}
            TokenTree::Literal(_) => {}
            TokenTree::Ident(ident) => {
                let what = match name_of(ident).as_str() {
                    "struct" => "a struct",
                    "enum" => "an enum",
                    "union" => "a union",
                    "trait" => "a trait; put it on the methods that have a default body",
                    "impl" => "an `impl` block; put it on the methods that should be traced",
                    "mod" => "a module; put it on the functions that should be traced",
                    "static" => "a static",
                    "type" => "a type alias",
                    "use" => "a `use` declaration",
                    "macro_rules" => "a macro",
                    "let" => "a `let` statement; use `galileo::Span` for a block",
                    "fn" => return None,
                    "const" => match tokens.peek() {
                        // `const NAME: ..` and not `const fn` or `const unsafe fn`.
                        Some(TokenTree::Ident(next))
                            if !matches!(name_of(next).as_str(), "fn" | "unsafe" | "async" | "extern") =>
                        {
                            "a constant"
                        }
                        _ => return None,
                    },
                    _ => continue,
                };
                return Some(syn::Error::new_spanned(ident, format!("`#[log]` stands on a function, not on {what}")));
            }
        }
    }
    None
}
