//! Keys, passwords and tokens: values that can be sent but never printed, serialised or written to disk.

use std::fmt;

/// A secret. `Debug` shows three stars, there is no `Display` and no `Serialize`, and the bytes are overwritten on drop.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Vec<u8>);

impl Secret {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into().into_bytes())
    }

    /// The text itself. Every caller of this puts it into a header or a login body and nowhere else.
    pub(crate) fn expose(&self) -> &str {
        // Made from a `String` and never changed.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// A header value that HTTP libraries do not print; `None` when the text holds what a header cannot carry.
    pub(crate) fn header(&self, prefix: &str) -> Option<http::HeaderValue> {
        let mut text = String::with_capacity(prefix.len() + self.0.len());
        text.push_str(prefix);
        text.push_str(self.expose());
        let mut value = http::HeaderValue::try_from(text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.fill(0);
        // Keeps the compiler from leaving out a write that nobody reads.
        std::hint::black_box(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints() {
        let secret = Secret::new("sk-very-secret");
        assert_eq!(format!("{secret:?} {secret:#?}"), "*** ***");
        let header = secret.header("Bearer ").expect("a plain key fits a header");
        assert!(!format!("{header:?}").contains("secret"));
        assert_eq!(header.to_str().expect("ascii"), "Bearer sk-very-secret");
    }

    #[test]
    fn a_key_with_a_line_break_is_no_header() {
        assert!(Secret::new("a\r\nX-Evil: 1").header("").is_none());
    }
}
