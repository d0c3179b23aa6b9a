//! The pipeline of OpenTelemetry's processor: the running one, or one of its own.

use super::builder::{Config, ConfigBuilder};
use super::guard::{self, Guard};
use super::running;
use crate::bridge::otel::{GalileoSpanProcessor, Pipeline};
use crate::error::InitError;
use crate::pipeline::stats::Report;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

impl GalileoSpanProcessor {
    /// A processor for the pipeline that runs; where none does, starts one from the environment, which sends OTLP to Galileo unless
    /// `GALILEO_EXPORTERS` says otherwise, and ends with the provider.
    ///
    /// # Errors
    /// As [`init`](crate::init).
    pub fn from_env() -> Result<Self, InitError> {
        match running::current() {
            Some(running) => Ok(Self::new(Box::new(Shared), running.routes())),
            None => Self::with_config(Config::builder().exporters_unless_given("otlp")),
        }
    }

    /// A processor with a pipeline of its own, which ends with the provider.
    ///
    /// # Errors
    /// As [`ConfigBuilder::init`].
    pub fn with_config(config: ConfigBuilder) -> Result<Self, InitError> {
        let guard = config.init()?;
        let routes = running::current().map(|running| running.routes()).unwrap_or_default();
        Ok(Self::new(Box::new(Owned(Mutex::new(Some(guard)))), routes))
    }
}

/// Somebody else's guard ends the pipeline.
#[derive(Debug)]
struct Shared;

impl Pipeline for Shared {
    fn flush(&self, timeout: Duration) -> Report {
        guard::flush(timeout)
    }

    fn shut_down(&self, timeout: Duration) -> Report {
        guard::flush(timeout)
    }
}

#[derive(Debug)]
struct Owned(Mutex<Option<Guard>>);

impl Pipeline for Owned {
    fn flush(&self, timeout: Duration) -> Report {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(guard) => guard.flush(timeout),
            None => Report::default(),
        }
    }

    fn shut_down(&self, timeout: Duration) -> Report {
        let guard = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        guard.map(|guard| guard.shutdown(timeout)).unwrap_or_default()
    }
}
