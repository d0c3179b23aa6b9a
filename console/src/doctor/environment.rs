//! The variables that the SDKs read, as far as they can be judged from outside.

use std::collections::BTreeMap;

use reqwest::Url;

use super::Check;

/// Variables of this SDK, of the Python SDK and of the console.
pub(crate) const KNOWN: [&str; 57] = [
    "GALILEO_ALLOW_HTTP",
    "GALILEO_API_ENDPOINT",
    "GALILEO_API_KEY",
    "GALILEO_API_URL",
    "GALILEO_COMPRESSION",
    "GALILEO_CONSOLE_ADDRESS",
    "GALILEO_CONSOLE_ALLOW_HOST",
    "GALILEO_CONSOLE_ALLOW_REMOTE",
    "GALILEO_CONSOLE_DB",
    "GALILEO_CONSOLE_FORWARD",
    "GALILEO_CONSOLE_FORWARD_CONFIG",
    "GALILEO_CONSOLE_KEEP_DAYS",
    "GALILEO_CONSOLE_KEEP_MIB",
    "GALILEO_CONSOLE_LISTEN",
    "GALILEO_CONSOLE_TOKEN",
    "GALILEO_CONSOLE_URL",
    "GALILEO_DISABLE_LOGGING",
    "GALILEO_ENVIRONMENT",
    "GALILEO_EXPERIMENT_ID",
    "GALILEO_EXPORTERS",
    "GALILEO_EXTRA_HEADERS",
    "GALILEO_FLUSH_BEFORE_RESPONSE",
    "GALILEO_FLUSH_TIMEOUT",
    "GALILEO_HOME_DIR",
    "GALILEO_INGEST_BETA_DISABLED",
    "GALILEO_INGEST_URL",
    "GALILEO_JWT_TOKEN",
    "GALILEO_LOGGING_DISABLED",
    "GALILEO_LOG_LEVEL",
    "GALILEO_LOG_STREAM",
    "GALILEO_LOG_STREAM_ID",
    "GALILEO_MAX_BODY_BYTES",
    "GALILEO_MAX_RECORD_BYTES",
    "GALILEO_MAX_VALUE_BYTES",
    "GALILEO_MODE",
    "GALILEO_PASSWORD",
    "GALILEO_PROJECT",
    "GALILEO_PROJECT_ID",
    "GALILEO_PROPAGATION_HOSTS",
    "GALILEO_PROPAGATORS",
    "GALILEO_QUEUE_BYTES",
    "GALILEO_REDACT",
    "GALILEO_REDACT_VALUES",
    "GALILEO_REQUEST_TIMEOUT",
    "GALILEO_SAMPLE_RATE",
    "GALILEO_SERVICE_NAME",
    "GALILEO_SERVICE_VERSION",
    "GALILEO_SINGLE_SPANS",
    "GALILEO_SPOOL",
    "GALILEO_SPOOL_DIR",
    "GALILEO_SPOOL_MAX_AGE",
    "GALILEO_SPOOL_MAX_BYTES",
    "GALILEO_SSO_ID_TOKEN",
    "GALILEO_SSO_PROVIDER",
    "GALILEO_TRACE_ID",
    "GALILEO_TRACE_LINGER",
    "GALILEO_USERNAME",
];

