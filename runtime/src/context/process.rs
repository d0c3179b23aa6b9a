//! The context of a child process, in its environment.

use super::Context;
use crate::propagation::{EnvCarrier, installed};
use std::process::Command;

/// Hands the running trace to a child process.
pub trait CommandExt {
    /// Sets the variables that name the current span (`TRACEPARENT`, `X_GALILEO_TRACE_ID` and the rest); the child reads them with
    /// [`Context::from_env`]. Without a trace the child gets what this process got.
    ///
    /// ```
    /// use galileo::middleware::CommandExt;
    ///
    /// let mut command = std::process::Command::new("true");
    /// command.trace_env();
    /// assert_eq!(command.get_envs().count(), 0, "no trace runs here");
    /// ```
    ///
    /// For `tokio::process::Command`: `command.as_std_mut().trace_env()`.
    fn trace_env(&mut self) -> &mut Self;
}

impl CommandExt for Command {
    fn trace_env(&mut self) -> &mut Self {
        let variables = Context::running().to_env();
        if variables.iter().next().is_some() {
            // What this process inherited describes another span than the one that is named now.
            for field in installed().fields() {
                self.env_remove(EnvCarrier::variable(field));
            }
            self.envs(variables.iter());
        }
        self
    }
}
