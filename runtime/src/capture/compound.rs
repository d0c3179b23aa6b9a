//! Lists and maps that are being written as JSON.

use super::json::{Failed, Writer};
use super::key::write_key;
use super::{REDACTED, is_secret_name};
use serde::Serialize;
use serde::ser;

/// Entries of a map beyond this are counted and left out.
const KEYS: usize = 1000;

/// What kind of container is open, and whether anything stands in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form(u8);

impl Form {
    pub(super) const LIST: Self = Self(0);
    pub(super) const MAP: Self = Self(1);
    /// `{"Variant":[..]}`
    pub(super) const VARIANT_LIST: Self = Self(2);
    /// `{"Variant":{..}}`
    pub(super) const VARIANT_MAP: Self = Self(3);
    const FILLED: u8 = 4;

    pub(super) fn is_map(self) -> bool {
        self.0 & 1 != 0
    }

    pub(super) fn filled(self) -> bool {
        self.0 & Self::FILLED != 0
    }

    pub(super) fn opening(self) -> u8 {
        if self.is_map() { b'{' } else { b'[' }
    }

    pub(super) fn closing(self) -> &'static [u8] {
        match self.0 & 3 {
            0 => b"]",
            1 => b"}",
            2 => b"]}",
            _ => b"}}",
        }
    }
}

/// How much of a container is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// All of it.
    Live,
    /// Nothing, it began after the cut; its values are visited to be counted.
    Counting,
    /// Nothing, and nothing is visited: it lies too deep.
    Muted,
}

/// A list, tuple, map or structure that is open.
#[derive(Debug)]
pub struct Compound<'w, 'o> {
    writer: &'w mut Writer<'o>,
    mode: Mode,
    entries: usize,
    /// The key that was written last: its value has to follow, or must not be shown.
    after_key: AfterKey,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AfterKey {
    Write,
    Redact,
    Skip,
}

impl<'w, 'o> Compound<'w, 'o> {
    pub(super) fn live(writer: &'w mut Writer<'o>) -> Self {
        Self { writer, mode: Mode::Live, entries: 0, after_key: AfterKey::Skip }
    }

    pub(super) fn counting(writer: &'w mut Writer<'o>) -> Self {
        Self { writer, mode: Mode::Counting, entries: 0, after_key: AfterKey::Skip }
    }

    pub(super) fn muted(writer: &'w mut Writer<'o>) -> Self {
        Self { writer, mode: Mode::Muted, entries: 0, after_key: AfterKey::Skip }
    }

    /// Begins an element or an entry; `false` when it is only counted or not looked at.
    fn begin(&mut self) -> Result<bool, Failed> {
        self.entries += 1;
        if self.mode == Mode::Muted {
            return Ok(false);
        }
        self.writer.visit()?;
        if self.writer.cut {
            return Ok(false);
        }
        let form = &mut self.writer.open[self.writer.depth - 1];
        if form.filled() {
            self.writer.out.push(b',');
        }
        form.0 |= Form::FILLED;
        Ok(true)
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failed> {
        if self.begin()? || self.mode != Mode::Muted { value.serialize(&mut *self.writer) } else { Ok(()) }
    }

    pub(super) fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Failed> {
        if !self.begin()? {
            self.writer.skipped += name.len() + 3;
            return if self.mode == Mode::Muted { Ok(()) } else { value.serialize(&mut *self.writer) };
        }
        self.writer.out.push(b'"');
        super::escape(self.writer.out, name);
        self.writer.out.extend_from_slice(b"\":");
        if is_secret_name(name) {
            self.writer.string(REDACTED);
            return Ok(());
        }
        value.serialize(&mut *self.writer)
    }

    fn map_key<K: Serialize + ?Sized>(&mut self, key: &K) -> Result<(), Failed> {
        self.after_key = AfterKey::Skip;
        if self.mode != Mode::Muted && self.entries >= KEYS {
            self.entries += 1;
            // A map of millions must not be walked to its end only to be counted.
            if self.entries > KEYS * 10 {
                self.writer.stopped = true;
                self.writer.skipped += 1;
            }
            return if self.writer.stopped { Err(Failed) } else { Ok(()) };
        }
        if !self.begin()? {
            self.writer.skipped += 8;
            if self.mode != Mode::Muted {
                self.after_key = AfterKey::Write;
            }
            return Ok(());
        }
        let secret = write_key(self.writer.out, key)?;
        self.writer.out.push(b':');
        self.after_key = if secret { AfterKey::Redact } else { AfterKey::Write };
        Ok(())
    }

    fn map_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failed> {
        match std::mem::replace(&mut self.after_key, AfterKey::Skip) {
            AfterKey::Write => value.serialize(&mut *self.writer),
            AfterKey::Redact => {
                self.writer.string(REDACTED);
                Ok(())
            }
            AfterKey::Skip => Ok(()),
        }
    }

    pub(super) fn end_container(self) -> Result<(), Failed> {
        if self.writer.stopped {
            return Err(Failed);
        }
        if self.mode == Mode::Live {
            if self.entries > KEYS && self.writer.open[self.writer.depth - 1].is_map() {
                use std::io::Write;
                let _ = write!(self.writer.out, ",\"...\":\"...[{} entries cut]\"", self.entries - KEYS);
            }
            self.writer.close();
        }
        Ok(())
    }
}

/// serde has seven traits for what is two things to us: elements in a row, and entries with a name.
macro_rules! compound {
    ($trait:ident, $method:ident($($name:ident: $kind:ty,)?) => $write:ident) => {
        impl ser::$trait for Compound<'_, '_> {
            type Ok = ();
            type Error = Failed;

            fn $method<T: Serialize + ?Sized>(&mut self, $($name: $kind,)? value: &T) -> Result<(), Failed> {
                self.$write($($name,)? value)
            }

            fn end(self) -> Result<(), Failed> {
                self.end_container()
            }
        }
    };
}

compound!(SerializeSeq, serialize_element() => element);
compound!(SerializeTuple, serialize_element() => element);
compound!(SerializeTupleStruct, serialize_field() => element);
compound!(SerializeTupleVariant, serialize_field() => element);
compound!(SerializeStruct, serialize_field(name: &'static str,) => field);
compound!(SerializeStructVariant, serialize_field(name: &'static str,) => field);

impl ser::SerializeMap for Compound<'_, '_> {
    type Ok = ();
    type Error = Failed;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Failed> {
        self.map_key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failed> {
        self.map_value(value)
    }

    fn end(self) -> Result<(), Failed> {
        self.end_container()
    }
}
