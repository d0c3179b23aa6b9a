//! Early exits of a body that has to stay where it is.
//!
//! ```text
//! return value        break 'body value
//! operand?            match branch(operand) { Continue(value) => value, Break(rest) => break 'body from_rest(rest) }
//! ```
//!
//! What stands inside macros cannot be seen; it leaves the function as before, and the span ends without an output.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::parse::Parser;
use syn::{Arm, Block, Expr, Lifetime, Stmt, parse_quote};

/// The body with its early exits rewritten.
pub(crate) struct Body {
    pub(crate) tokens: TokenStream,
    /// Whether anything leaves early; an unused label would be a warning.
    pub(crate) leaves_early: bool,
}

/// The label of the block that the body becomes.
pub(crate) fn label() -> Lifetime {
    Lifetime::new("'__galileo_body", Span::mixed_site())
}

/// Placeholder for the path of the hidden module, which `use` brings into scope.
const PRIVATE: &str = "__galileo";

impl Body {
    pub(crate) fn of(tokens: &TokenStream) -> Self {
        let Ok(mut statements) = Block::parse_within.parse2(tokens.clone()) else {
            // Half-written: the compiler says what is wrong with it.
            return Self { tokens: tokens.clone(), leaves_early: false };
        };
        let mut exits = Exits(0);
        exits.statements(&mut statements);
        if exits.0 == 0 {
            return Self { tokens: tokens.clone(), leaves_early: false };
        }
        Self { tokens: quote!(#(#statements)*), leaves_early: true }
    }
}

/// Rewrites exits and counts them.
struct Exits(usize);

impl Exits {
    fn statements(&mut self, statements: &mut [Stmt]) {
        for statement in statements {
            match statement {
                Stmt::Local(local) => {
                    if let Some(init) = &mut local.init {
                        self.expr(&mut init.expr);
                        if let Some((_, diverge)) = &mut init.diverge {
                            self.expr(diverge);
                        }
                    }
                }
                Stmt::Expr(expr, _) => self.expr(expr),
                // Items have bodies of their own; macros cannot be looked into.
                _ => {}
            }
        }
    }

    fn all<'e>(&mut self, exprs: impl IntoIterator<Item = &'e mut Expr>) {
        exprs.into_iter().for_each(|expr| self.expr(expr));
    }

    fn expr(&mut self, expr: &mut Expr) {
        match expr {
            Expr::Return(exit) => {
                self.0 += 1;
                let label = label();
                let value = exit.expr.take().map(|mut value| {
                    self.expr(&mut value);
                    value
                });
                *expr = match value {
                    Some(value) => parse_quote!(break #label #value),
                    None => parse_quote!(break #label ()),
                };
            }
            Expr::Try(exit) => {
                self.0 += 1;
                self.expr(&mut exit.expr);
                let (label, operand) = (label(), exit.expr.to_token_stream());
                let private = proc_macro2::Ident::new(PRIVATE, Span::mixed_site());
                *expr = parse_quote! {
                    match #private::Branch::branch(#operand) {
                        #private::ControlFlow::Continue(value) => value,
                        #private::ControlFlow::Break(rest) => break #label #private::FromRest::from_rest(rest),
                    }
                };
            }
            Expr::Array(e) => self.all(&mut e.elems),
            Expr::Assign(e) => self.all([&mut *e.left, &mut *e.right]),
            Expr::Await(e) => self.expr(&mut e.base),
            Expr::Binary(e) => self.all([&mut *e.left, &mut *e.right]),
            Expr::Block(e) => self.statements(&mut e.block.stmts),
            Expr::Break(e) => self.all(e.expr.as_deref_mut()),
            Expr::Call(e) => {
                self.expr(&mut e.func);
                self.all(&mut e.args);
            }
            Expr::Cast(e) => self.expr(&mut e.expr),
            Expr::Field(e) => self.expr(&mut e.base),
            Expr::ForLoop(e) => {
                self.expr(&mut e.expr);
                self.statements(&mut e.body.stmts);
            }
            Expr::Group(e) => self.expr(&mut e.expr),
            Expr::If(e) => {
                self.expr(&mut e.cond);
                self.statements(&mut e.then_branch.stmts);
                if let Some((_, otherwise)) = &mut e.else_branch {
                    self.expr(otherwise);
                }
            }
            Expr::Index(e) => self.all([&mut *e.expr, &mut *e.index]),
            Expr::Let(e) => self.expr(&mut e.expr),
            Expr::Loop(e) => self.statements(&mut e.body.stmts),
            Expr::Match(e) => {
                self.expr(&mut e.expr);
                e.arms.iter_mut().for_each(|arm| self.arm(arm));
            }
            Expr::MethodCall(e) => {
                self.expr(&mut e.receiver);
                self.all(&mut e.args);
            }
            Expr::Paren(e) => self.expr(&mut e.expr),
            Expr::Range(e) => self.all(e.start.as_deref_mut().into_iter().chain(e.end.as_deref_mut())),
            Expr::RawAddr(e) => self.expr(&mut e.expr),
            Expr::Reference(e) => self.expr(&mut e.expr),
            Expr::Repeat(e) => self.expr(&mut e.expr),
            Expr::Struct(e) => {
                self.all(e.fields.iter_mut().map(|field| &mut field.expr));
                self.all(e.rest.as_deref_mut());
            }
            Expr::Tuple(e) => self.all(&mut e.elems),
            Expr::Unary(e) => self.expr(&mut e.expr),
            Expr::Unsafe(e) => self.statements(&mut e.block.stmts),
            Expr::While(e) => {
                self.expr(&mut e.cond);
                self.statements(&mut e.body.stmts);
            }
            // Closures, `async` and `const` blocks return from themselves; the rest holds no expression.
            _ => {}
        }
    }

    fn arm(&mut self, arm: &mut Arm) {
        if let syn::Pat::Guard(guard) = &mut arm.pat {
            self.expr(&mut guard.guard);
        }
        self.expr(&mut arm.body);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exits_of_the_function_itself_are_rewritten() {
        for (body, early, why) in [
            (quote!(1), false, "a value"),
            (quote!(return 1), true, "a return"),
            (quote!(let a = b()?; a), true, "a question mark"),
            (quote!(if a { return } else { b }), true, "inside a branch"),
            (quote!(list.iter().map(|x| return x).sum()), false, "the closure's own return"),
            (quote!(let f = async { g().await? }; f), false, "the block's own question mark"),
            (
                quote!(
                    fn inner() -> u8 {
                        return 1;
                    },
                    inner()
                ),
                false,
                "the inner function's return",
            ),
            (quote!(bail!("x")), false, "a macro cannot be seen"),
            (
                quote!(match a {
                    Some(b) if c? => d,
                    _ => e,
                }),
                true,
                "a guard",
            ),
            (quote!(x.), false, "half-written"),
        ] {
            assert_eq!(Body::of(&body).leaves_early, early, "{why}");
        }
    }
}
