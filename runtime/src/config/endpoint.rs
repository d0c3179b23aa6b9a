//! Addresses: what an endpoint may look like, and the rules by which one address follows from another
//! (wire contract section 1, DESIGN section 7).

use std::fmt;
use std::net::IpAddr;

use http::Uri;

use crate::error::InitError;

/// An `http` or `https` address without user, query or fragment. A path stays in front of every route that is joined to it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Scheme, host and port, and the path without its last slash.
    base: String,
    host: String,
    secure: bool,
}

impl Endpoint {
    /// Reads the value of the setting `name`; without a scheme it is taken as `https`, or as `http` when it names this machine, where
    /// nothing listens with a certificate.
    pub(crate) fn parse(name: &'static str, text: &str) -> Result<Self, InitError> {
        let invalid = |reason: &str| InitError::InvalidUrl { name, reason: reason.to_owned() };
        let text = text.trim();
        if text.len() > 2048 {
            return Err(invalid("it is longer than 2048 bytes"));
        }
        if !text.contains("://") {
            let secure = Self::parse(name, &format!("https://{text}"))?;
            return if secure.is_loopback() { Self::parse(name, &format!("http://{text}")) } else { Ok(secure) };
        }
        let uri: Uri = text.parse().map_err(|_| invalid("it is not a URL"))?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(invalid("it is neither `http` nor `https`")),
        };
        let authority = uri.authority().ok_or_else(|| invalid("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(invalid("it holds a user name or password; keys have variables of their own"));
        }
        if uri.query().is_some() || text.contains('#') {
            return Err(invalid("it has a query or a fragment"));
        }
        let host = authority.host().trim_matches(['[', ']']).to_ascii_lowercase();
        if host.is_empty() {
            return Err(invalid("it has no host"));
        }
        let after_host = authority.as_str().get(authority.host().len()..).unwrap_or_default();
        if !after_host.is_empty() && authority.port_u16().is_none() {
            return Err(invalid("its port is not a number up to 65535"));
        }
        let scheme = if secure { "https" } else { "http" };
        let base =
            format!("{scheme}://{}{}", authority.as_str().to_ascii_lowercase(), uri.path().trim_end_matches('/'));
        Ok(Self { base, host, secure })
    }

    /// The same, refusing plain `http` to another machine unless the user allowed it.
    pub(crate) fn parse_guarded(name: &'static str, text: &str, allow_http: bool) -> Result<Self, InitError> {
        let endpoint = Self::parse(name, text)?;
        if !endpoint.secure && !endpoint.is_loopback() && !allow_http {
            return Err(InitError::InsecureUrl { name, host: endpoint.host });
        }
        Ok(endpoint)
    }

