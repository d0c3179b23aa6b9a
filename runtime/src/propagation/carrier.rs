//! Where a context travels: header maps, string maps, byte headers, JSON objects, a process environment.
//!
//! A carrier hands out *raw lines*. Whether a name that arrives twice is an error (`traceparent`) or a list (`tracestate`) is
//! a rule of the header, so nothing may join or drop lines before the propagator has seen them.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use http::header::{HeaderMap, HeaderName, HeaderValue};

/// A place from which a context can be read.
///
/// Names are compared without regard to ASCII case. Values are bytes, because that is what a peer can send.
pub trait Carrier {
    /// Calls `visit` with each value stored under `name`, in the order of arrival, until it breaks.
    fn each_line(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>);
}

/// A place into which a context can be written.
///
/// It can be read as well: a propagator that shares a header with the application (`baggage`) has to see what is there.
pub trait CarrierMut: Carrier {
    /// Replaces everything under `name`, in any case, by one line. A value that the carrier cannot hold is left out.
    fn set(&mut self, name: &'static str, value: &str);
}

impl Carrier for HeaderMap {
    fn each_line(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
        for value in self.get_all(name) {
            if visit(value.as_bytes()).is_break() {
                return;
            }
        }
    }
}

impl CarrierMut for HeaderMap {
    fn set(&mut self, name: &'static str, value: &str) {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            self.insert(name, value);
        }
    }
}

// Job and message metadata: `HashMap<String, String>`, `BTreeMap<String, Vec<u8>>` and their relatives. Two keys that differ
// in case only are two lines, which `traceparent` refuses: nobody can tell which one the sender meant.
type Hashed<V, S> = HashMap<String, V, S>;
type Sorted<V> = BTreeMap<String, V>;

impl<V: AsRef<[u8]>, S: std::hash::BuildHasher> Carrier for Hashed<V, S> {
    fn each_line(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
        visit_pairs(self.iter().map(|(key, value)| (key.as_str(), value)), name, visit);
    }
}

impl<V: AsRef<[u8]> + From<String>, S: std::hash::BuildHasher> CarrierMut for Hashed<V, S> {
    fn set(&mut self, name: &'static str, value: &str) {
        self.retain(|key, _| !key.eq_ignore_ascii_case(name));
        self.insert(name.to_owned(), V::from(value.to_owned()));
    }
}

impl<V: AsRef<[u8]>> Carrier for Sorted<V> {
    fn each_line(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
        visit_pairs(self.iter().map(|(key, value)| (key.as_str(), value)), name, visit);
    }
}

impl<V: AsRef<[u8]> + From<String>> CarrierMut for Sorted<V> {
    fn set(&mut self, name: &'static str, value: &str) {
        self.retain(|key, _| !key.eq_ignore_ascii_case(name));
        self.insert(name.to_owned(), V::from(value.to_owned()));
    }
}

// Byte headers as message brokers have them: a list in which a name may occur more than once.
impl<K: AsRef<str>, V: AsRef<[u8]>> Carrier for [(K, V)] {
    fn each_line(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
        visit_pairs(self.iter().map(|(key, value)| (key.as_ref(), value)), name, visit);
    }
}

impl<K: AsRef<str>, V: AsRef<[u8]>> Carrier for Vec<(K, V)> {
    fn each_line(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
        self.as_slice().each_line(name, visit);
    }
}

impl<K: AsRef<str> + From<String>, V: AsRef<[u8]> + From<String>> CarrierMut for Vec<(K, V)> {
    fn set(&mut self, name: &'static str, value: &str) {
        self.retain(|(key, _)| !key.as_ref().eq_ignore_ascii_case(name));
        self.push((K::from(name.to_owned()), V::from(value.to_owned())));
    }
}

