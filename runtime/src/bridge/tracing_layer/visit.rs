//! Reading the fields of a `tracing` span or event.

use crate::bridge::conventions::{Bounded, Fields, Value};
use std::fmt::{Debug, Write};
use tracing_core::field::{Field, Visit};

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), Value::Float(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), Value::Int(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), Value::UInt(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), Value::Bool(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), Value::text(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = Bounded::default();
        // An error here is the bound, or the value's own; what was written before it is kept.
        let _ = write!(text, "{value:?}");
        self.set(field.name(), Value::Text(text.0));
    }
}
