//! `#[log]` where it needs more than its own crates: on the wire, in a process that aborts, in older editions.

#![allow(clippy::unwrap_used)]

mod abort;
mod secret_names;
mod wire;

/// A process has one pipeline.
fn turn() -> std::sync::MutexGuard<'static, ()> {
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
