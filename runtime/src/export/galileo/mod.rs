//! The Galileo backend's own protocol.

pub(crate) mod account;
#[cfg(test)]
mod account_tests;
mod answer;
mod delivery;
mod disk;
mod map;
mod session;
mod text;
mod wire;

pub(crate) use delivery::GalileoDestination;
