//! One value on its way into a record.

use super::error::{ErrorText, Itself, Target};
use super::json::{self, Json};
use super::text::{Collector, write_text};
use super::{REDACTED, cut, limit};
use crate::model::{Field, Parts, ValueKind};
use std::any::type_name;
use std::fmt::{self, Debug, Display, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A borrowed value and the way in which it is captured. Small enough to be passed in an array on the stack.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    /// No value.
    Null,
    /// A truth value.
    Bool(bool),
    /// A signed number.
    Int(i64),
    /// An unsigned number.
    UInt(u64),
    /// A floating-point number.
    Float(f64),
    /// Text, kept as it is.
    Text(&'a str),
    /// Captured through `Serialize`, as JSON.
    Json(&'a dyn Json),
    /// Captured through `Debug`, as text.
    Debug(&'a dyn DebugText),
    /// Captured through `Display`, as text.
    Display(&'a dyn DisplayText),
    /// An error with its causes.
    Error(&'a dyn ErrorText<Itself>),
    /// A pointer to an error with its causes.
    ErrorBox(&'a dyn ErrorText<Target>),
    /// Nothing is known of the value but its type.
    TypeName(&'static str),
    /// Its name looks like that of a secret, or the program said so.
    Redacted,
}

/// `Debug` together with the type's name, which stands in when `Debug` fails.
pub trait DebugText {
    /// Formats the value.
    fn write(&self, out: &mut dyn Write) -> fmt::Result;
    /// The name of its type.
    fn type_name(&self) -> &'static str;
}

impl<T: Debug> DebugText for T {
    fn write(&self, out: &mut dyn Write) -> fmt::Result {
        write!(out, "{self:?}")
    }

    fn type_name(&self) -> &'static str {
        type_name::<T>()
    }
}

/// `Display` together with the type's name, which stands in when `Display` fails.
pub trait DisplayText {
    /// Formats the value; the alternate form, in which error types with a context print all of it.
    fn write(&self, out: &mut dyn Write) -> fmt::Result;
    /// The name of its type.
    fn type_name(&self) -> &'static str;
}

impl<T: Display> DisplayText for T {
    fn write(&self, out: &mut dyn Write) -> fmt::Result {
        write!(out, "{self:#}")
    }

    fn type_name(&self) -> &'static str {
        type_name::<T>()
    }
}

impl Value<'_> {
    /// Adds the value to a record.
    pub fn put(&self, field: Field, key: &str, parts: &mut Parts<'_>) {
        parts.push_with(field, key, |out| self.write(out));
    }

    /// Appends the value's bytes and says how they are to be read.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> ValueKind {
        match *self {
            Self::Null => ValueKind::Null,
            Self::Bool(value) => {
                out.push(u8::from(value));
                ValueKind::Bool
            }
            Self::Int(value) => {
                out.extend_from_slice(&value.to_le_bytes());
                ValueKind::Int
            }
            Self::UInt(value) => {
                out.extend_from_slice(&value.to_le_bytes());
                ValueKind::UInt
            }
            Self::Float(value) => {
                out.extend_from_slice(&value.to_le_bytes());
                ValueKind::Float
            }
            Self::Text(text) => {
                write_text(out, text, limit());
                ValueKind::Text
            }
            Self::Json(value) => {
                careful(out, ValueKind::Json, value.type_name(), |out| json::write(out, value, limit()))
            }
            Self::Debug(value) => {
                careful(out, ValueKind::Debug, value.type_name(), |out| collect(out, |text| value.write(text)))
            }
            Self::Display(value) => {
                careful(out, ValueKind::Text, value.type_name(), |out| collect(out, |text| value.write(text)))
            }
            Self::Error(error) => careful(out, ValueKind::Text, "error", |out| collect(out, |text| error.write(text))),
            Self::ErrorBox(error) => {
                careful(out, ValueKind::Text, "error", |out| collect(out, |text| error.write(text)))
            }
            Self::TypeName(name) => {
                out.extend_from_slice(name.as_bytes());
                ValueKind::TypeName
            }
            Self::Redacted => {
                out.extend_from_slice(REDACTED.as_bytes());
                ValueKind::Text
            }
        }
    }
}

impl Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is captured may be confidential; the way in which it is captured is not.
        f.write_str(match self {
            Self::Null => "Null",
            Self::Bool(_) => "Bool",
            Self::Int(_) => "Int",
            Self::UInt(_) => "UInt",
            Self::Float(_) => "Float",
            Self::Text(_) => "Text",
            Self::Json(_) => "Json",
            Self::Debug(_) => "Debug",
            Self::Display(_) => "Display",
            Self::Error(_) | Self::ErrorBox(_) => "Error",
            Self::TypeName(_) => "TypeName",
            Self::Redacted => "Redacted",
        })
    }
}

fn collect(out: &mut Vec<u8>, write: impl FnOnce(&mut dyn Write) -> fmt::Result) -> Result<(), ()> {
    let mut text = Collector::new(out, limit());
    let result = write(&mut text);
    text.finish(result).map_err(|_| ())
}

/// Runs user code that writes a value. When it fails or panics, the type's name stands in the value's place.
fn careful(
    out: &mut Vec<u8>,
    kind: ValueKind,
    type_name: &'static str,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), ()>,
) -> ValueKind {
    let start = out.len();
    // A panic leaves at worst a torn value in `out`, and that is cut off below.
    let how = match catch_unwind(AssertUnwindSafe(|| write(out))) {
        Ok(Ok(())) => return kind,
        Ok(Err(())) => " failed while it was captured",
        Err(_) => " panicked while it was captured",
    };
    out.truncate(start);
    out.extend_from_slice(cut::prefix(type_name, 1024).as_bytes());
    out.extend_from_slice(how.as_bytes());
    ValueKind::TypeName
}
