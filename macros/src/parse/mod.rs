//! Tokens to syntax: the attribute's arguments and the function under it.

mod args;
mod input;
mod keys;
mod nearest;
mod once;
mod value;

pub(crate) use args::Args;
pub(crate) use input::InputFn;
pub(crate) use keys::{Key, SPAN_TYPES};
pub(crate) use nearest::nearest;
pub(crate) use once::Once;
pub(crate) use value::{As, Form, OnResult, Tags, name_of};
