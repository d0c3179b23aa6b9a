//! The `#[log]` attribute of `galileo-sdk`: parse, then plan, then expand.
//!
//! Use it as `galileo::log`; its manual stands there.

#![forbid(unsafe_code)]

mod errors;
mod expand;
mod parse;
mod plan;
#[cfg(test)]
mod tests;

use errors::Errors;
use proc_macro2::TokenStream;

#[allow(missing_docs, reason = "the manual stands where users find the attribute, at `galileo::log`")]
#[proc_macro_attribute]
pub fn log(args: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    compile(args.into(), item.into()).into()
}

fn compile(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let args = parse::Args::parse(args, &mut errors);
    let plan = match parse::InputFn::parse(item.clone()) {
        Ok(input) => plan::Plan::build(args, input, &mut errors),
        Err(error) => {
            errors.absorb(error);
            None
        }
    };
    match plan {
        Some(plan) if errors.is_empty() => expand::expand(&plan),
        _ => errors.with_item(item),
    }
}
