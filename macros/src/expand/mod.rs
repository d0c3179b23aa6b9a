//! Decisions to tokens. Nothing in here can fail or asks a question of the input.

mod async_fn;
mod look;
mod names;
mod open;
mod plain;
mod returned;
mod shell;

use crate::plan::{Plan, Shape};
use proc_macro2::TokenStream;

/// The user's function with a span around its body.
pub(crate) fn expand(plan: &Plan) -> TokenStream {
    let body = match &plan.shape {
        Shape::Sync => plain::in_closure(plan),
        Shape::Guarded => plain::guarded(plan),
        Shape::InPlace(body) => plain::in_place(plan, body),
        Shape::Async => async_fn::async_fn(plan),
        Shape::AsyncBlock { before, capture, block } => async_fn::async_block(plan, before, capture, block),
        Shape::Returned => returned::returned(plan),
    };
    shell::function(&plan.input, body)
}