// JSON-RPC `_meta` and A2A `metadata`. A value that is not a string is a line that no grammar accepts, so it is seen, counted
// and refused instead of being mistaken for "not there".
impl Carrier for serde_json::Map<String, serde_json::Value> {
    fn each_line(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
        let lines = self.iter().map(|(key, value)| {
            let text = value.as_str().unwrap_or("\u{fffd}");
            (key.as_str(), text)
        });
        visit_pairs(lines, name, visit);
    }
}

impl CarrierMut for serde_json::Map<String, serde_json::Value> {
    fn set(&mut self, name: &'static str, value: &str) {
        self.retain(|key, _| !key.eq_ignore_ascii_case(name));
        self.insert(name.to_owned(), value.into());
    }
}

impl<C: Carrier + ?Sized> Carrier for &C {
    fn each_line(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
        (**self).each_line(name, visit);
    }
}

impl<C: Carrier + ?Sized> Carrier for &mut C {
    fn each_line(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
        (**self).each_line(name, visit);
    }
}

impl<C: CarrierMut + ?Sized> CarrierMut for &mut C {
    fn set(&mut self, name: &'static str, value: &str) {
        (**self).set(name, value);
    }
}

/// The variables of a process as a carrier: a name is upper-cased and `-` becomes `_`, as OpenTelemetry's rule for
/// environment variables says (`traceparent` is `TRACEPARENT`, `X-Galileo-Trace-ID` is `X_GALILEO_TRACE_ID`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvCarrier {
    variables: BTreeMap<String, String>,
}

impl EnvCarrier {
    /// An empty set of variables, to be filled by a propagator and given to a child process.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The variables by name, for `Command::envs`.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The variable of a header.
    pub(crate) fn variable(name: &str) -> String {
        name.bytes()
            .map(|byte| match byte {
                b'a'..=b'z' => char::from(byte.to_ascii_uppercase()),
                b'A'..=b'Z' | b'0'..=b'9' => char::from(byte),
                _ => '_',
            })
            .collect()
    }
}

impl FromIterator<(String, String)> for EnvCarrier {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self { variables: variables.into_iter().collect() }
    }
}

impl Carrier for EnvCarrier {
    fn each_line(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
        if let Some(value) = self.variables.get(&Self::variable(name)) {
            let _ = visit(value.as_bytes());
        }
    }
}

impl CarrierMut for EnvCarrier {
    fn set(&mut self, name: &'static str, value: &str) {
        self.variables.insert(Self::variable(name), value.to_owned());
    }
}

fn visit_pairs<'a, V: AsRef<[u8]> + 'a>(
    pairs: impl Iterator<Item = (&'a str, V)>,
    name: &str,
    visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) {
    for (key, value) in pairs {
        if key.eq_ignore_ascii_case(name) && visit(value.as_ref()).is_break() {
            return;
        }
    }
}

/// All lines of one header, joined by commas; the limit is on their sum and is enforced before a byte is copied past it.
pub(super) struct Lines {
    pub(super) text: Vec<u8>,
    pub(super) count: usize,
}

/// The lines of `name` are longer together than the limit.
pub(super) struct Oversized;

impl Lines {
    /// Collects the lines under `name`, at most `limit` bytes of values over all of them.
    ///
    /// Empty lines cost nothing in bytes, so their number has a bound as well.
    pub(super) fn collect(carrier: &dyn Carrier, name: &str, limit: usize) -> Result<Self, Oversized> {
        const MOST_LINES: usize = 1024;
        let mut lines = Self { text: Vec::new(), count: 0 };
        let mut sum = 0_usize;
        let mut oversized = false;
        carrier.each_line(name, &mut |line| {
            sum = sum.saturating_add(line.len());
            if sum > limit || lines.count == MOST_LINES {
                oversized = true;
                return ControlFlow::Break(());
            }
            if lines.count > 0 {
                lines.text.push(b',');
            }
            lines.text.extend_from_slice(line);
            lines.count += 1;
            ControlFlow::Continue(())
        });
        if oversized { Err(Oversized) } else { Ok(lines) }
    }
}

/// A byte string without the spaces and tabs around it.
pub(super) fn trim_ows(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}