/// What the checks of the backend need from the environment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// This process's variables, and those of a `.env` file in the working folder that are not set otherwise.
    pub(crate) fn of_process() -> Environment {
        let mut variables: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        for line in std::fs::read_to_string(".env").unwrap_or_default().lines() {
            let line = line.trim().trim_start_matches("export ");
            if let Some((name, value)) = line.split_once('=').filter(|(name, _)| name.starts_with("GALILEO_")) {
                let value = value.trim().trim_matches(['"', '\'']);
                variables.entry(name.trim().to_owned()).or_insert_with(|| value.to_owned());
            }
        }
        Environment { variables }
    }

    #[cfg(test)]
    fn from(pairs: &[(&str, &str)]) -> Environment {
        Environment { variables: pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect() }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.trim().is_empty())
    }

    /// The address of the API: an endpoint that is an OTLP address is none.
    pub(crate) fn api_url(&self) -> Option<&str> {
        let is_otlp = |url: &&str| {
            url.trim_end_matches('/').ends_with("/otel/traces")
                || url.trim_end_matches('/').ends_with("/otel/v1/traces")
        };
        self.get("GALILEO_API_URL")
            .or_else(|| self.get("GALILEO_API_ENDPOINT").filter(|url| !is_otlp(url)))
            .or_else(|| self.get("GALILEO_CONSOLE_URL"))
    }

    /// What the variables say.
    pub(crate) fn check(&self) -> Vec<Check> {
        const NAME: &str = "environment";
        let mut checks = Vec::new();
        for name in self.variables.keys().filter(|name| name.starts_with("GALILEO_") && !KNOWN.contains(&name.as_str()))
        {
            let nearest =
                KNOWN.iter().min_by_key(|known| distance(known, name)).filter(|known| distance(known, name) <= 3);
            let fix = nearest.map_or_else(
                || "remove it, or look for its name in the documentation".to_owned(),
                |known| format!("was `{known}` meant?"),
            );
            checks.push(Check::warning(NAME, format!("`{name}` is no variable that anything reads"), fix));
        }
        for name in ["GALILEO_API_URL", "GALILEO_API_ENDPOINT", "GALILEO_CONSOLE_URL", "GALILEO_INGEST_URL"] {
            if let Some(value) = self.get(name)
                && !value.parse::<Url>().is_ok_and(|url| url.has_host() && matches!(url.scheme(), "http" | "https"))
            {
                checks.push(Check::failed(
                    NAME,
                    format!("`{name}` is not the address of a server"),
                    "begin it with http:// or https://",
                ));
            }
        }
        for name in ["GALILEO_DISABLE_LOGGING", "GALILEO_LOGGING_DISABLED"] {
            if self
                .get(name)
                .is_some_and(|value| !matches!(value.to_ascii_lowercase().as_str(), "0" | "false" | "no" | "off"))
            {
                checks.push(Check::failed(
                    NAME,
                    format!("`{name}` switches recording off"),
                    "unset it where spans are wanted",
                ));
            }
        }
        if let Some(mode) = self
            .get("GALILEO_MODE")
            .filter(|mode| !matches!(mode.to_ascii_lowercase().as_str(), "batch" | "distributed"))
        {
            let mode: String = mode.chars().take(40).collect();
            checks.push(Check::failed(NAME, format!("`GALILEO_MODE` is `{mode}`"), "use `batch` or `distributed`"));
        }
        if self.get("GALILEO_MODE").is_some_and(|mode| mode.eq_ignore_ascii_case("batch")) {
            checks.push(Check::warning(
                NAME,
                "`GALILEO_MODE` is `batch`: Galileo headers are not sent to other services",
                "use `distributed` where one request crosses services",
            ));
        }
        if let Some(rate) = self.get("GALILEO_SAMPLE_RATE") {
            match rate.parse::<f64>() {
                Ok(rate) if !(0.0..=1.0).contains(&rate) => {
                    checks.push(Check::failed(
                        NAME,
                        "`GALILEO_SAMPLE_RATE` is not between 0 and 1",
                        "1 records everything",
                    ));
                }
                Ok(rate) if rate < 1.0 => {
                    checks.push(Check::warning(
                        NAME,
                        format!("`GALILEO_SAMPLE_RATE` leaves out {:.0} % of the traces", (1.0 - rate) * 100.0),
                        "set it to 1 to record all of them",
                    ));
                }
                Ok(_) => {}
                Err(_) => {
                    checks.push(Check::failed(NAME, "`GALILEO_SAMPLE_RATE` is not a number", "1 records everything"))
                }
            }
        }
        let local = self.api_url().and_then(|url| url.parse::<Url>().ok()).is_some_and(|url| is_loopback(&url));
        let login = ["GALILEO_API_KEY", "GALILEO_JWT_TOKEN", "GALILEO_USERNAME", "GALILEO_SSO_ID_TOKEN"];
        if !local && self.api_url().is_some() && !login.iter().any(|name| self.get(name).is_some()) {
            checks.push(Check::failed(
                NAME,
                "no key is set, and the backend is not on this machine",
                "set GALILEO_API_KEY",
            ));
        }
        if self.get("GALILEO_SERVICE_NAME").or_else(|| self.get("OTEL_SERVICE_NAME")).is_none() {
            checks.push(Check::warning(
                NAME,
                "the service has no name of its own",
                "set GALILEO_SERVICE_NAME, else it is called as its executable",
            ));
        }
        if self.get("GALILEO_PROJECT").or_else(|| self.get("GALILEO_PROJECT_ID")).is_none() {
            checks.push(Check::warning(NAME, "no project is named", "set GALILEO_PROJECT, else spans go to `default`"));
        }
        if checks.is_empty() {
            checks.push(Check::ok(NAME, "the variables make sense"));
        }
        checks
    }
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        host.eq_ignore_ascii_case("localhost")
            || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

