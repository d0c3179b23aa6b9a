//! Tasks that carry on where they were spawned.

use super::{Context, InCurrentContext};
use std::future::Future;
use tokio::task::JoinHandle;

/// Spawns a task on tokio that runs in the current context: its spans are children of the span that spawns it.
///
/// The trace stays open until the task has ended, also when the span that spawned it ends first.
///
/// # Panics
///
/// As [`tokio::spawn`] does when no runtime runs.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tokio::task::JoinError> {
/// assert_eq!(galileo::spawn(async { 1 + 1 }).await?, 2);
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(future.in_current_context())
}

/// Runs a closure that blocks on tokio's pool for such work, in the current context.
///
/// # Panics
///
/// As [`tokio::task::spawn_blocking`] does when no runtime runs.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tokio::task::JoinError> {
/// assert_eq!(galileo::spawn_blocking(|| 1 + 1).await?, 2);
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn spawn_blocking<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
    tokio::task::spawn_blocking(Context::current().wrap(f))
}
