//! Traces in the forms of other systems.

pub(crate) mod otlp;
pub(crate) mod tempo;
