//! What the signature says about the result.

use syn::{
    AngleBracketedGenericArguments, GenericArgument, PathArguments, PathSegment, ReturnType, Type, TypeParamBound,
};

/// Facts about the return type.
pub(crate) struct Returns {
    /// The type as it is written; `None` when there is none.
    pub(crate) ty: Option<Type>,
    /// Nothing is returned: no type, or `()`.
    pub(crate) unit: bool,
    /// `-> !`
    pub(crate) never: bool,
    /// `-> impl Fn(..)`
    pub(crate) closure: bool,
    pub(crate) flow: Flow,
}

/// Whether the result is a value or something that goes on after the function has returned.
#[derive(Clone)]
pub(crate) enum Flow {
    Value,
    /// A future, stream or iterator.
    Lazy {
        kind: Kind,
        /// Behind `Pin<Box<dyn ..>>` or `Box<dyn ..>`.
        boxed: bool,
        /// Inside `Result<.., E>`.
        fallible: bool,
        /// The `Output` of a future or the `Item` of a stream or iterator, where it is written.
        yields: Option<Box<Type>>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Future,
    Stream,
    Iterator,
}

impl Returns {
    pub(crate) fn of(written: &ReturnType) -> Self {
        match written {
            ReturnType::Default => Self { ty: None, unit: true, never: false, closure: false, flow: Flow::Value },
            ReturnType::Type(_, ty) => Self::of_type(ty),
        }
    }

    pub(crate) fn of_type(ty: &Type) -> Self {
        let bare = bare(ty);
        Self {
            unit: matches!(bare, Type::Tuple(tuple) if tuple.elems.is_empty()),
            never: matches!(bare, Type::Never(_)),
            closure: is_closure(bare),
            flow: flow(bare),
            ty: Some(ty.clone()),
        }
    }

    /// The type with `_` for every `impl Trait`, which cannot be written inside a body. `None` when nothing else is known of it.
    pub(crate) fn known(&self) -> Option<Type> {
        let mut ty = self.ty.clone()?;
        forget_opaque(&mut ty);
        (!matches!(bare(&ty), Type::Infer(_))).then_some(ty)
    }

    /// The future's, stream's or iterator's kind.
    pub(crate) fn lazy(&self) -> Option<Kind> {
        match self.flow {
            Flow::Lazy { kind, .. } => Some(kind),
            Flow::Value => None,
        }
    }
}

fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Paren(inner) => bare(&inner.elem),
        Type::Group(inner) => bare(&inner.elem),
        other => other,
    }
}

fn flow(ty: &Type) -> Flow {
    if let Some((kind, boxed, yields)) = lazy(ty) {
        return Flow::Lazy { kind, boxed, fallible: false, yields };
    }
    if let Some(inner) = last(ty).filter(|segment| segment.ident == "Result").and_then(|segment| argument(segment, 0))
        && let Some((kind, boxed, yields)) = lazy(bare(inner))
    {
        return Flow::Lazy { kind, boxed, fallible: true, yields };
    }
    Flow::Value
}

fn is_closure(ty: &Type) -> bool {
    let Type::ImplTrait(opaque) = ty else { return false };
    let names = ["Fn", "FnMut", "FnOnce", "AsyncFn", "AsyncFnMut", "AsyncFnOnce"];
    opaque.bounds.iter().filter_map(trait_segment).any(|segment| names.iter().any(|name| segment.ident == name))
}

type Lazy = (Kind, bool, Option<Box<Type>>);

