//! Whereto spans are forwarded. A target is fixed when the console starts; nothing in a request can name one.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

/// How long a span rests before it is sent, so that updates of it travel with it.
const SETTLE: Duration = Duration::from_secs(1);

/// A backend that takes OTLP over HTTP.
#[derive(Clone)]
pub struct Target {
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) settle: Duration,
    insecure: bool,
}

/// Why something cannot be a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetError(String);

impl TargetError {
    pub(super) fn other(text: String) -> TargetError {
        TargetError(text)
    }
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TargetError {}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.keys().map(HeaderName::as_str).collect();
        f.debug_struct("Target").field("url", &self.label()).field("headers", &names).finish_non_exhaustive()
    }
}

/// The address without its query.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label())
    }
}

impl Target {
    /// The target at that address; `/v1/traces` is added when the address has no path.
    ///
    /// # Errors
    /// When the address is none, holds a password, may not be forwarded to, or is neither `https` nor loopback.
    pub fn new(address: &str) -> Result<Target, TargetError> {
        Target::with(address, false)
    }

    /// As [`Target::new`], and `http` to other machines is allowed.
    ///
    /// # Errors
    /// When the address is none, holds a password, or may not be forwarded to.
    pub fn insecure(address: &str) -> Result<Target, TargetError> {
        Target::with(address, true)
    }

    fn with(address: &str, insecure: bool) -> Result<Target, TargetError> {
        let refuse =
            |why: &str, hint: &str| TargetError(format!("cannot forward to `{}`: {why}\nhint: {hint}", shown(address)));
        let mut url: Url = address.parse().map_err(|error| {
            refuse(&format!("{error}"), "an address such as https://collector.example:4318/v1/traces")
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse("it is neither http nor https", "OTLP over HTTP is usually on port 4318"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("it holds a password", "--forward-header 'Authorization=Basic ${SECRET}'"));
        }
        if matches!(url.path(), "" | "/") {
            url.set_path("/v1/traces");
        }
        url.set_fragment(None);
        let target = Target { url, headers: HeaderMap::new(), settle: SETTLE, insecure };
        let literal =
            target.url.host_str().map(|host| host.trim_matches(['[', ']'])).and_then(|host| host.parse().ok());
        match literal {
            Some(address) => target.allows(address).map_err(|why| refuse(why, target.hint()))?,
            None if !target.is_encrypted() && !insecure && !is_localhost(&target.url) => {
                return Err(refuse("http to another machine", target.hint()));
            }
            None => {}
        }
        Ok(target)
    }

    fn hint(&self) -> &'static str {
        "use https, or add --forward-insecure where the network is yours"
    }

    /// Adds a header to every request. `${VAR}` in the value is replaced by that environment variable.
    ///
    /// # Errors
    /// When the name or value is none, or the variable is not set.
    pub fn header(self, name: &str, value: &str) -> Result<Target, TargetError> {
        self.header_from(name, value, |variable| std::env::var(variable).ok())
    }

