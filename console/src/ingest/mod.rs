//! From what senders write to parts of the store: one module for each protocol, none of which knows the others.

pub(crate) mod check;
pub(crate) mod galileo;
mod payload;
pub(crate) mod raw;
