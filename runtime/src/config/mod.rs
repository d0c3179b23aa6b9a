//! Settings: the variable table, the `.env` file, and what the two of them and the builder come to. Everything is read and
//! checked once, before recording starts; the rest of the SDK sees plain values.

mod dotenv;
mod endpoint;
mod env;
mod login;
mod parse;
mod propagation;
mod redaction;
mod sampling;
mod secret;
mod service;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{HeaderName, HeaderValue};

pub use self::env::{VARIABLES, Variable};
pub use self::redaction::RedactionRule;
pub use crate::diag::LogLevel;

pub(crate) use self::endpoint::Endpoint;
pub(crate) use self::env::{Source, Var, process_environment};
pub(crate) use self::login::Login;
pub(crate) use self::propagation::{PropagationSettings, PropagatorKind};
pub(crate) use self::sampling::SamplingSettings;
pub(crate) use self::secret::Secret;
pub(crate) use self::service::ServiceSettings;

/// The variables, for what sets and names them.
pub(crate) mod var {
    pub(crate) use super::env::*;
}

use crate::error::InitError;

/// When spans are sent.
///
/// ```
/// assert_ne!(galileo::Mode::Batch, galileo::Mode::Distributed);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Mode {
    /// Whole traces, when they are complete. Requests to other services carry W3C headers only.
    #[default]
    Batch,
    /// Spans as they start and end, so that one trace can cross services and be watched while it runs.
    Distributed,
}

impl Mode {
    /// The mode that `GALILEO_MODE` (or a `.env` file) names; [`Mode::Batch`] when nothing does.
    ///
    /// # Errors
    /// When the value is neither `batch` nor `distributed`, or the `.env` file cannot be read where it sets a variable of ours.
    pub fn from_env() -> Result<Self, InitError> {
        let file = read_dotenv()?;
        let set = HashMap::new();
        let source = Source { set: &set, environment: &process_environment, file: &file };
        Ok(source.get(&env::MODE)?.unwrap_or_default())
    }
}

/// When spans are written to disk before they are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum SpoolMode {
    /// Never: what cannot be sent within the memory budget is dropped and counted.
    Off,
    /// While the backend fails, when the memory is used up, and at shutdown what could not be delivered.
    #[default]
    OnFailure,
    /// At once: every record is on disk before the call that made it returns, so that a killed process loses nothing. Costs the calling
    /// thread some microseconds a record, the masking of values included.
    Always,
}

/// Whether request bodies are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CompressionSetting {
    /// To other machines, while it costs less than half a core.
    Auto,
    Gzip,
    None,
}

/// A built-in destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExporterKind {
    Galileo,
    Otlp,
    LangSmith,
    Stdout,
}

/// How OTLP bodies are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum OtlpProtocol {
    #[default]
    Protobuf,
    Json,
}

/// A project or a log stream, by the id that was given or else by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    Id(String),
    Name(String),
}

/// What the Galileo exporter needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GalileoSettings {
    pub(crate) api: Endpoint,
    pub(crate) ingest: Endpoint,
    /// The console's pages; where people look at traces.
    pub(crate) console: Endpoint,
    /// `None` only towards this machine.
    pub(crate) login: Option<Login>,
    pub(crate) project: Named,
    pub(crate) log_stream: Named,
    pub(crate) experiment_id: Option<String>,
    pub(crate) use_ingest: bool,
    pub(crate) extra_headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) compression: CompressionSetting,
    pub(crate) single_spans: bool,
    pub(crate) request_timeout: Duration,
}

impl GalileoSettings {
    /// Tells one destination from another: what is recorded for it must not go elsewhere. Holds no secret.
    pub(crate) fn identity(&self, mode: Mode) -> String {
        format!("{} {:?} {:?} {:?} {mode:?}", self.api, self.project, self.log_stream, self.experiment_id)
    }
}

/// What the OTLP exporter needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OtlpSettings {
    /// The full address.
    pub(crate) url: Endpoint,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) protocol: OtlpProtocol,
    pub(crate) compression: CompressionSetting,
    pub(crate) timeout: Duration,
    pub(crate) resource: Vec<(String, String)>,
}

/// What the LangSmith exporter needs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LangSmithSettings {
    pub(crate) url: Endpoint,
    pub(crate) key: Option<Secret>,
    pub(crate) project: String,
    pub(crate) workspace: Option<String>,
    pub(crate) sampling_rate: f64,
    pub(crate) hide_inputs: bool,
    pub(crate) hide_outputs: bool,
    pub(crate) hide_metadata: bool,
}

/// Bounds, all in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) value: usize,
    pub(crate) record: usize,
    pub(crate) queue: usize,
    pub(crate) body: usize,
}

