//! The fault matrix: each row is a test that bears its number, and each test ends by comparing the SDK's books with the backend's.
//!
//! One pipeline runs in a process at a time, so the rows take turns; those that concern the life of a process run this program again.

#![allow(clippy::unwrap_used)]

#[cfg(unix)]
mod checklist;
mod common;
mod data;
mod disk;
mod host;
#[cfg(unix)]
mod host_end;
mod network;
#[cfg(unix)]
mod page;
#[cfg(unix)]
mod process;
#[cfg(unix)]
mod scenes;
#[cfg(unix)]
mod services;
#[cfg(unix)]
mod soak;
mod values;
