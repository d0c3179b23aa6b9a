//! The names that generated code uses.

use crate::plan::Plan;
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

/// The door into the runtime, and names of our own that the user's code cannot see.
pub(super) struct Names {
    /// `use ::galileo::__private as ..`: one place for the path, so that a wrong one gives one message.
    pub(super) import: TokenStream,
    pub(super) private: Ident,
    pub(super) site: Ident,
    pub(super) span: Ident,
    pub(super) outside: Ident,
    pub(super) body: Ident,
    pub(super) result: Ident,
    pub(super) end: Ident,
    pub(super) value: Ident,
    pub(super) error: Ident,
}

impl Names {
    pub(super) fn of(plan: &Plan) -> Self {
        let own = |name: &str| Ident::new(name, Span::mixed_site());
        let private = own("__galileo");
        let import = match &plan.krate {
            Some(path) => quote!(use #path::__private as #private;),
            None => quote!(use ::galileo::__private as #private;),
        };
        Self {
            import,
            private,
            site: own("__GALILEO_SITE"),
            span: own("__galileo_span"),
            outside: own("__galileo_outside"),
            body: own("__galileo_body"),
            result: own("__galileo_result"),
            end: own("__galileo_end"),
            value: own("__galileo_value"),
            error: own("__galileo_error"),
        }
    }
}
