//! The names that generated code uses.

use crate::plan::Plan;
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

/// The door into the runtime, and names of our own that the user's code cannot see.
pub(super) struct Names {
    /// `::galileo::__private`
    pub(super) private: TokenStream,
    pub(super) site: Ident,
    pub(super) span: Ident,
    pub(super) body: Ident,
    pub(super) result: Ident,
    pub(super) end: Ident,
    pub(super) value: Ident,
    pub(super) error: Ident,
}

impl Names {
    pub(super) fn of(plan: &Plan) -> Self {
        let own = |name: &str| Ident::new(name, Span::mixed_site());
        let private = match &plan.krate {
            Some(path) => quote!(#path::__private),
            None => quote!(::galileo::__private),
        };
        Self {
            private,
            site: own("__GALILEO_SITE"),
            span: own("__galileo_span"),
            body: own("__galileo_body"),
            result: own("__galileo_result"),
            end: own("__galileo_end"),
            value: own("__galileo_value"),
            error: own("__galileo_error"),
        }
    }
}
