//! The Galileo backend's own protocol.

pub(crate) mod account;
#[cfg(test)]
mod account_tests;
mod map;
mod text;
mod wire;
