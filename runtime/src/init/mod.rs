//! Starting and stopping: the one place where settings become a running pipeline.

mod builder;
mod destinations;
mod guard;
mod logger;
#[cfg(feature = "opentelemetry")]
mod otel;
mod running;
#[cfg(all(unix, feature = "signal"))]
mod signal;
#[cfg(test)]
mod tests;

pub use builder::{Config, ConfigBuilder};
pub use guard::{Guard, flush, flush_async};
pub use running::status;

use crate::config::Mode;
use crate::error::InitError;

/// Starts recording with the settings of the environment and the nearest `.env` file.
///
/// Returns at once: logging in and finding the project happen on the SDK's own thread, while spans wait. Keep the guard for the life of
/// the program; dropping it delivers what is left, within a bound.
///
/// ```no_run
/// use galileo::{Mode, init};
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let _galileo = init(Mode::Distributed)?;
///     // the program
///     Ok(())
/// }
/// ```
///
/// # Errors
/// When a setting is missing or wrong; the message says which one and what to do. A second `init` while a guard lives is
/// [`InitError::AlreadyRunning`].
pub fn init(mode: Mode) -> Result<Guard, InitError> {
    Config::builder().mode(mode).init()
}
