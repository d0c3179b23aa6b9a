//! Settings in code. What is set here wins over the environment, that over the `.env` file, that over the defaults; all of them go
//! through the same parsers.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::guard::Guard;
use super::running;
use crate::config::{self, LogLevel, Mode, RedactionRule, Secret, Settings, Source, SpoolMode, var};
use crate::error::InitError;
use crate::export::{Exporter, HookRecord, Pass};
use crate::pipeline::hook::Hook;
use crate::propagation::Propagators;
use crate::sampling::Sampler;

/// Where settings in code begin: [`Config::builder`].
#[derive(Debug)]
pub struct Config {
    // Only ever a name in front of `builder`.
    _nothing: (),
}

impl Config {
    /// Settings that start from the environment and the nearest `.env` file.
    ///
    /// ```
    /// use galileo::export::{ExportError, Exporter, Outcomes, SpanRecord};
    /// use galileo::{Config, Mode};
    /// use std::time::Duration;
    ///
    /// struct Discard;
    ///
    /// impl Exporter for Discard {
    ///     fn export(&mut self, _: &[SpanRecord<'_>], out: &mut Outcomes) -> Result<(), ExportError> {
    ///         out.deliver_all();
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let guard = Config::builder().mode(Mode::Batch).service_name("billing").exporter(Discard).init()?;
    /// galileo::Span::tool("sum").in_scope(|| 1 + 1);
    /// let report = guard.shutdown(Duration::from_secs(5));
    /// assert_eq!((report.accepted, report.delivered), (1, 1));
    /// # Ok::<(), galileo::InitError>(())
    /// ```
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder::default()
    }
}

/// Settings on their way to [`init`](ConfigBuilder::init). Each setter stands for the variable that its description names; wrong values
/// are reported by `init`.
#[must_use = "nothing starts before `init`"]
#[derive(Default)]
pub struct ConfigBuilder {
    set: HashMap<&'static str, Secret>,
    pub(super) exporters: Vec<Box<dyn Exporter>>,
    pub(super) propagators: Option<Propagators>,
    pub(super) sampler: Option<Sampler>,
    pub(super) redaction: Vec<RedactionRule>,
    pub(super) hook: Option<Hook>,
    #[cfg(all(unix, feature = "signal"))]
    pub(super) flush_on_signal: bool,
    dotenv: Dotenv,
    /// The exporters where nobody names any; Galileo's own unless this says otherwise.
    otherwise: Option<&'static str>,
}

#[derive(Debug, Default)]
enum Dotenv {
    #[default]
    Nearest,
    From(PathBuf),
    None,
}

impl std::fmt::Debug for ConfigBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let exporters: Vec<_> = self.exporters.iter().map(|exporter| exporter.name()).collect();
        f.debug_struct("ConfigBuilder").field("set", &self.set).field("exporters", &exporters).finish_non_exhaustive()
    }
}

impl ConfigBuilder {
    fn set(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.set.insert(name, Secret::new(value));
        self
    }

    /// When spans are sent (`GALILEO_MODE`).
    pub fn mode(self, mode: Mode) -> Self {
        let text = match mode {
            Mode::Batch => "batch",
            Mode::Distributed => "distributed",
        };
        self.set(var::MODE.name, text)
    }

    /// The key of the Galileo backend (`GALILEO_API_KEY`).
    pub fn api_key(self, key: impl Into<String>) -> Self {
        self.set(var::API_KEY.name, key)
    }

    /// The address of the Galileo API (`GALILEO_API_URL`).
    pub fn api_url(self, url: impl Into<String>) -> Self {
        self.set(var::API_URL.name, url)
    }

    /// The address of the Galileo console, from which that of the API follows (`GALILEO_CONSOLE_URL`).
    pub fn console_url(self, url: impl Into<String>) -> Self {
        self.set(var::CONSOLE_URL.name, url)
    }

    /// The project by name (`GALILEO_PROJECT`).
    pub fn project(self, name: impl Into<String>) -> Self {
        self.set(var::PROJECT.name, name)
    }

    /// The project by id (`GALILEO_PROJECT_ID`).
    pub fn project_id(self, id: impl Into<String>) -> Self {
        self.set(var::PROJECT_ID.name, id)
    }

    /// The log stream by name (`GALILEO_LOG_STREAM`).
    pub fn log_stream(self, name: impl Into<String>) -> Self {
        self.set(var::LOG_STREAM.name, name)
    }

