//! A `serde` serializer that writes JSON into a record and stops at a limit.
//!
//! Unlike `serde_json` it never writes more than the limit (plus markers and closing brackets), it is valid JSON wherever it was cut, it
//! accepts every key, and it leaves out the values of fields whose names look like those of secrets:
//!
//! ```text
//! value                      written as
//! NaN, infinity              "NaN", "Infinity", "-Infinity"
//! integers beyond 2^53       text, because readers in other languages would round them
//! bytes                      text if they are UTF-8, else "<17 bytes>"
//! deeper than 64 levels      "...[deeper than 64 levels]"
//! map with over 1000 keys    the first 1000, and "...": "...[234 entries cut]"
//! list cut at the limit      [1,2,"...[71 bytes cut]"]
//! ```

use super::compound::{Compound, Form};
use super::cut;
use super::escape::{escape, escape_until};
use serde::Serialize;
use serde::ser::Serializer;
use std::any::type_name;
use std::fmt::{self, Display};

/// A value that can be written as JSON: every `Serialize`, as a trait object.
pub trait Json {
    /// Writes the value.
    fn write(&self, writer: &mut Writer<'_>) -> Result<(), Failed>;
    /// The name of its type.
    fn type_name(&self) -> &'static str;
}

impl<T: Serialize> Json for T {
    fn write(&self, writer: &mut Writer<'_>) -> Result<(), Failed> {
        self.serialize(writer)
    }

    fn type_name(&self) -> &'static str {
        type_name::<T>()
    }
}

/// The value could not be serialised; whoever called writes what stands in its place.
#[derive(Debug)]
pub struct Failed;

impl Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("value could not be captured")
    }
}

impl std::error::Error for Failed {}

impl serde::ser::Error for Failed {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

/// Appends at most `limit` bytes of JSON, plus markers.
pub(super) fn write(out: &mut Vec<u8>, value: &dyn Json, limit: usize) -> Result<(), ()> {
    let mut writer = Writer::new(out, limit);
    let result = value.write(&mut writer);
    writer.finish(result).map_err(|_| ())
}

/// Like [`write`], for a type that is known.
pub(super) fn write_value<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T, limit: usize) -> Result<(), Failed> {
    let mut writer = Writer::new(out, limit);
    let result = value.serialize(&mut writer);
    writer.finish(result)
}

/// Appends any value as JSON within the capture limit. `false` when its `Serialize` failed; then nothing was appended.
pub(crate) fn write_json<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> bool {
    let start = out.len();
    let written = write_value(out, value, super::limit()).is_ok();
    if !written {
        out.truncate(start);
    }
    written
}

/// The deepest nesting that is followed.
pub(super) const DEPTH: usize = 64;
/// How many values are still looked at after the cut, so that the marker can say how much is missing.
const COUNTED: u32 = 4096;
/// The largest integer up to which every reader agrees.
const EXACT: u64 = 1 << 53;

/// The state of one value that is being written.
#[derive(Debug)]
pub struct Writer<'o> {
    pub(super) out: &'o mut Vec<u8>,
    /// Nothing begins at or after this length of `out`.
    pub(super) end: usize,
    /// The open containers, outermost first.
    pub(super) open: [Form; DEPTH],
    pub(super) depth: usize,
    /// The limit was reached: nothing is written any more but markers and closing brackets.
    pub(super) cut: bool,
    /// The user's code was told to stop.
    pub(super) stopped: bool,
    /// Bytes left out since the last marker; roughly, since nothing is escaped any more.
    pub(super) skipped: usize,
    counted: u32,
}

impl<'o> Writer<'o> {
    fn new(out: &'o mut Vec<u8>, limit: usize) -> Self {
        let end = out.len() + limit;
        Self { out, end, open: [Form::LIST; DEPTH], depth: 0, cut: false, stopped: false, skipped: 0, counted: 0 }
    }

    /// Closes what a stopped value left open.
    fn finish(mut self, result: Result<(), Failed>) -> Result<(), Failed> {
        if !self.stopped {
            return result;
        }
        while self.depth > 0 {
            self.close();
        }
        Ok(())
    }

    /// Whether a value may be visited. Once cut, values are visited for counting only, and not for ever.
    pub(super) fn visit(&mut self) -> Result<(), Failed> {
        if self.out.len() >= self.end {
            self.cut = true;
        }
        if self.cut {
            self.counted += 1;
            self.stopped |= self.counted > COUNTED;
        }
        if self.stopped { Err(Failed) } else { Ok(()) }
    }

    pub(super) fn close(&mut self) {
        self.depth -= 1;
        let form = self.open[self.depth];
        if self.skipped > 0 {
            if form.filled() {
                self.out.push(b',');
            }
            self.out.extend_from_slice(if form.is_map() { b"\"...\":\"" } else { b"\"" });
            cut::marker(self.out, self.skipped, self.stopped);
            self.out.push(b'"');
            self.skipped = 0;
        }
        self.out.extend_from_slice(form.closing());
    }