    pub(super) fn header_from(
        mut self,
        name: &str,
        value: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Target, TargetError> {
        let value = expand(value, variable)?;
        let key: HeaderName = name.parse().map_err(|_| TargetError(format!("`{name}` is not the name of a header")))?;
        let mut value = HeaderValue::from_str(&value).map_err(|_| {
            TargetError(format!("the value of the header `{name}` has characters that a header cannot have"))
        })?;
        value.set_sensitive(true);
        self.headers.insert(key, value);
        Ok(self)
    }

    /// How long a span rests before it is sent; 1 s unless said otherwise.
    #[must_use]
    pub fn settle(mut self, rest: Duration) -> Target {
        self.settle = rest;
        self
    }

    /// The address.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The address without its query, where some backends want a key.
    pub(super) fn label(&self) -> String {
        let mut url = self.url.clone();
        url.set_query(None);
        url.into()
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether spans may go to this address of the target's host: asked again at every connection, since a name may change its mind.
    pub(super) fn allows(&self, address: IpAddr) -> Result<(), &'static str> {
        let address = address.to_canonical();
        let link_local = match address {
            IpAddr::V4(address) => address.is_link_local() || address.is_broadcast() || address.is_multicast(),
            // fe80::/10, and fd00:ec2::254, at which clouds hand out keys.
            IpAddr::V6(address) => {
                address.segments()[0] & 0xffc0 == 0xfe80
                    || address.is_multicast()
                    || (address.segments()[0] == 0xfd00 && address.segments()[1] == 0x0ec2)
            }
        };
        if link_local {
            Err("a link-local or metadata address")
        } else if address.is_unspecified() {
            Err("an address of no machine")
        } else if !self.is_encrypted() && !self.insecure && !address.is_loopback() {
            Err("http to another machine")
        } else {
            Ok(())
        }
    }
}

fn is_localhost(url: &Url) -> bool {
    url.host_str().is_some_and(|host| host.eq_ignore_ascii_case("localhost") || host.ends_with(".localhost"))
}

/// An address without what may be secret in it.
fn shown(address: &str) -> String {
    match address.parse::<Url>() {
        Ok(mut url) => {
            let _ = (url.set_username(""), url.set_password(None));
            url.set_query(None);
            url.into()
        }
        Err(_) => address.rsplit('@').next().unwrap_or_default().chars().take(200).collect(),
    }
}

/// Replaces each `${NAME}`.
fn expand(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<String, TargetError> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, tail) =
            after.split_once('}').ok_or_else(|| TargetError("a `${` of a header's value is not closed".to_owned()))?;
        let value = variable(name).ok_or_else(|| {
            TargetError(format!("the environment variable `{name}` is not set\nhint: a header of --forward names it"))
        })?;
        expanded.push_str(before);
        expanded.push_str(&value);
        rest = tail;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_be_forwarded_to_is_a_target() {
        for (address, why) in [
            ("https://collector.example", "encrypted"),
            ("http://127.0.0.1:4318", "loopback"),
            ("http://[::1]:4318/v1/traces", "loopback of version 6"),
            ("http://localhost:4318/custom", "a name of loopback"),
        ] {
            assert!(Target::new(address).is_ok(), "{why}");
        }
        for (address, part, why) in [
            ("collector:4318", "neither http", "no scheme"),
            ("ftp://127.0.0.1", "neither http", "another protocol"),
            ("http://collector.example", "http to another machine", "plain text over the network"),
            ("http://10.1.2.3:4318", "http to another machine", "the same by its number"),
            ("https://user:hunter2@collector.example", "password", "secrets belong into headers"),
            ("https://169.254.169.254/latest", "metadata", "where clouds hand out keys"),
            ("https://[fe80::1]", "link-local", "version 6"),
            ("https://[fd00:ec2::254]", "metadata", "version 6, a cloud's"),
            ("https://[::ffff:169.254.169.254]", "metadata", "the same in other clothes"),
            ("https://0.0.0.0", "no machine", "unspecified"),
        ] {
            let error = Target::new(address).unwrap_err().to_string();
            assert!(error.contains(part), "{why}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(Target::insecure("http://collector:4318").is_ok());
        assert!(Target::insecure("http://169.254.169.254").is_err(), "that stays refused");
        assert_eq!(Target::new("http://127.0.0.1:4318").unwrap().url(), "http://127.0.0.1:4318/v1/traces");
    }

    #[test]
    fn headers_take_their_secrets_from_the_environment_and_show_them_nowhere() {
        let known = |name: &str| (name == "TOKEN").then(|| "s3cret".to_owned());
        let target = Target::new("https://collector.example/?key=abc").unwrap();
        let target = target.header_from("Authorization", "Bearer ${TOKEN}!", known).unwrap();
        assert_eq!(target.headers["authorization"], "Bearer s3cret!");
        let shown = format!("{target:?}");
        assert!(!shown.contains("s3cret") && !shown.contains("abc") && shown.contains("authorization"), "{shown}");
        for (name, value, part) in [
            ("a", "${MISSING}", "`MISSING` is not set"),
            ("a", "${TOKEN", "not closed"),
            ("a b", "c", "name of a header"),
            ("a", "b\n", "characters"),
        ] {
            let error = target.clone().header_from(name, value, known).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