/// Where and how much may be written to disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SpoolSettings {
    pub(crate) mode: SpoolMode,
    /// `None` when no home is known: then there is no spool, and that is said once.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) max_bytes: u64,
    pub(crate) max_age: Duration,
}

/// Everything that was set, checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    pub(crate) mode: Mode,
    /// False when recording is switched off by a variable: `init` then succeeds and nothing is ever sent.
    pub(crate) recording: bool,
    pub(crate) service: ServiceSettings,
    pub(crate) exporters: Vec<ExporterKind>,
    /// Present when the exporter is in `exporters`.
    pub(crate) galileo: Option<GalileoSettings>,
    pub(crate) otlp: Option<OtlpSettings>,
    pub(crate) langsmith: Option<LangSmithSettings>,
    pub(crate) propagation: PropagationSettings,
    pub(crate) sampling: SamplingSettings,
    pub(crate) redact_values: bool,
    pub(crate) limits: Limits,
    pub(crate) spool: SpoolSettings,
    pub(crate) trace_linger: Duration,
    pub(crate) flush_timeout: Duration,
    pub(crate) flush_before_response: bool,
    pub(crate) log_level: LogLevel,
}

impl Settings {
    /// Reads every variable of the table and checks what belongs together.
    pub(crate) fn resolve(source: &Source<'_>) -> Result<Self, InitError> {
        let required = |name| InitError::InvalidSetting { name, value: String::new(), expected: "a value".into() };
        let recording = !source.get(&env::LOGGING_DISABLED)?.unwrap_or(false)
            && !source.get(&env::DISABLE_LOGGING)?.unwrap_or(false);
        let exporters = source.get(&env::EXPORTERS)?.unwrap_or_default();
        let wanted = |kind| recording && exporters.contains(&kind);
        // All groups are read even when nothing wants them, so that a wrong value is found wherever it stands.
        let galileo = galileo(source, wanted(ExporterKind::Galileo))?;
        let otlp = otlp(source, wanted(ExporterKind::Otlp))?;
        let langsmith = langsmith(source, wanted(ExporterKind::LangSmith))?;
        Ok(Self {
            mode: source.get(&env::MODE)?.unwrap_or_default(),
            recording,
            service: ServiceSettings::resolve(source)?,
            galileo: wanted(ExporterKind::Galileo).then_some(galileo),
            otlp: otlp.filter(|_| wanted(ExporterKind::Otlp)),
            langsmith: wanted(ExporterKind::LangSmith).then_some(langsmith),
            exporters,
            propagation: PropagationSettings::resolve(source)?,
            sampling: SamplingSettings::resolve(source)?,
            redact_values: source.get(&env::REDACT_VALUES)?.unwrap_or(true),
            limits: Limits {
                value: source.get(&env::MAX_VALUE_BYTES)?.ok_or_else(|| required(env::MAX_VALUE_BYTES.name))?,
                record: source.get(&env::MAX_RECORD_BYTES)?.ok_or_else(|| required(env::MAX_RECORD_BYTES.name))?,
                queue: source.get(&env::QUEUE_BYTES)?.ok_or_else(|| required(env::QUEUE_BYTES.name))?,
                body: source.get(&env::MAX_BODY_BYTES)?.ok_or_else(|| required(env::MAX_BODY_BYTES.name))?,
            },
            spool: spool(source)?,
            trace_linger: source.get(&env::TRACE_LINGER)?.ok_or_else(|| required(env::TRACE_LINGER.name))?,
            flush_timeout: source.get(&env::FLUSH_TIMEOUT)?.ok_or_else(|| required(env::FLUSH_TIMEOUT.name))?,
            flush_before_response: source.get(&env::FLUSH_BEFORE_RESPONSE)?.unwrap_or(false),
            log_level: source.get(&env::LOG_LEVEL)?.unwrap_or_default(),
        })
    }
}

/// All variables of this process that are UTF-8, for a context that a parent process handed over in them.
pub(crate) fn process_variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
}

/// The variables of ours in the nearest `.env` file, from the working folder upwards.
pub(crate) fn read_dotenv() -> Result<HashMap<String, String>, InitError> {
    match std::env::current_dir() {
        Ok(folder) => read_dotenv_from(&folder),
        Err(_) => Ok(HashMap::new()),
    }
}

pub(crate) fn read_dotenv_from(folder: &Path) -> Result<HashMap<String, String>, InitError> {
    dotenv::nearest(folder, |name| VARIABLES.iter().any(|variable| variable.name == name))
}