    /// The log stream by id (`GALILEO_LOG_STREAM_ID`).
    pub fn log_stream_id(self, id: impl Into<String>) -> Self {
        self.set(var::LOG_STREAM_ID.name, id)
    }

    /// An experiment to log to instead of a log stream (`GALILEO_EXPERIMENT_ID`).
    pub fn experiment_id(self, id: impl Into<String>) -> Self {
        self.set(var::EXPERIMENT_ID.name, id)
    }

    /// The name of this process in traces (`GALILEO_SERVICE_NAME`).
    pub fn service_name(self, name: impl Into<String>) -> Self {
        self.set(var::SERVICE_NAME.name, name)
    }

    /// The version of this service (`GALILEO_SERVICE_VERSION`).
    pub fn service_version(self, version: impl Into<String>) -> Self {
        self.set(var::SERVICE_VERSION.name, version)
    }

    /// The deployment environment, such as `production` (`GALILEO_ENVIRONMENT`).
    pub fn environment(self, name: impl Into<String>) -> Self {
        self.set(var::ENVIRONMENT.name, name)
    }

    /// Built-in exporters by name, such as `"galileo,otlp"` (`GALILEO_EXPORTERS`).
    pub fn exporters(self, names: impl Into<String>) -> Self {
        self.set(var::EXPORTERS.name, names)
    }

    /// Built-in exporters by name where nobody names any.
    #[cfg(feature = "opentelemetry")]
    pub(super) fn exporters_unless_given(self, names: &'static str) -> Self {
        Self { otherwise: Some(names), ..self }
    }

    /// One more exporter. With one of your own, the built-in ones are used only where [`exporters`](Self::exporters) or
    /// `GALILEO_EXPORTERS` name them.
    pub fn exporter(mut self, exporter: impl Exporter + 'static) -> Self {
        self.exporters.push(Box::new(exporter));
        self
    }

    /// What is read from requests and written into them (`GALILEO_PROPAGATORS`).
    pub fn propagators(mut self, propagators: Propagators) -> Self {
        self.propagators = Some(propagators);
        self
    }

    /// Hosts that get headers, instead of all (`GALILEO_PROPAGATION_HOSTS`; see
    /// [`AllowedHosts`](crate::middleware::AllowedHosts) for the forms).
    pub fn propagation_hosts<T: AsRef<str>>(self, hosts: impl IntoIterator<Item = T>) -> Self {
        let hosts: Vec<String> = hosts.into_iter().map(|host| host.as_ref().to_owned()).collect();
        self.set(var::PROPAGATION_HOSTS.name, hosts.join(","))
    }

    /// The share of traces to record, from 0 to 1 (`GALILEO_SAMPLE_RATE`).
    pub fn sample_rate(self, ratio: f64) -> Self {
        self.set(var::SAMPLE_RATE.name, ratio.to_string())
    }

    /// Which traces are recorded; wins over [`sample_rate`](Self::sample_rate).
    pub fn sampler(mut self, sampler: Sampler) -> Self {
        self.sampler = Some(sampler);
        self
    }

    /// When spans go to disk (`GALILEO_SPOOL`).
    pub fn spool(self, mode: SpoolMode) -> Self {
        let text = match mode {
            SpoolMode::Off => "off",
            SpoolMode::OnFailure => "on_failure",
            SpoolMode::Always => "always",
        };
        self.set(var::SPOOL.name, text)
    }

    /// Where on disk (`GALILEO_SPOOL_DIR`).
    pub fn spool_dir(self, folder: impl AsRef<Path>) -> Self {
        self.set(var::SPOOL_DIR.name, folder.as_ref().to_string_lossy())
    }

    /// How much disk they may take (`GALILEO_SPOOL_MAX_BYTES`).
    pub fn spool_max_bytes(self, bytes: u64) -> Self {
        self.set(var::SPOOL_MAX_BYTES.name, bytes.to_string())
    }

    /// The longest captured value in bytes (`GALILEO_MAX_VALUE_BYTES`).
    pub fn max_value_bytes(self, bytes: usize) -> Self {
        self.set(var::MAX_VALUE_BYTES.name, bytes.to_string())
    }

