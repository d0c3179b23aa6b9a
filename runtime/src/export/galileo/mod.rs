//! The Galileo backend's own protocol.

pub(crate) mod account;
#[cfg(test)]
mod account_tests;
mod answer;
mod client;
mod delivery;
mod disk;
mod label;
mod map;
#[cfg(test)]
mod outage_tests;
mod session;
mod text;
mod value;
mod wire;

pub(crate) use delivery::GalileoDestination;
