//! To whom headers may go.

use once_cell::sync::Lazy;
use std::sync::{Arc, PoisonError, RwLock};

/// The hosts that get our headers. Without a list everybody does.
///
/// Trace ids and baggage tell a third party how requests hang together and whatever the application put into its baggage.
///
/// ```
/// use galileo::middleware::AllowedHosts;
///
/// let hosts = AllowedHosts::only(["search.internal", "*.svc.cluster.local", "127.0.0.1:8081"]);
/// assert!(hosts.allows("Search.Internal", Some(443)));
/// assert!(hosts.allows("rank.svc.cluster.local", None));
/// assert!(!hosts.allows("svc.cluster.local", None), "`*.` stands for at least one label");
/// assert!(!hosts.allows("127.0.0.1", Some(80)), "an entry with a port is for that port");
/// assert!(!hosts.allows("api.openai.com", Some(443)));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedHosts {
    /// `None` allows all.
    entries: Option<Vec<Entry>>,
}

static PROCESS: Lazy<RwLock<Arc<AllowedHosts>>> = Lazy::new(RwLock::default);

/// Restricts every client of this process to these hosts, except where a client has a list of its own.
pub fn allow_hosts(hosts: AllowedHosts) {
    *PROCESS.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(hosts);
}

/// The process's list.
pub(crate) fn allowed_hosts() -> Arc<AllowedHosts> {
    PROCESS.read().unwrap_or_else(PoisonError::into_inner).clone()
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    /// Lower case; for `*.x` the text from the dot on.
    host: String,
    any_label_before: bool,
    port: Option<u16>,
}

impl AllowedHosts {
    /// Every host.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// No host but these: a name or an address, `*.` before a name for everything below it, `:port` behind it for that port.
    #[must_use]
    pub fn only<I: IntoIterator<Item = T>, T: AsRef<str>>(hosts: I) -> Self {
        Self { entries: Some(hosts.into_iter().map(|host| Entry::new(host.as_ref().trim())).collect()) }
    }

    /// Whether every host is allowed.
    #[must_use]
    pub fn allows_all(&self) -> bool {
        self.entries.is_none()
    }

    /// Whether a request to this host gets headers.
    #[must_use]
    pub fn allows(&self, host: &str, port: Option<u16>) -> bool {
        let Some(entries) = &self.entries else { return true };
        // A trailing dot and brackets are spellings of the same host.
        let host = host.trim_end_matches('.').trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        entries.iter().any(|entry| entry.matches(&host, port))
    }

    /// Whether a request to this address gets headers; an address without a host does not when there is a list.
    #[must_use]
    pub fn allows_uri(&self, uri: &http::Uri) -> bool {
        let port = uri.port_u16().or_else(|| match uri.scheme_str() {
            Some("https") => Some(443),
            Some("http") => Some(80),
            _ => None,
        });
        self.entries.is_none() || uri.host().is_some_and(|host| self.allows(host, port))
    }

    /// As [`allows_uri`](Self::allows_uri), where the address was told apart from the request.
    pub(crate) fn allows_authority(&self, authority: Option<&http::uri::Authority>) -> bool {
        self.entries.is_none() || authority.is_some_and(|authority| self.allows(authority.host(), authority.port_u16()))
    }
}

impl Entry {
    fn new(text: &str) -> Self {
        let (host, port) = match text.rsplit_once(':') {
            // Two colons and no bracket behind them: an IPv6 address without a port.
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => match port.parse() {
                Ok(port) => (host, Some(port)),
                Err(_) => (text, None),
            },
            _ => (text, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
        match host.strip_prefix('*') {
            Some(rest) if rest.starts_with('.') => Self { host: rest.to_owned(), any_label_before: true, port },
            _ => Self { host, any_label_before: false, port },
        }
    }

    fn matches(&self, host: &str, port: Option<u16>) -> bool {
        let same_host = match host.strip_suffix(self.host.as_str()) {
            Some("") => !self.any_label_before,
            Some(_) => self.any_label_before,
            None => false,
        };
        same_host && (self.port.is_none() || self.port == port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_host() {
        let hosts = AllowedHosts::only(["[::1]:80", "::2", "example.com.", "*.internal", ""]);
        for (uri, expected, why) in [
            ("http://[::1]/", true, "the default port counts"),
            ("http://[::1]:81/", false, "another port"),
            ("https://[::2]:9/", true, "no port in the entry"),
            ("http://EXAMPLE.com./x", true, "case and trailing dot"),
            ("http://example.com.evil.net/", false, "a longer name"),
            ("http://notexample.com/", false, "a name that ends the same"),
            ("http://a.b.internal/", true, "any depth"),
            ("http://internal/", false, "the name itself"),
            ("http://xinternal/", false, "no dot"),
            ("http://example.com@evil.net/", false, "a user that looks like a host"),
            ("/relative", false, "no host"),
        ] {
            let uri: http::Uri = uri.parse().unwrap_or_default();
            assert_eq!(hosts.allows_uri(&uri), expected, "{why}: {uri}");
        }
        assert!(AllowedHosts::all().allows_uri(&http::Uri::from_static("/relative")));
        assert!(!AllowedHosts::only([""; 0]).allows("example.com", None), "an empty list allows nobody");
    }
}