fn galileo(source: &Source<'_>, active: bool) -> Result<GalileoSettings, InitError> {
    let allow_http = source.get(&env::ALLOW_HTTP)?.unwrap_or(false);
    let console_url = source.get(&env::CONSOLE_URL)?.unwrap_or_default();
    let console = Endpoint::parse(env::CONSOLE_URL.name, &console_url)?;
    let endpoint = source.get(&env::API_ENDPOINT)?.filter(|text| !endpoint::is_otlp_address(text));
    let api = match (source.get(&env::API_URL)?, endpoint) {
        (Some(url), _) => Endpoint::parse_guarded(env::API_URL.name, &url, allow_http)?,
        (None, Some(url)) => Endpoint::parse_guarded(env::API_ENDPOINT.name, &url, allow_http)?,
        (None, None) => {
            let derived = console.api_of_console()?;
            Endpoint::parse_guarded(env::CONSOLE_URL.name, derived.as_str(), allow_http)?
        }
    };
    let login = Login::resolve(source)?;
    if active && login.is_none() && !api.is_loopback() {
        return Err(InitError::MissingApiKey { host: api.host().to_owned(), variable: env::API_KEY.name });
    }
    let named = |id: Option<String>, name: Option<String>| match id {
        Some(id) => Named::Id(id),
        None => Named::Name(name.unwrap_or_else(|| "default".to_owned())),
    };
    Ok(GalileoSettings {
        ingest: api.ingest_of_api(),
        api,
        console,
        login,
        project: named(source.get(&env::PROJECT_ID)?, source.get(&env::PROJECT)?),
        log_stream: named(source.get(&env::LOG_STREAM_ID)?, source.get(&env::LOG_STREAM)?),
        experiment_id: source.get(&env::EXPERIMENT_ID)?,
        use_ingest: !source.get(&env::INGEST_BETA_DISABLED)?.unwrap_or(false),
        extra_headers: source.get(&env::EXTRA_HEADERS)?.unwrap_or_default(),
        compression: source.get(&env::COMPRESSION)?.unwrap_or(CompressionSetting::Auto),
        single_spans: source.get(&env::SINGLE_SPANS)?.unwrap_or(false),
        request_timeout: source.get(&env::REQUEST_TIMEOUT)?.unwrap_or(Duration::from_secs(10)),
    })
}

/// The OTLP address by precedence: OpenTelemetry's own variables, the collector's, the one in `GALILEO_API_ENDPOINT`, else
/// Galileo's, derived from its API address. `None` when it is not wanted.
fn otlp(source: &Source<'_>, wanted: bool) -> Result<Option<OtlpSettings>, InitError> {
    let allow_http = source.get(&env::ALLOW_HTTP)?.unwrap_or(false);
    let mut headers = header_pairs(source, &env::OTEL_HEADERS)?;
    for (name, value) in header_pairs(source, &env::OTEL_TRACES_HEADERS)? {
        headers.retain(|(known, _)| *known != name);
        headers.push((name, value));
    }
    let protocol = source.get(&env::OTEL_TRACES_PROTOCOL)?.or(source.get(&env::OTEL_PROTOCOL)?).unwrap_or_default();
    let compression = source.get(&env::OTEL_TRACES_COMPRESSION)?.or(source.get(&env::OTEL_COMPRESSION)?);
    let timeout = source.get(&env::OTEL_TRACES_TIMEOUT)?.or(source.get(&env::OTEL_TIMEOUT)?);
    let resource = source.get(&env::OTEL_RESOURCE_ATTRIBUTES)?.unwrap_or_default();
    let token = source.get(&env::OTLP_AUTH_TOKEN)?;
    if !wanted {
        return Ok(None);
    }
    let guarded = |var: &Var<String>, text: &str| Endpoint::parse_guarded(var.name, text, allow_http);
    let url = if let Some(url) = source.get(&env::OTEL_TRACES_ENDPOINT)? {
        guarded(&env::OTEL_TRACES_ENDPOINT, &url)?
    } else if let Some(url) = source.get(&env::OTEL_ENDPOINT)? {
        let base = guarded(&env::OTEL_ENDPOINT, &url)?;
        Endpoint::parse(env::OTEL_ENDPOINT.name, &base.join("v1/traces"))?
    } else if let Some(url) = source.get(&env::OTLP_COLLECTOR_ENDPOINT)? {
        if let Some(value) = token.and_then(|token| token.header("Bearer ")) {
            headers.push((http::header::AUTHORIZATION, value));
        }
        let endpoint = guarded(&env::OTLP_COLLECTOR_ENDPOINT, &url)?;
        if endpoint.as_str().ends_with("/traces") {
            endpoint
        } else {
            Endpoint::parse(env::OTLP_COLLECTOR_ENDPOINT.name, &endpoint.join("v1/traces"))?
        }
    } else {
        galileo_otlp(source, &mut headers, allow_http)?
    };
    Ok(Some(OtlpSettings {
        url,
        headers,
        protocol,
        compression: compression.unwrap_or(CompressionSetting::Auto),
        timeout: timeout.unwrap_or(Duration::from_secs(10)),
        resource,
    }))
}

