//! The contract with the code that `#[log]` generates. Not for people: it may change in any release.
//!
//! Generated code names nothing but this module. All but the outermost layer is free of type parameters, so that a function costs
//! the user's binary a call and an array of values, not a copy of the recording.
//!
//! | expansion | uses |
//! | --- | --- |
//! | every function | [`Site`], [`Callsite`], [`SpanType`], [`Field`], [`recording`], [`Probe`], [`Value`] |
//! | plain functions | [`Frame`], [`enter`], [`once`], [`call`] |
//! | `-> !`, `-> impl Fn`, `#[track_caller]` | [`Guard`], [`enter`], [`leave`], [`Branch`], [`FromRest`] |
//! | `async fn`, `async move` bodies | [`Begun`], [`begin`], [`pin!`], [`Alone`], [`Within`], [`Handover`], [`never`] |
//! | functions that return a future, stream or iterator | [`Running`], [`prepare`], [`once`], [`Task`], [`Items`] |
//! | `parent = ..`, `session = ..` | [`Base`], [`attach`], [`begin_in`], [`prepare_in`] |
//! | what looks at results | [`End`], [`Returned`], [`ErrorProbe`] |

mod base;
mod begun;
mod early;
mod end;
mod erased;
mod failure;
mod frame;
mod items;
mod open;
mod running;
mod seen;
mod site;
mod task;
#[cfg(test)]
mod tests;

pub use crate::capture::{ErrorProbe, Probe, Value};
pub use crate::model::{Callsite, Field, SpanType};
pub use crate::span::{enabled, recording};
pub use base::Base;
pub use begun::{Begun, begin, begin_in};
pub use early::{Branch, FromRest};
pub use end::{CacheHit, End, Returned, StatusCode, Tokens};
pub use frame::{Frame, Guard, attach, call, enter, leave, once};
pub use items::{Items, iterates, streams};
pub use running::{Running, prepare, prepare_in};
pub use site::{Site, as_debug, as_display, as_serialize, survives};
pub use std::boxed::Box;
pub use std::ops::ControlFlow;
pub use std::option::Option;
pub use std::pin::pin;
pub use std::result::Result;
pub use std::{file, format, line, module_path};
pub use task::{Alone, Handover, Task, Within, never, resolves_to};