/// How many characters have to change to come from one name to the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, a) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (at, b) in other.iter().enumerate() {
            let change = diagonal + usize::from(a != *b);
            diagonal = row[at + 1];
            row[at + 1] = change.min(row[at] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn each_mistake_is_named_with_its_cure() {
        let good =
            [("GALILEO_API_URL", "http://127.0.0.1:8088"), ("GALILEO_SERVICE_NAME", "s"), ("GALILEO_PROJECT", "p")];
        assert_eq!(Environment::from(&good).check()[0].verdict, Verdict::Ok);
        for (variable, verdict, found, fix) in [
            (("GALILEO_APIKEY", "k"), Verdict::Warning, "GALILEO_APIKEY", "`GALILEO_API_KEY` meant"),
            (("GALILEO_MODE", "distributd"), Verdict::Failed, "distributd", "`distributed`"),
            (("GALILEO_MODE", "batch"), Verdict::Warning, "headers", "distributed"),
            (("GALILEO_SAMPLE_RATE", "2"), Verdict::Failed, "between", "1"),
            (("GALILEO_SAMPLE_RATE", "0.1"), Verdict::Warning, "90 %", "1"),
            (("GALILEO_API_URL", "api.example"), Verdict::Failed, "address", "http"),
            (("GALILEO_API_URL", "https://api.example"), Verdict::Failed, "no key", "GALILEO_API_KEY"),
            (("GALILEO_DISABLE_LOGGING", "true"), Verdict::Failed, "off", "unset"),
            (("GALILEO_PROJECT", " "), Verdict::Warning, "project", "GALILEO_PROJECT"),
            (("GALILEO_SERVICE_NAME", ""), Verdict::Warning, "name", "GALILEO_SERVICE_NAME"),
        ] {
            let mut pairs = good.to_vec();
            pairs.retain(|(name, _)| *name != variable.0);
            pairs.push(variable);
            let checks = Environment::from(&pairs).check();
            let hit = checks.iter().find(|check| check.verdict == verdict && check.found.contains(found));
            assert!(hit.is_some_and(|check| check.fix.contains(fix)), "{variable:?}: {checks:?}");
        }
    }

    #[test]
    fn an_otlp_endpoint_is_not_the_api() {
        let environment = Environment::from(&[
            ("GALILEO_API_ENDPOINT", "https://a/otel/traces"),
            ("GALILEO_CONSOLE_URL", "https://b"),
        ]);
        assert_eq!(environment.api_url(), Some("https://b"));
        assert_eq!(Environment::from(&[("GALILEO_API_ENDPOINT", "https://a")]).api_url(), Some("https://a"));
    }

    /// Every variable that the SDK's table names is known here.
    #[test]
    fn the_variables_of_the_sdk_are_known() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../runtime/src/config");
        // In a published package the SDK's sources are not beside these.
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|kind| kind != "rs") || path.ends_with("tests.rs") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            // Tests in the same file make up names of their own.
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            for word in text.split(|character: char| !character.is_ascii_uppercase() && character != '_') {
                if word.starts_with("GALILEO_") && word.len() > 9 {
                    assert!(KNOWN.contains(&word), "{word} of {}", path.display());
                }
            }
        }
    }
}
