//! `InitError`: what can be wrong when the SDK starts, one variant for each thing that a user can fix.
//! After start-up nothing in the SDK returns an error to the traced program.

use std::fmt;
use std::path::PathBuf;

/// Why [`init`](crate::init) did not start recording.
///
/// The message says what is wrong and, on a line of its own, what to do about it. No message ever holds a key,
/// a password or a token.
///
/// `Debug` prints the same text as `Display`, because that is what a `main` that returns
/// `Result<(), Box<dyn Error>>` shows.
///
/// ```
/// use galileo::InitError;
///
/// let error = InitError::AlreadyRunning;
/// assert!(error.to_string().contains("already running"));
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InitError {
    /// The crate was built without its `enable` feature.
    NotEnabled,
    /// A [`Guard`](crate::Guard) of an earlier `init` still lives.
    AlreadyRunning,
    /// An exporter that sends to a host other than this machine has no way to log in.
    MissingApiKey {
        /// The host that wants a key.
        host: String,
        /// The variable that holds the key.
        variable: &'static str,
    },
    /// Half of a login was given, such as a user name without its password.
    IncompleteLogin {
        /// The variable that is set.
        given: &'static str,
        /// The variable that is missing beside it.
        missing: &'static str,
    },
    /// A variable or a builder setting has a value outside of what it allows.
    InvalidSetting {
        /// The variable or the setter.
        name: &'static str,
        /// The value that was found; `***` for a secret.
        value: String,
        /// What is allowed.
        expected: String,
    },
    /// An address is not one that requests can be sent to.
    InvalidUrl {
        /// The variable or the setter.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// An address would send keys and traces unencrypted over a network.
    InsecureUrl {
        /// The variable or the setter.
        name: &'static str,
        /// The host of the address.
        host: String,
    },
    /// Something that this build does not contain was asked for.
    MissingFeature {
        /// What was asked for.
        wanted: String,
        /// The cargo feature that brings it.
        feature: &'static str,
    },
    /// A line of the `.env` file that sets one of our variables cannot be read.
    DotEnv {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The certificates of this machine could not be loaded.
    Tls {
        /// What the TLS library says.
        reason: String,
    },
}

impl fmt::Display for InitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotEnabled => f.write_str(
                "recording is not compiled in\n\
                 hint: the application (not a library) adds `galileo-sdk` with the feature `enable`, which is on by default",
            ),
            Self::AlreadyRunning => f.write_str(
                "the SDK is already running\n\
                 hint: keep the first `Guard` for the life of the program, or shut it down before the next `init`",
            ),
            Self::MissingApiKey { host, variable } => write!(
                f,
                "`{host}` wants an API key and none is set\n\
                 hint: set `{variable}` (keys are made at https://app.galileo.ai/settings/api-keys), or run the local console \
                 with `cargo run -p galileo-console -- serve` and set `GALILEO_API_URL=http://127.0.0.1:8088`, which needs none"
            ),
            Self::IncompleteLogin { given, missing } => {
                write!(f, "`{given}` is set but `{missing}` is not\nhint: set both, or neither")
            }
            Self::InvalidSetting { name, value, expected } => {
                write!(f, "`{name}` is `{}`\nhint: it takes {expected}", value.escape_debug())
            }
            Self::InvalidUrl { name, reason } => write!(
                f,
                "the address in `{name}` cannot be used: {reason}\nhint: an address looks like `https://api.galileo.ai`"
            ),
            Self::InsecureUrl { name, host } => write!(
                f,
                "`{name}` would send traces to `{host}` without encryption\n\
                 hint: use `https://`, or set `GALILEO_ALLOW_HTTP=true` if the network in between is your own"
            ),
            Self::MissingFeature { wanted, feature } => {
                write!(f, "{wanted} is not compiled in\nhint: add the feature `{feature}` to `galileo-sdk` in Cargo.toml")
            }
            Self::DotEnv { path, line, reason } => {
                write!(f, "line {line} of `{}` cannot be read: {reason}\nhint: write `NAME=value`", path.display())
            }
            Self::Tls { reason } => write!(
                f,
                "no certificates to check servers with: {reason}\n\
                 hint: install the system's certificate package, or point `SSL_CERT_FILE` at a bundle"
            ),
        }
    }
}

impl fmt::Debug for InitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for InitError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_says_what_and_then_how() {
        let all = [
            InitError::NotEnabled,
            InitError::AlreadyRunning,
            InitError::MissingApiKey { host: "api.galileo.ai".into(), variable: "GALILEO_API_KEY" },
            InitError::IncompleteLogin { given: "GALILEO_USERNAME", missing: "GALILEO_PASSWORD" },
            InitError::InvalidSetting {
                name: "GALILEO_MODE",
                value: "fast".into(),
                expected: "`batch` or `distributed`".into(),
            },
            InitError::InvalidUrl { name: "GALILEO_API_URL", reason: "no host".into() },
            InitError::InsecureUrl { name: "GALILEO_API_URL", host: "example.com".into() },
            InitError::MissingFeature { wanted: "the exporter `otlp`".into(), feature: "otlp" },
            InitError::DotEnv { path: ".env".into(), line: 3, reason: "there is no `=`" },
            InitError::Tls { reason: "none found".into() },
        ];
        for error in all {
            let text = error.to_string();
            let (what, how) = text.split_once('\n').expect("two lines");
            assert!(how.starts_with("hint: "), "{text}");
            assert!(!what.starts_with(char::is_uppercase), "{text}");
            assert!(!text.ends_with('.'), "{text}");
            assert_eq!(format!("{error:?}"), text);
        }
    }

    #[test]
    fn a_hostile_value_cannot_write_to_the_terminal() {
        let error = InitError::InvalidSetting { name: "GALILEO_MODE", value: "\x1b[2J\n".into(), expected: "x".into() };
        assert!(!error.to_string().contains('\x1b'));
    }
}