    /// The address of `route`, which starts without a slash.
    pub(crate) fn join(&self, route: &str) -> String {
        format!("{}/{route}", self.base)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.base
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Whether requests to it are encrypted.
    pub(crate) fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether the address can only mean this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self.host.ends_with(".localhost")
            || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// The API address that belongs to a console address.
    pub(crate) fn api_of_console(&self) -> Result<Self, InitError> {
        let api = if self.base.contains("localhost") || self.base.contains("127.0.0.1") {
            "http://localhost:8088".to_owned()
        } else if self.base.contains("app.galileo.ai") {
            "https://api.galileo.ai".to_owned()
        } else {
            self.base.replace("console", "api")
        };
        Self::parse("GALILEO_CONSOLE_URL", &api)
    }

    /// Where the ingest service of an API address is looked for.
    pub(crate) fn ingest_of_api(&self) -> Self {
        if !self.base.contains("localhost") {
            return self.clone();
        }
        Self { base: self.base.replacen("8088", "8081", 1), ..self.clone() }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

/// What a value of `GALILEO_API_ENDPOINT` means: the full OTLP address when it ends like one, else the API address.
pub(crate) fn is_otlp_address(text: &str) -> bool {
    let text = text.trim().trim_end_matches('/');
    text.ends_with("/otel/traces") || text.ends_with("/otel/v1/traces")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Endpoint {
        Endpoint::parse("TEST", text).expect(text)
    }

    #[test]
    fn addresses_are_read_and_joined() {
        let rows = [
            ("https://api.galileo.ai", "https://api.galileo.ai/healthcheck", "plain"),
            ("https://api.galileo.ai/", "https://api.galileo.ai/healthcheck", "a last slash is no path"),
            ("api.galileo.ai", "https://api.galileo.ai/healthcheck", "no scheme means https"),
            (
                "127.0.0.1:8088",
                "http://127.0.0.1:8088/healthcheck",
                "but not for this machine, where the console speaks http",
            ),
            ("localhost:8088/", "http://localhost:8088/healthcheck", "the same by name"),
            ("HTTPS://API.Galileo.AI", "https://api.galileo.ai/healthcheck", "case of scheme and host does not matter"),
            ("http://127.0.0.1:8088", "http://127.0.0.1:8088/healthcheck", "a port stays"),
            ("http://[::1]:8088/", "http://[::1]:8088/healthcheck", "so do the brackets of IPv6"),
            ("https://gateway/galileo/", "https://gateway/galileo/healthcheck", "a prefix stays in front of the route"),
        ];
        for (text, joined, reason) in rows {
            assert_eq!(endpoint(text).join("healthcheck"), joined, "{reason}");
        }
    }

    #[test]
    fn what_requests_cannot_be_sent_to_is_refused() {
        let rows = [
            ("", "empty"),
            ("https://", "no host"),
            ("ftp://host", "another scheme"),
            ("https://user:key@host", "a secret in an address gets logged sooner or later"),
            ("https://host?x=1", "a query would swallow the route"),
            ("https://host#x", "so would a fragment"),
            ("https://ho st", "a space"),
            ("https://host\r\nX-Evil: 1", "a line break"),
            ("https://host:99999", "no such port"),
            ("https://host:", "half a port"),
        ];
        for (text, reason) in rows {
            assert!(matches!(Endpoint::parse("TEST", text), Err(InitError::InvalidUrl { .. })), "{reason}: {text:?}");
        }
        let long = format!("https://{}", "a".repeat(10_000_000));
        assert!(Endpoint::parse("TEST", &long).is_err());
    }

    #[test]
    fn only_this_machine_may_be_reached_without_encryption() {
        let rows = [
            ("http://localhost:8088", true),
            ("http://127.0.0.1", true),
            ("http://127.8.9.10", true),
            ("http://[::1]:1", true),
            ("http://console.localhost", true),
            ("http://localhost.example.com", false),
            ("http://0.0.0.0", false),
            ("http://10.0.0.1", false),
            ("http://example.com", false),
            ("https://example.com", true),
        ];
        for (text, allowed) in rows {
            assert_eq!(Endpoint::parse_guarded("TEST", text, false).is_ok(), allowed, "{text}");
            assert!(Endpoint::parse_guarded("TEST", text, true).is_ok(), "{text}");
        }
    }

    #[test]
    fn the_api_address_follows_from_the_console_address() {
        let rows = [
            ("https://app.galileo.ai/", "https://api.galileo.ai"),
            ("https://console.acme.galileo.cloud", "https://api.acme.galileo.cloud"),
            ("console.acme.com", "https://api.acme.com"),
            ("http://localhost:3000", "http://localhost:8088"),
            ("http://127.0.0.1:3000", "http://localhost:8088"),
        ];
        for (console, api) in rows {
            assert_eq!(endpoint(console).api_of_console().expect(console).as_str(), api);
        }
    }

    #[test]
    fn the_ingest_service_of_localhost_has_a_port_of_its_own() {
        let rows = [
            ("http://localhost:8088", "http://localhost:8081"),
            ("http://127.0.0.1:8088", "http://127.0.0.1:8088"),
            ("https://api.galileo.ai", "https://api.galileo.ai"),
        ];
        for (api, ingest) in rows {
            assert_eq!(endpoint(api).ingest_of_api().as_str(), ingest);
        }
    }

    #[test]
    fn an_otlp_address_is_known_by_its_end() {
        let rows = [
            ("https://api.galileo.ai/otel/traces", true),
            ("https://api.galileo.ai/otel/v1/traces/", true),
            ("https://api.galileo.ai/otel", false),
            ("https://api.galileo.ai", false),
        ];
        for (text, otlp) in rows {
            assert_eq!(is_otlp_address(text), otlp, "{text}");
        }
    }
}