    pub(super) fn string(&mut self, text: &str) {
        if self.cut {
            self.skipped += text.len() + 2;
            return;
        }
        self.out.push(b'"');
        let kept = escape_until(self.out, text, self.end.max(self.out.len()));
        if kept < text.len() {
            self.cut = true;
            cut::marker(self.out, text.len() - kept, false);
        }
        self.out.push(b'"');
    }

    /// Short text without anything to escape.
    fn bare(&mut self, text: &[u8]) {
        if self.cut {
            self.skipped += text.len();
        } else {
            self.out.extend_from_slice(text);
        }
    }

    fn unsigned(&mut self, value: u64, negative: bool) {
        let mut digits = [0u8; 24];
        let mut at = digits.len();
        let mut rest = value;
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if negative {
            at -= 1;
            digits[at] = b'-';
        }
        let quoted = value > EXACT;
        if quoted {
            self.bare(b"\"");
        }
        self.bare(&digits[at..]);
        if quoted {
            self.bare(b"\"");
        }
    }

    fn float(&mut self, value: f64, shortest: impl fmt::Debug) {
        use std::io::Write;
        if value.is_nan() {
            self.bare(b"\"NaN\"");
        } else if value.is_infinite() {
            self.bare(if value > 0.0 { b"\"Infinity\"" } else { b"\"-Infinity\"" });
        } else if self.cut {
            self.skipped += 8;
        } else {
            // `Debug` prints the fewest digits that read back as the same number, and always as a JSON number.
            let _ = write!(self.out, "{shortest:?}");
        }
    }

    fn wide(&mut self, value: impl Display) {
        self.string(&value.to_string());
    }

    pub(super) fn begin<'w>(&'w mut self, prefix: Option<&str>, form: Form) -> Result<Compound<'w, 'o>, Failed> {
        if self.stopped {
            return Err(Failed);
        }
        if self.cut {
            self.skipped += 2;
            return Ok(Compound::counting(self));
        }
        if self.depth == DEPTH {
            self.out.extend_from_slice(b"\"...[deeper than 64 levels]\"");
            return Ok(Compound::muted(self));
        }
        if let Some(variant) = prefix {
            self.out.extend_from_slice(b"{\"");
            escape(self.out, variant);
            self.out.extend_from_slice(b"\":");
        }
        self.out.push(form.opening());
        self.open[self.depth] = form;
        self.depth += 1;
        Ok(Compound::live(self))
    }
}

impl<'w, 'o> Serializer for &'w mut Writer<'o> {
    type Ok = ();
    type Error = Failed;
    type SerializeSeq = Compound<'w, 'o>;
    type SerializeTuple = Compound<'w, 'o>;
    type SerializeTupleStruct = Compound<'w, 'o>;
    type SerializeTupleVariant = Compound<'w, 'o>;
    type SerializeMap = Compound<'w, 'o>;
    type SerializeStruct = Compound<'w, 'o>;
    type SerializeStructVariant = Compound<'w, 'o>;

    fn serialize_bool(self, value: bool) -> Result<(), Failed> {
        self.bare(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), Failed> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), Failed> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), Failed> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), Failed> {
        self.unsigned(value.unsigned_abs(), value < 0);
        Ok(())
    }

    fn serialize_i128(self, value: i128) -> Result<(), Failed> {
        match i64::try_from(value) {
            Ok(value) => self.serialize_i64(value)?,
            Err(_) => self.wide(value),
        }
        Ok(())
    }

    fn serialize_u8(self, value: u8) -> Result<(), Failed> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), Failed> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), Failed> {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), Failed> {
        self.unsigned(value, false);
        Ok(())
    }

    fn serialize_u128(self, value: u128) -> Result<(), Failed> {
        match u64::try_from(value) {
            Ok(value) => self.unsigned(value, false),
            Err(_) => self.wide(value),
        }
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), Failed> {
        self.float(value.into(), value);
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Failed> {
        self.float(value, value);
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Failed> {
        self.string(value.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), Failed> {
        self.string(value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Failed> {
        match std::str::from_utf8(value) {
            Ok(text) => self.string(text),
            Err(_) => self.string(&format!("<{} bytes>", value.len())),
        }
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Failed> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Failed> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Failed> {
        self.bare(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Failed> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Failed> {
        self.string(variant);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Failed> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Failed> {
        let mut map = self.begin(None, Form::MAP)?;
        map.field(variant, value)?;
        map.end_container()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'w, 'o>, Failed> {
        self.begin(None, Form::LIST)
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'w, 'o>, Failed> {
        self.begin(None, Form::LIST)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Compound<'w, 'o>, Failed> {
        self.begin(None, Form::LIST)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'w, 'o>, Failed> {
        self.begin(Some(variant), Form::VARIANT_LIST)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'w, 'o>, Failed> {
        self.begin(None, Form::MAP)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Compound<'w, 'o>, Failed> {
        self.begin(None, Form::MAP)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'w, 'o>, Failed> {
        self.begin(Some(variant), Form::VARIANT_MAP)
    }
}