/// Galileo's own OTLP address with the headers that it routes by.
fn galileo_otlp(
    source: &Source<'_>,
    headers: &mut Vec<(HeaderName, HeaderValue)>,
    allow_http: bool,
) -> Result<Endpoint, InitError> {
    let url = match source.get(&env::API_ENDPOINT)?.filter(|text| endpoint::is_otlp_address(text)) {
        Some(url) => Endpoint::parse_guarded(env::API_ENDPOINT.name, &url, allow_http)?,
        None => Endpoint::parse(env::API_URL.name, &galileo(source, false)?.api.join("otel/traces"))?,
    };
    match source.get(&env::API_KEY)?.and_then(|key| key.header("")) {
        Some(value) => headers.push((HeaderName::from_static("galileo-api-key"), value)),
        None if url.is_loopback() => {}
        None => return Err(InitError::MissingApiKey { host: url.host().to_owned(), variable: env::API_KEY.name }),
    }
    let mut name = |header: &'static str, var: &Var<String>| -> Result<(), InitError> {
        let text = source.get(var)?.unwrap_or_default();
        let value = HeaderValue::try_from(&text).map_err(|_| InitError::InvalidSetting {
            name: var.name,
            value: text,
            expected: "text that can stand in a header, because OTLP to Galileo sends it there".into(),
        })?;
        headers.push((HeaderName::from_static(header), value));
        Ok(())
    };
    name("project", &env::PROJECT)?;
    if source.get(&env::EXPERIMENT_ID)?.is_some() {
        name("experimentid", &env::EXPERIMENT_ID)?;
    } else {
        name("logstream", &env::LOG_STREAM)?;
    }
    Ok(url)
}

fn header_pairs(
    source: &Source<'_>,
    var: &Var<Vec<(String, String)>>,
) -> Result<Vec<(HeaderName, HeaderValue)>, InitError> {
    let wrong = || InitError::InvalidSetting {
        name: var.name,
        value: "***".into(),
        expected: "names and values that can stand in headers".into(),
    };
    source
        .get(var)?
        .unwrap_or_default()
        .into_iter()
        .map(|(name, value)| {
            let mut value = HeaderValue::try_from(value).map_err(|_| wrong())?;
            value.set_sensitive(true);
            Ok((HeaderName::try_from(name).map_err(|_| wrong())?, value))
        })
        .collect()
}

fn langsmith(source: &Source<'_>, active: bool) -> Result<LangSmithSettings, InitError> {
    let allow_http = source.get(&env::ALLOW_HTTP)?.unwrap_or(false);
    let text = source.get(&env::LANGSMITH_ENDPOINT)?.unwrap_or_default();
    let url = Endpoint::parse_guarded(env::LANGSMITH_ENDPOINT.name, &text, allow_http || !active)?;
    let key = source.get(&env::LANGSMITH_API_KEY)?;
    if active && key.is_none() && !url.is_loopback() {
        return Err(InitError::MissingApiKey { host: url.host().to_owned(), variable: env::LANGSMITH_API_KEY.name });
    }
    Ok(LangSmithSettings {
        url,
        key,
        project: source.get(&env::LANGSMITH_PROJECT)?.unwrap_or_default(),
        workspace: source.get(&env::LANGSMITH_WORKSPACE_ID)?,
        sampling_rate: source.get(&env::LANGSMITH_SAMPLING_RATE)?.unwrap_or(1.0),
        hide_inputs: source.get(&env::LANGSMITH_HIDE_INPUTS)?.unwrap_or(false),
        hide_outputs: source.get(&env::LANGSMITH_HIDE_OUTPUTS)?.unwrap_or(false),
        hide_metadata: source.get(&env::LANGSMITH_HIDE_METADATA)?.unwrap_or(false),
    })
}

fn spool(source: &Source<'_>) -> Result<SpoolSettings, InitError> {
    let folder = match source.get(&env::SPOOL_DIR)? {
        Some(folder) => Some(PathBuf::from(folder)),
        None => source.get(&env::HOME_DIR)?.and_then(|home| expand_home(&home)).map(|home| home.join("spool")),
    };
    Ok(SpoolSettings {
        mode: source.get(&env::SPOOL)?.unwrap_or_default(),
        folder,
        max_bytes: source.get(&env::SPOOL_MAX_BYTES)?.unwrap_or(256 << 20),
        max_age: source.get(&env::SPOOL_MAX_AGE)?.unwrap_or(Duration::from_secs(86_400)),
    })
}

/// `~` is the shell's business, but a default has to name the home folder somehow.
fn expand_home(path: &str) -> Option<PathBuf> {
    match path.strip_prefix("~/") {
        Some(rest) => std::env::home_dir().filter(|home| !home.as_os_str().is_empty()).map(|home| home.join(rest)),
        None => Some(PathBuf::from(path)),
    }
}

#[cfg(test)]
mod tests;
