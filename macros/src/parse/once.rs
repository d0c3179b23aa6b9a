//! An option that may be given one time.

use crate::errors::Errors;
use syn::Ident;

/// The value of one key, with the key for messages.
pub(crate) struct Once<T>(Option<(Ident, T)>);

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Once<T> {
    /// Keeps the first value; a second one is reported where it stands.
    pub(crate) fn set(&mut self, key: &Ident, value: T, errors: &mut Errors) {
        match self.0 {
            Some(_) => errors.at(key, format_args!("`{key}` is given twice; keep one of the two")),
            None => self.0 = Some((key.clone(), value)),
        }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        self.0.as_ref().map(|(_, value)| value)
    }

    /// The key as the user wrote it.
    pub(crate) fn key(&self) -> Option<&Ident> {
        self.0.as_ref().map(|(key, _)| key)
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.is_some()
    }
}

impl<T> Once<T> {
    pub(crate) fn take(self) -> Option<T> {
        self.0.map(|(_, value)| value)
    }
}