    /// A look at everything that is recorded, on the worker and before any exporter has it: inspect, change, leave out. Spans that are
    /// left out are counted as [`DropReason::Filtered`](crate::DropReason::Filtered).
    ///
    /// A span that called other services should stay, because their spans name it. With `GALILEO_SPOOL=always` what is written in
    /// advance has not passed the hook.
    pub fn export_hook(mut self, hook: impl FnMut(&mut HookRecord<'_>) -> Pass + Send + 'static) -> Self {
        self.hook = Some(Hook::new(hook));
        self
    }

    /// One more rule for what is masked in captured values, beside the well-known shapes that `GALILEO_REDACT_VALUES` stands for.
    pub fn redact(mut self, rule: RedactionRule) -> Self {
        self.redaction.push(rule);
        self
    }

    /// The memory that spans may take before they are sent, in bytes (`GALILEO_QUEUE_BYTES`).
    pub fn queue_bytes(self, bytes: usize) -> Self {
        self.set(var::QUEUE_BYTES.name, bytes.to_string())
    }

    /// The largest request body in bytes (`GALILEO_MAX_BODY_BYTES`).
    pub fn max_body_bytes(self, bytes: usize) -> Self {
        self.set(var::MAX_BODY_BYTES.name, bytes.to_string())
    }

    /// How long a trace that other services know stays open after its last local span (`GALILEO_TRACE_LINGER`).
    pub fn trace_linger(self, wait: Duration) -> Self {
        self.set(var::TRACE_LINGER.name, milliseconds(wait))
    }

    /// How long dropping the guard may take (`GALILEO_FLUSH_TIMEOUT`).
    pub fn flush_timeout(self, timeout: Duration) -> Self {
        self.set(var::FLUSH_TIMEOUT.name, milliseconds(timeout))
    }

    /// Delivers what is recorded before SIGTERM or SIGINT ends the process, within [`flush_timeout`](Self::flush_timeout); the process then
    /// ends by that signal, as without this. For programs without a handler of their own: those end their work first and drop the guard.
    /// A signal that the program ignores stays ignored. Without a call of this the SDK touches no signal.
    #[cfg(all(unix, feature = "signal"))]
    pub fn flush_on_signal(mut self) -> Self {
        self.flush_on_signal = true;
        self
    }

    /// How long one request may take (`GALILEO_REQUEST_TIMEOUT`).
    pub fn request_timeout(self, timeout: Duration) -> Self {
        self.set(var::REQUEST_TIMEOUT.name, milliseconds(timeout))
    }

    /// What the SDK says on standard error (`GALILEO_LOG_LEVEL`).
    pub fn log_level(self, level: LogLevel) -> Self {
        let text = match level {
            LogLevel::Off => "off",
            LogLevel::Error => "error",
            LogLevel::Warn => "warning",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
        };
        self.set(var::LOG_LEVEL.name, text)
    }

    /// Allows `http://` to other machines (`GALILEO_ALLOW_HTTP`).
    pub fn allow_http(self, allow: bool) -> Self {
        self.set(var::ALLOW_HTTP.name, allow.to_string())
    }

    /// Any other variable of [`config::VARIABLES`](crate::config::VARIABLES) by its name; an unknown name does nothing.
    pub fn variable(self, name: &str, value: impl Into<String>) -> Self {
        match config::VARIABLES.iter().find(|variable| variable.name == name) {
            Some(variable) => self.set(variable.name, value),
            None => self,
        }
    }

    /// Reads `.env` from this folder upwards instead of from the working folder.
    pub fn dotenv_from(mut self, folder: impl Into<PathBuf>) -> Self {
        self.dotenv = Dotenv::From(folder.into());
        self
    }

    /// Reads no `.env` file.
    pub fn without_dotenv(mut self) -> Self {
        self.dotenv = Dotenv::None;
        self
    }

    /// Checks the settings and starts recording.
    ///
    /// # Errors
    /// As [`init`](crate::init).
    pub fn init(self) -> Result<Guard, InitError> {
        if !cfg!(feature = "enable") {
            return Err(InitError::NotEnabled);
        }
        let settings = self.settings()?;
        running::start(settings, self)
    }

    fn settings(&self) -> Result<Settings, InitError> {
        let file = match &self.dotenv {
            Dotenv::Nearest => config::read_dotenv()?,
            Dotenv::From(folder) => config::read_dotenv_from(folder)?,
            Dotenv::None => HashMap::new(),
        };
        let source = Source { set: &self.set, environment: &config::process_environment, file: &file };
        let otherwise = if self.exporters.is_empty() { self.otherwise } else { Some("none") };
        let Some(otherwise) = otherwise.filter(|_| !source.is_given(&var::EXPORTERS).unwrap_or(true)) else {
            return Settings::resolve(&source);
        };
        let mut set = self.set.clone();
        set.insert(var::EXPORTERS.name, Secret::new(otherwise));
        Settings::resolve(&Source { set: &set, ..source })
    }
}

fn milliseconds(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}
