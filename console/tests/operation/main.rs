//! Running a console for others: its counters, forwarding, and what tells why traces do not arrive.
#![allow(clippy::unwrap_used)]

mod command;
mod dashboard;
mod doctor;
mod forward;
mod metrics;
#[path = "../support/mod.rs"]
mod support;
mod zstd;
