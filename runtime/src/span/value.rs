//! Values that the program hands over by hand, as parts.

use crate::capture::{Value, is_secret_name};
use crate::model::{Field, Parts};
use serde::Serialize;
use serde::ser::{Impossible, Serializer};
use std::fmt::{self, Display};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Adds `value`: text and numbers as they are, anything else as JSON, within the limit of captured values. A metadata entry, attribute or
/// event whose name looks like that of a secret keeps its name only.
pub(super) fn write(parts: &mut Parts<'_>, field: Field, key: &str, value: &impl Serialize) {
    if is_secret_name(key) {
        return Value::Redacted.put(field, key, parts);
    }
    // A panic in user code is met here and again below, where it is written down.
    let plain = catch_unwind(AssertUnwindSafe(|| value.serialize(Plain { parts, field, key })));
    if !matches!(plain, Ok(Ok(()))) {
        Value::Json(value).put(field, key, parts);
    }
}

/// Writes text and numbers; for what has an inside it fails before anything is written.
struct Plain<'a, 'b> {
    parts: &'a mut Parts<'b>,
    field: Field,
    key: &'a str,
}

impl Plain<'_, '_> {
    fn put(self, value: Value<'_>) -> Result<(), NotPlain> {
        value.put(self.field, self.key, self.parts);
        Ok(())
    }
}

/// The value has to be written as JSON.
#[derive(Debug)]
struct NotPlain;

impl Display for NotPlain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("neither text nor a number")
    }
}

impl std::error::Error for NotPlain {}

impl serde::ser::Error for NotPlain {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

macro_rules! plain {
    ($($method:ident($ty:ty) => $variant:ident),+ $(,)?) => {$(
        fn $method(self, value: $ty) -> Result<(), NotPlain> {
            self.put(Value::$variant(value.into()))
        }
    )+};
}

macro_rules! compound {
    ($($method:ident($($ty:ty),*) -> $kind:ident),+ $(,)?) => {$(
        fn $method(self, $(_: $ty),*) -> Result<Self::$kind, NotPlain> {
            Err(NotPlain)
        }
    )+};
}

impl Serializer for Plain<'_, '_> {
    type Ok = ();
    type Error = NotPlain;
    type SerializeSeq = Impossible<(), NotPlain>;
    type SerializeTuple = Impossible<(), NotPlain>;
    type SerializeTupleStruct = Impossible<(), NotPlain>;
    type SerializeTupleVariant = Impossible<(), NotPlain>;
    type SerializeMap = Impossible<(), NotPlain>;
    type SerializeStruct = Impossible<(), NotPlain>;
    type SerializeStructVariant = Impossible<(), NotPlain>;

    plain! {
        serialize_bool(bool) => Bool,
        serialize_i8(i8) => Int, serialize_i16(i16) => Int, serialize_i32(i32) => Int, serialize_i64(i64) => Int,
        serialize_u8(u8) => UInt, serialize_u16(u16) => UInt, serialize_u32(u32) => UInt, serialize_u64(u64) => UInt,
        serialize_f64(f64) => Float,
        serialize_str(&str) => Text,
    }

    compound! {
        // Its shortest decimal form is not that of the same number as an `f64`.
        serialize_f32(f32) -> Ok,
        serialize_bytes(&[u8]) -> Ok,
        serialize_seq(Option<usize>) -> SerializeSeq,
        serialize_tuple(usize) -> SerializeTuple,
        serialize_tuple_struct(&'static str, usize) -> SerializeTupleStruct,
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> SerializeTupleVariant,
        serialize_map(Option<usize>) -> SerializeMap,
        serialize_struct(&'static str, usize) -> SerializeStruct,
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> SerializeStructVariant,
    }

    fn serialize_char(self, value: char) -> Result<(), NotPlain> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_none(self) -> Result<(), NotPlain> {
        self.put(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NotPlain> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), NotPlain> {
        self.put(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), NotPlain> {
        self.put(Value::Null)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), NotPlain> {
        self.put(Value::Text(variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), NotPlain> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), NotPlain> {
        Err(NotPlain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::part::PartIter;
    use crate::model::{Part, ValueKind};

    fn written(key: &str, value: impl Serialize) -> (ValueKind, String) {
        let mut bytes = Vec::new();
        write(&mut Parts::new(&mut bytes), Field::Metadata, key, &value);
        let parts: Vec<Part<'_>> = PartIter(&bytes).collect();
        assert_eq!(parts.len(), 1, "{parts:?}");
        (parts[0].kind, parts[0].text().to_owned())
    }

    #[derive(Serialize)]
    enum Colour {
        Red,
        Mixed(u8),
    }

    #[test]
    fn text_and_numbers_stay_what_they_are_and_the_rest_is_json() {
        assert_eq!(written("k", "a \"b\""), (ValueKind::Text, "a \"b\"".into()));
        assert_eq!(written("k", String::from("x")), (ValueKind::Text, "x".into()));
        assert_eq!(written("k", 'x'), (ValueKind::Text, "x".into()));
        assert_eq!(written("k", Some("x")), (ValueKind::Text, "x".into()));
        assert_eq!(written("k", Colour::Red), (ValueKind::Text, "Red".into()));
        assert_eq!(written("k", Colour::Mixed(3)), (ValueKind::Json, r#"{"Mixed":3}"#.into()));
        assert_eq!(written("k", 7u8).0, ValueKind::UInt);
        assert_eq!(written("k", -7i64).0, ValueKind::Int);
        assert_eq!(written("k", 0.5f64).0, ValueKind::Float);
        assert_eq!(written("k", true).0, ValueKind::Bool);
        assert_eq!(written("k", ()).0, ValueKind::Null);
        assert_eq!(written("k", None::<u8>).0, ValueKind::Null);
        assert_eq!(written("k", [1, 2]), (ValueKind::Json, "[1,2]".into()));
        assert_eq!(written("k", serde_json::json!("text")), (ValueKind::Text, "text".into()));
    }

    #[test]
    fn a_name_that_looks_like_a_secret_keeps_its_value_to_itself() {
        assert_eq!(written("api_key", "abc"), (ValueKind::Text, "[redacted]".into()));
    }

    #[test]
    fn a_value_that_fails_or_panics_is_named_by_its_type() {
        struct Fails;
        impl Serialize for Fails {
            fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(serde::ser::Error::custom("no"))
            }
        }
        struct Panics;
        impl Serialize for Panics {
            fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                std::panic::resume_unwind(Box::new("no"))
            }
        }
        assert_eq!(written("k", Fails).0, ValueKind::TypeName);
        assert_eq!(written("k", Panics).0, ValueKind::TypeName);
    }
}
