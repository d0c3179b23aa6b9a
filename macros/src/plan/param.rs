//! The names that a signature binds.

use crate::parse::name_of;
use syn::{Attribute, FnArg, Ident, Pat, Signature};

/// One variable that a parameter binds; a pattern may bind several.
#[derive(Clone)]
pub(crate) struct Binding {
    pub(crate) ident: Ident,
    /// What the value is called in the record.
    pub(crate) name: String,
    /// `#[cfg(..)]` of the parameter: whatever speaks of the variable has to vanish with it.
    pub(crate) cfgs: Vec<Attribute>,
    /// `#[expect(unused_variables)]` of the parameter: a use of ours would be the warning that it asks not to get.
    pub(crate) unused: bool,
}

/// The parameters of a function.
pub(crate) struct Params {
    /// `self`, if there is one.
    pub(crate) receiver: Option<Ident>,
    pub(crate) bindings: Vec<Binding>,
}

impl Params {
    pub(crate) fn of(sig: &Signature) -> Self {
        let mut params = Self { receiver: None, bindings: Vec::new() };
        for input in &sig.inputs {
            match input {
                FnArg::Receiver(receiver) => params.receiver = Some(Ident::new("self", receiver.self_token.span)),
                FnArg::Typed(typed) => {
                    let cfgs =
                        typed.attrs.iter().filter(|attr| attr.path().is_ident("cfg")).cloned().collect::<Vec<_>>();
                    let from = params.bindings.len();
                    collect(&typed.pat, &cfgs, &mut params.bindings);
                    let unused = typed.attrs.iter().any(expects_unused);
                    params.bindings[from..].iter_mut().for_each(|binding| binding.unused = unused);
                }
            }
        }
        params
    }

    /// The binding that the user calls `ident`.
    pub(crate) fn find(&self, ident: &Ident) -> Option<&Binding> {
        let name = name_of(ident);
        self.bindings.iter().find(|binding| name_of(&binding.ident) == name)
    }

    /// The names for "did you mean".
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        self.bindings.iter().map(|binding| name_of(&binding.ident))
    }

    /// All variables, the last parameter first: closures drop what they own in the order in which it is first mentioned, functions drop
    /// their parameters from the last to the first.
    pub(crate) fn owned(&self) -> Vec<Binding> {
        let receiver = self.receiver.iter().map(|ident| Binding {
            ident: ident.clone(),
            name: "self".to_owned(),
            cfgs: Vec::new(),
            unused: false,
        });
        receiver.chain(self.bindings.iter().filter(|binding| !binding.unused).cloned()).rev().collect()
    }
}

/// `#[expect(unused_variables)]` and `#[expect(unused)]`.
fn expects_unused(attr: &Attribute) -> bool {
    let mut found = false;
    if attr.path().is_ident("expect") {
        // Anything else in it, such as a reason, is nobody's business here.
        let _ = attr.parse_nested_meta(|meta| {
            found |= meta.path.is_ident("unused_variables") || meta.path.is_ident("unused");
            if meta.input.peek(syn::Token![=]) {
                meta.value()?.parse::<syn::Expr>()?;
            }
            Ok(())
        });
    }
    found
}

fn collect(pat: &Pat, cfgs: &[Attribute], out: &mut Vec<Binding>) {
    match pat {
        Pat::Ident(binding) => {
            // `Marker: Marker` matches a unit structure and binds nothing.
            let is_constant = binding.by_ref.is_none()
                && binding.mutability.is_none()
                && binding.subpat.is_none()
                && name_of(&binding.ident).starts_with(|first: char| first.is_ascii_uppercase());
            if !is_constant {
                out.push(Binding {
                    ident: binding.ident.clone(),
                    name: recorded_name(&binding.ident),
                    cfgs: cfgs.to_vec(),
                    unused: false,
                });
            }
            // `whole @ Part { .. }` binds both, but the parts cannot be borrowed besides a whole that is moved; the whole is enough.
            if is_constant && let Some((_, subpat)) = &binding.subpat {
                collect(subpat, cfgs, out);
            }
        }
        Pat::Paren(inner) => collect(&inner.pat, cfgs, out),
        Pat::Reference(inner) => collect(&inner.pat, cfgs, out),
        Pat::Type(inner) => collect(&inner.pat, cfgs, out),
        Pat::Guard(inner) => collect(&inner.pat, cfgs, out),
        Pat::Tuple(inner) => inner.elems.iter().for_each(|pat| collect(pat, cfgs, out)),
        Pat::TupleStruct(inner) => inner.elems.iter().for_each(|pat| collect(pat, cfgs, out)),
        Pat::Slice(inner) => inner.elems.iter().for_each(|pat| collect(pat, cfgs, out)),
        Pat::Struct(inner) => inner.fields.iter().for_each(|field| collect(&field.pat, cfgs, out)),
        // All alternatives bind the same names.
        Pat::Or(inner) => {
            if let Some(first) = inner.cases.first() {
                collect(first, cfgs, out);
            }
        }
        _ => {}
    }
}

/// `_query` says that the body does not use it, not that it is called so.
fn recorded_name(ident: &Ident) -> String {
    let name = name_of(ident);
    match name.strip_prefix('_') {
        Some(rest) if !rest.is_empty() && !rest.starts_with('_') => rest.to_owned(),
        _ => name,
    }
}
