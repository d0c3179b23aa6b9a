//! Keys of maps. JSON knows text only, so other keys are written as the text of their JSON.

use super::escape::escape;
use super::json;
use serde::Serialize;
use serde::ser::{Impossible, Serializer};
use std::fmt::Display;

/// Appends `key` as a JSON string, quotes included, and returns whether it names a secret.
pub(super) fn write_key<K: Serialize + ?Sized>(out: &mut Vec<u8>, key: &K) -> Result<bool, json::Failed> {
    out.push(b'"');
    let secret = match key.serialize(KeyText { out }) {
        Ok(secret) => secret,
        Err(NotText::Failed) => return Err(json::Failed),
        Err(NotText::Structured) => {
            let mut text = Vec::new();
            json::write_value(&mut text, key, 1024)?;
            escape(out, std::str::from_utf8(&text).unwrap_or_default());
            false
        }
    };
    out.push(b'"');
    Ok(secret)
}

/// Writes keys that have a natural text; says so of all others.
struct KeyText<'o> {
    out: &'o mut Vec<u8>,
}

/// Why a key has no text of its own.
#[derive(Debug)]
enum NotText {
    /// It is a list, a map or a structure.
    Structured,
    /// Its `Serialize` implementation failed.
    Failed,
}

impl Display for NotText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not a text key")
    }
}

impl std::error::Error for NotText {}

impl serde::ser::Error for NotText {
    fn custom<T: Display>(_: T) -> Self {
        Self::Failed
    }
}

impl KeyText<'_> {
    fn display(self, value: impl Display) -> Result<bool, NotText> {
        use std::io::Write;
        let _ = write!(self.out, "{value}");
        Ok(false)
    }
}

macro_rules! key_display {
    ($($method:ident: $ty:ty),+ $(,)?) => {$(
        fn $method(self, value: $ty) -> Result<bool, NotText> {
            self.display(value)
        }
    )+};
}

macro_rules! key_structured {
    ($($method:ident($($arg:ty),*) -> $ok:ty;)+) => {$(
        fn $method(self, $(_: $arg),*) -> Result<$ok, NotText> {
            Err(NotText::Structured)
        }
    )+};
}

impl Serializer for KeyText<'_> {
    type Ok = bool;
    type Error = NotText;
    type SerializeSeq = Impossible<bool, NotText>;
    type SerializeTuple = Impossible<bool, NotText>;
    type SerializeTupleStruct = Impossible<bool, NotText>;
    type SerializeTupleVariant = Impossible<bool, NotText>;
    type SerializeMap = Impossible<bool, NotText>;
    type SerializeStruct = Impossible<bool, NotText>;
    type SerializeStructVariant = Impossible<bool, NotText>;

    key_display! {
        serialize_bool: bool,
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128,
        serialize_f32: f32, serialize_f64: f64,
    }

    fn serialize_char(self, value: char) -> Result<bool, NotText> {
        escape(self.out, value.encode_utf8(&mut [0; 4]));
        Ok(false)
    }

    fn serialize_str(self, value: &str) -> Result<bool, NotText> {
        escape(self.out, super::cut::prefix(value, 1024));
        Ok(super::is_secret_name(value))
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<bool, NotText> {
        self.serialize_str(variant)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<bool, NotText> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<bool, NotText> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<bool, NotText> {
        Err(NotText::Structured)
    }

    key_structured! {
        serialize_bytes(&[u8]) -> bool;
        serialize_none() -> bool;
        serialize_unit() -> bool;
        serialize_unit_struct(&'static str) -> bool;
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct(&'static str, usize) -> Self::SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }
}
