//! The table of every variable that the SDK reads: name, meaning, default and parser in one place. Builder setters go
//! through the same parsers, so a setting means the same wherever it comes from.

use std::collections::HashMap;
use std::time::Duration;

use super::parse;
use super::secret::Secret;
use super::{CompressionSetting, ExporterKind, LogLevel, Mode, OtlpProtocol, PropagatorKind, SpoolMode};
use crate::error::InitError;

/// One variable of the table.
pub(crate) struct Var<T> {
    pub(crate) name: &'static str,
    default: &'static str,
    secret: bool,
    /// The value, or a description of what is allowed.
    parse: fn(&str) -> Result<T, &'static str>,
}

/// A row of the table as documentation: what `galileo-console doctor` and the guide print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Variable {
    /// The name of the environment variable.
    pub name: &'static str,
    /// What holds when it is not set; empty for "nothing".
    pub default: &'static str,
    /// What it is for.
    pub about: &'static str,
}

macro_rules! variables {
    ($($(#[doc = $about:literal])+ $ident:ident: $type:ty = $name:literal, $default:literal, $parse:expr $(, secret $secret:literal)?;)+) => {
        $(
            $(#[doc = $about])+
            pub(crate) const $ident: Var<$type> = Var { name: $name, default: $default, secret: false $(|| $secret)?, parse: $parse };
        )+
        /// Every environment variable that the SDK reads, in the order in which the guide explains them.
        ///
        /// ```
        /// assert!(galileo::config::VARIABLES.iter().any(|variable| variable.name == "GALILEO_API_KEY"));
        /// ```
        pub const VARIABLES: &[Variable] = &[
            $(Variable { name: $name, default: $default, about: concat!($($about),+).trim_ascii() },)+
        ];
    };
}

variables! {
    /// API key of the Galileo backend; not needed when the backend is on this machine.
    API_KEY: Secret = "GALILEO_API_KEY", "", parse::secret, secret true;
    /// User name, with GALILEO_PASSWORD, instead of a key.
    USERNAME: String = "GALILEO_USERNAME", "", parse::text;
    /// Password of GALILEO_USERNAME.
    PASSWORD: Secret = "GALILEO_PASSWORD", "", parse::secret, secret true;
    /// ID token of a single sign-on provider, with GALILEO_SSO_PROVIDER.
    SSO_ID_TOKEN: Secret = "GALILEO_SSO_ID_TOKEN", "", parse::secret, secret true;
    /// Which provider GALILEO_SSO_ID_TOKEN is from.
    SSO_PROVIDER: String = "GALILEO_SSO_PROVIDER", "", parse::text;
    /// A token that was obtained elsewhere; no login is made.
    JWT_TOKEN: Secret = "GALILEO_JWT_TOKEN", "", parse::secret, secret true;
    /// Address of the Galileo console; the API address follows from it.
    CONSOLE_URL: String = "GALILEO_CONSOLE_URL", "https://app.galileo.ai", parse::text;
    /// Address of the Galileo API; wins over GALILEO_CONSOLE_URL.
    API_URL: String = "GALILEO_API_URL", "", parse::text;
    /// The OTLP address when it ends in /otel/traces or /otel/v1/traces, else the API address; GALILEO_API_URL wins for the latter.
    API_ENDPOINT: String = "GALILEO_API_ENDPOINT", "", parse::text;
    /// Name of the project; made when it does not exist.
    PROJECT: String = "GALILEO_PROJECT", "default", parse::text;
    /// Id of the project; wins over the name and saves a look-up.
    PROJECT_ID: String = "GALILEO_PROJECT_ID", "", parse::uuid4;
    /// Name of the log stream; made when it does not exist.
    LOG_STREAM: String = "GALILEO_LOG_STREAM", "default", parse::text;
    /// Id of the log stream; wins over the name and saves a look-up.
    LOG_STREAM_ID: String = "GALILEO_LOG_STREAM_ID", "", parse::uuid4;
    /// Id of an experiment to log to instead of a log stream.
    EXPERIMENT_ID: String = "GALILEO_EXPERIMENT_ID", "", parse::uuid4;
    /// `batch` sends whole traces when they are complete, `distributed` sends spans as they start and end.
    MODE: Mode = "GALILEO_MODE", "batch", parse::mode;
    /// Switches recording off: traced functions still run, nothing is sent.
    LOGGING_DISABLED: bool = "GALILEO_LOGGING_DISABLED", "false", parse::boolean;
    /// The same under the name that the JavaScript SDK uses.
    DISABLE_LOGGING: bool = "GALILEO_DISABLE_LOGGING", "false", parse::boolean;
    /// Never looks for the ingest service.
    INGEST_BETA_DISABLED: bool = "GALILEO_INGEST_BETA_DISABLED", "false", parse::boolean;
    /// JSON object of strings: headers for every API, probe and ingest request.
    EXTRA_HEADERS: Vec<(http::HeaderName, http::HeaderValue)> = "GALILEO_EXTRA_HEADERS", "", parse::extra_headers, secret true;
    /// Allows http:// to other machines.
    ALLOW_HTTP: bool = "GALILEO_ALLOW_HTTP", "false", parse::boolean;
    /// gzip of request bodies: `auto` (where it pays), `gzip` or `none`.
    COMPRESSION: CompressionSetting = "GALILEO_COMPRESSION", "auto", parse::compression;
    /// Sends each span in a request of its own, for a backend that refuses nested or grouped spans.
    SINGLE_SPANS: bool = "GALILEO_SINGLE_SPANS", "false", parse::boolean;
    /// Name of this process in traces; else OTEL_SERVICE_NAME, else the executable's name.
    SERVICE_NAME: String = "GALILEO_SERVICE_NAME", "", parse::text;
    /// Version of this service.
    SERVICE_VERSION: String = "GALILEO_SERVICE_VERSION", "", parse::text;
    /// Deployment environment, such as production.
    ENVIRONMENT: String = "GALILEO_ENVIRONMENT", "", parse::text;
    /// Where traces go: a list of galileo, otlp, langsmith, stdout, none.
    EXPORTERS: Vec<ExporterKind> = "GALILEO_EXPORTERS", "galileo", parse::exporters;
    /// Header formats to write and read, and no others: a list of galileo, tracecontext, baggage, langsmith, none; else OTEL_PROPAGATORS.
    /// Without either, all four are read and the first three written.
    PROPAGATORS: Vec<PropagatorKind> = "GALILEO_PROPAGATORS", "", parse::propagators;
    /// Hosts that get headers, as a list: names, *.names, addresses, each with or without a port. Without it every host does.
    PROPAGATION_HOSTS: String = "GALILEO_PROPAGATION_HOSTS", "", parse::text;
    /// Share of traces to record, from 0 to 1, chosen by trace id; a caller's decision is followed.
    SAMPLE_RATE: f64 = "GALILEO_SAMPLE_RATE", "", parse::ratio;
    /// Longest captured value in bytes; the rest is cut with a marker.
    MAX_VALUE_BYTES: usize = "GALILEO_MAX_VALUE_BYTES", "64KiB", parse::bytes_from_64;
    /// Masks keys and tokens of well-known shapes inside captured values.
    REDACT_VALUES: bool = "GALILEO_REDACT_VALUES", "true", parse::boolean;
    /// Longest record of one span in bytes.
    MAX_RECORD_BYTES: usize = "GALILEO_MAX_RECORD_BYTES", "1MiB", parse::bytes_from_4k;
    /// Memory that spans may take before they are sent.
    QUEUE_BYTES: usize = "GALILEO_QUEUE_BYTES", "32MiB", parse::bytes_from_64k;
    /// Largest request body before compression.
    MAX_BODY_BYTES: usize = "GALILEO_MAX_BODY_BYTES", "5MiB", parse::bytes_from_4k;
    /// `off`; `on_failure`: spans go to disk while the backend fails, and at shutdown what could not be delivered; `always`: every record
    /// is on disk before the call that made it returns.
    SPOOL: SpoolMode = "GALILEO_SPOOL", "on_failure", parse::spool_mode;
    /// Folder of the spool; else `spool` in GALILEO_HOME_DIR.
    SPOOL_DIR: String = "GALILEO_SPOOL_DIR", "", parse::text;
    /// Disk that the spool may take.
    SPOOL_MAX_BYTES: u64 = "GALILEO_SPOOL_MAX_BYTES", "256MiB", parse::disk_bytes;
    /// How long undelivered spans are kept.
    SPOOL_MAX_AGE: Duration = "GALILEO_SPOOL_MAX_AGE", "24h", parse::duration;
    /// The SDK's own folder.
    HOME_DIR: String = "GALILEO_HOME_DIR", "~/.galileo", parse::text;
    /// How long a trace that other services know stays open after its last local span.
    TRACE_LINGER: Duration = "GALILEO_TRACE_LINGER", "2s", parse::duration;
    /// How long dropping the guard may take.
    FLUSH_TIMEOUT: Duration = "GALILEO_FLUSH_TIMEOUT", "5s", parse::duration;
    /// How long one request may take; doubles, up to a minute, while requests run into it.
    REQUEST_TIMEOUT: Duration = "GALILEO_REQUEST_TIMEOUT", "10s", parse::positive_duration;
    /// The server layer delivers a request's spans before its response ends.
    FLUSH_BEFORE_RESPONSE: bool = "GALILEO_FLUSH_BEFORE_RESPONSE", "false", parse::boolean;
    /// What the SDK says on standard error: off, error, warning, info, debug.
    LOG_LEVEL: LogLevel = "GALILEO_LOG_LEVEL", "warning", parse::log_level;
    /// Name of this process, when GALILEO_SERVICE_NAME is not set.
    OTEL_SERVICE_NAME: String = "OTEL_SERVICE_NAME", "", parse::text;
    /// Attributes of this process: a list of key=value.
    OTEL_RESOURCE_ATTRIBUTES: Vec<(String, String)> = "OTEL_RESOURCE_ATTRIBUTES", "", parse::pairs;
    /// Header formats to write and read when GALILEO_PROPAGATORS is not set; names that this SDK does not have are left out.
    OTEL_PROPAGATORS: String = "OTEL_PROPAGATORS", "", parse::text;
    /// Sampler by its OpenTelemetry name, when GALILEO_SAMPLE_RATE is not set.
    OTEL_TRACES_SAMPLER: String = "OTEL_TRACES_SAMPLER", "", parse::text;
    /// Ratio for the ratio samplers of OTEL_TRACES_SAMPLER.
    OTEL_TRACES_SAMPLER_ARG: f64 = "OTEL_TRACES_SAMPLER_ARG", "", parse::ratio;
    /// Base address for OTLP; `/v1/traces` is added.
    OTEL_ENDPOINT: String = "OTEL_EXPORTER_OTLP_ENDPOINT", "", parse::text;
    /// Full OTLP address for traces.
    OTEL_TRACES_ENDPOINT: String = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "", parse::text;
    /// Headers of OTLP requests: a list of key=value.
    OTEL_HEADERS: Vec<(String, String)> = "OTEL_EXPORTER_OTLP_HEADERS", "", parse::pairs, secret true;
    /// The same for traces alone.
    OTEL_TRACES_HEADERS: Vec<(String, String)> = "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "", parse::pairs, secret true;
    /// `http/protobuf` or `http/json`.
    OTEL_PROTOCOL: OtlpProtocol = "OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", parse::otlp_protocol;
    /// The same for traces alone.
    OTEL_TRACES_PROTOCOL: OtlpProtocol = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "", parse::otlp_protocol;
    /// `gzip` or `none`.
    OTEL_COMPRESSION: CompressionSetting = "OTEL_EXPORTER_OTLP_COMPRESSION", "", parse::compression;
    /// The same for traces alone.
    OTEL_TRACES_COMPRESSION: CompressionSetting = "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "", parse::compression;
    /// Longest OTLP request in milliseconds.
    OTEL_TIMEOUT: Duration = "OTEL_EXPORTER_OTLP_TIMEOUT", "", parse::milliseconds;
    /// The same for traces alone.
    OTEL_TRACES_TIMEOUT: Duration = "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "", parse::milliseconds;
    /// OTLP address, when none of the standard names is set.
    OTLP_COLLECTOR_ENDPOINT: String = "OTLP_COLLECTOR_ENDPOINT", "", parse::text;
    /// Bearer token for OTLP_COLLECTOR_ENDPOINT.
    OTLP_AUTH_TOKEN: Secret = "OTLP_AUTH_TOKEN", "", parse::secret, secret true;
    /// API key of LangSmith.
    LANGSMITH_API_KEY: Secret = "LANGSMITH_API_KEY", "", parse::secret, secret true;
    /// Address of LangSmith.
    LANGSMITH_ENDPOINT: String = "LANGSMITH_ENDPOINT", "https://api.smith.langchain.com", parse::text;
    /// Project in LangSmith.
    LANGSMITH_PROJECT: String = "LANGSMITH_PROJECT", "default", parse::text;
    /// Workspace in LangSmith.
    LANGSMITH_WORKSPACE_ID: String = "LANGSMITH_WORKSPACE_ID", "", parse::text;
    /// Share of traces that go to LangSmith.
    LANGSMITH_SAMPLING_RATE: f64 = "LANGSMITH_TRACING_SAMPLING_RATE", "", parse::ratio;
    /// Leaves inputs out of what goes to LangSmith.
    LANGSMITH_HIDE_INPUTS: bool = "LANGSMITH_HIDE_INPUTS", "false", parse::boolean;
    /// Leaves outputs out of what goes to LangSmith.
    LANGSMITH_HIDE_OUTPUTS: bool = "LANGSMITH_HIDE_OUTPUTS", "false", parse::boolean;
    /// Leaves metadata out of what goes to LangSmith.
    LANGSMITH_HIDE_METADATA: bool = "LANGSMITH_HIDE_METADATA", "false", parse::boolean;
}

/// Where values come from, in order: what the program set, the real environment, the `.env` file, the table's default.
pub(crate) struct Source<'a> {
    pub(crate) set: &'a HashMap<&'static str, Secret>,
    pub(crate) environment: &'a dyn Fn(&str) -> Option<Result<String, InvalidUnicode>>,
    pub(crate) file: &'a HashMap<String, String>,
}

/// A variable of the environment that is not text.
pub(crate) struct InvalidUnicode;

impl Source<'_> {
    /// The value of a variable with its default, or `None` when it has neither.
    pub(crate) fn get<T>(&self, var: &Var<T>) -> Result<Option<T>, InitError> {
        match self.raw(var)? {
            Some(text) => self.parse(var, &text).map(Some),
            None if var.default.is_empty() => Ok(None),
            None => self.parse(var, var.default).map(Some),
        }
    }

    /// Whether someone gave a value.
    pub(crate) fn is_given<T>(&self, var: &Var<T>) -> Result<bool, InitError> {
        Ok(self.raw(var)?.is_some())
    }

    /// The text that someone gave. Empty counts as absent: that is how compose files and shells unset a variable.
    fn raw<T>(&self, var: &Var<T>) -> Result<Option<String>, InitError> {
        if let Some(text) = self.set.get(var.name) {
            return Ok(Some(text.expose().to_owned()));
        }
        let text = match (self.environment)(var.name) {
            Some(Ok(text)) => Some(text),
            Some(Err(InvalidUnicode)) => {
                return Err(InitError::InvalidSetting {
                    name: var.name,
                    value: "***".into(),
                    expected: "UTF-8 text".into(),
                });
            }
            None => self.file.get(var.name).cloned(),
        };
        Ok(text.filter(|text| !text.trim().is_empty()))
    }

    fn parse<T>(&self, var: &Var<T>, text: &str) -> Result<T, InitError> {
        (var.parse)(text.trim()).map_err(|expected| {
            let value = if var.secret { "***".to_owned() } else { text.chars().take(200).collect() };
            InitError::InvalidSetting { name: var.name, value, expected: expected.to_owned() }
        })
    }
}

/// Reads the process's environment. The only place in the SDK that does.
pub(crate) fn process_environment(name: &str) -> Option<Result<String, InvalidUnicode>> {
    std::env::var_os(name).map(|value| value.into_string().map_err(|_| InvalidUnicode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_value_that_its_own_parser_takes() {
        let set = HashMap::new();
        let file = HashMap::new();
        let source = Source { set: &set, environment: &|_| None, file: &file };
        let settings = super::super::Settings::resolve(&source).map(|_| ());
        // The default exporter is Galileo's hosted backend, which wants a key; everything before that check was read.
        assert_eq!(
            settings,
            Err(InitError::MissingApiKey { host: "api.galileo.ai".into(), variable: "GALILEO_API_KEY" })
        );
    }

    #[test]
    fn the_table_documents_each_variable_once() {
        for (index, variable) in VARIABLES.iter().enumerate() {
            assert!(variable.about.ends_with('.') && variable.about.len() > 10, "{}", variable.name);
            assert!(VARIABLES[..index].iter().all(|other| other.name != variable.name), "{}", variable.name);
        }
    }

    #[test]
    fn what_the_program_sets_wins_over_the_environment_and_that_over_the_file() {
        let mut set = HashMap::new();
        let mut file = HashMap::from([(PROJECT.name.to_owned(), "file".to_owned())]);
        let get = |set: &HashMap<_, _>, file: &HashMap<_, _>, real: Option<&str>| {
            let real = real.map(str::to_owned);
            let environment = move |name: &str| (name == PROJECT.name).then(|| real.clone().map(Ok)).flatten();
            Source { set, environment: &environment, file }.get(&PROJECT).expect("text").expect("has a default")
        };
        assert_eq!(get(&set, &file, Some("real")), "real");
        assert_eq!(get(&set, &file, Some("")), "default", "an empty real variable unsets the one in the file");
        assert_eq!(get(&set, &file, None), "file");
        set.insert(PROJECT.name, Secret::new("code"));
        assert_eq!(get(&set, &file, Some("real")), "code");
        file.clear();
        set.clear();
        assert_eq!(get(&set, &file, None), "default");
    }

    #[test]
    fn a_wrong_secret_is_not_shown() {
        let set = HashMap::from([(EXTRA_HEADERS.name, Secret::new("{\"x-token\": 12345}"))]);
        let file = HashMap::new();
        let error =
            Source { set: &set, environment: &|_| None, file: &file }.get(&EXTRA_HEADERS).expect_err("a number");
        assert!(!error.to_string().contains("12345"), "{error}");
    }
}