fn lazy(ty: &Type) -> Option<Lazy> {
    match ty {
        Type::ImplTrait(opaque) => {
            let (kind, yields) = of_bounds(opaque.bounds.iter())?;
            // Another trait would have to be passed on by our adapter, which cannot know it.
            opaque.bounds.iter().all(passes).then_some((kind, false, yields))
        }
        Type::Path(_) => {
            let segment = last(ty)?;
            match segment.ident.to_string().as_str() {
                "Pin" => {
                    let (kind, yields) = of_box(bare(argument(segment, 0)?))?;
                    (kind != Kind::Iterator).then_some((kind, true, yields))
                }
                "Box" => {
                    let (kind, yields) = of_box(ty)?;
                    (kind == Kind::Iterator).then_some((kind, true, yields))
                }
                "BoxFuture" | "LocalBoxFuture" => {
                    Some((Kind::Future, true, argument(segment, 0).cloned().map(Box::new)))
                }
                "BoxStream" | "LocalBoxStream" => {
                    Some((Kind::Stream, true, argument(segment, 0).cloned().map(Box::new)))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// `Box<dyn Trait ..>`
fn of_box(ty: &Type) -> Option<(Kind, Option<Box<Type>>)> {
    let segment = last(ty).filter(|segment| segment.ident == "Box")?;
    match bare(argument(segment, 0)?) {
        Type::TraitObject(object) => of_bounds(object.bounds.iter()),
        _ => None,
    }
}

fn of_bounds<'b>(bounds: impl Iterator<Item = &'b TypeParamBound>) -> Option<(Kind, Option<Box<Type>>)> {
    bounds.filter_map(trait_segment).find_map(|segment| {
        let kind = match segment.ident.to_string().as_str() {
            "Future" | "FusedFuture" => Kind::Future,
            "Stream" | "FusedStream" => Kind::Stream,
            "Iterator" | "DoubleEndedIterator" | "ExactSizeIterator" | "FusedIterator" => Kind::Iterator,
            _ => return None,
        };
        let name = if kind == Kind::Future { "Output" } else { "Item" };
        Some((kind, associated(segment, name)))
    })
}

/// Whether our adapters implement the bound when what they wrap does.
fn passes(bound: &TypeParamBound) -> bool {
    const KNOWN: [&str; 15] = [
        "Future",
        "FusedFuture",
        "Stream",
        "FusedStream",
        "Iterator",
        "DoubleEndedIterator",
        "ExactSizeIterator",
        "FusedIterator",
        "Send",
        "Sync",
        "Unpin",
        "Sized",
        "UnwindSafe",
        "RefUnwindSafe",
        "Debug",
    ];
    match bound {
        TypeParamBound::Trait(_) => {
            trait_segment(bound).is_some_and(|segment| KNOWN.iter().any(|name| segment.ident == name))
        }
        _ => true,
    }
}

fn trait_segment(bound: &TypeParamBound) -> Option<&PathSegment> {
    match bound {
        TypeParamBound::Trait(bound) => bound.path.segments.last(),
        _ => None,
    }
}

fn last(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

fn generics(segment: &PathSegment) -> Option<&AngleBracketedGenericArguments> {
    match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => Some(arguments),
        _ => None,
    }
}

/// The type argument at this place; lifetimes do not count.
fn argument(segment: &PathSegment, at: usize) -> Option<&Type> {
    let types = generics(segment)?.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.into_iter().nth(at)
}

fn associated(segment: &PathSegment, name: &str) -> Option<Box<Type>> {
    generics(segment)?.args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(assoc) if assoc.ident == name => Some(Box::new(assoc.ty.clone())),
        _ => None,
    })
}

/// Replaces each `impl Trait` by `_`.
fn forget_opaque(ty: &mut Type) {
    match ty {
        Type::ImplTrait(_) => *ty = syn::parse_quote!(_),
        Type::Array(inner) => forget_opaque(&mut inner.elem),
        Type::Group(inner) => forget_opaque(&mut inner.elem),
        Type::Paren(inner) => forget_opaque(&mut inner.elem),
        Type::Reference(inner) => forget_opaque(&mut inner.elem),
        Type::Slice(inner) => forget_opaque(&mut inner.elem),
        Type::Tuple(inner) => inner.elems.iter_mut().for_each(forget_opaque),
        Type::Path(path) => {
            for segment in &mut path.path.segments {
                if let PathArguments::AngleBracketed(arguments) = &mut segment.arguments {
                    for argument in &mut arguments.args {
                        if let GenericArgument::Type(ty) = argument {
                            forget_opaque(ty);
                        }
                    }
                }
            }
        }
        _ => {}
    }
}
