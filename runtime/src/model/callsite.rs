//! The static description of one annotated function or span builder call.

use super::SpanType;
use std::sync::atomic::AtomicU32;

/// What is known of a span at compile time: one `static` per annotated function.
#[derive(Debug)]
pub struct Callsite {
    /// The span's name.
    pub name: &'static str,
    /// The span's type.
    pub span_type: SpanType,
    /// The module that the function stands in.
    pub module: &'static str,
    /// The source file.
    pub file: &'static str,
    /// The line of the function.
    pub line: u32,
    /// Its number in the pipeline's table; 0 until its first span.
    pub(crate) number: AtomicU32,
}

impl Callsite {
    /// A callsite that has not been used yet.
    pub const fn new(
        name: &'static str,
        span_type: SpanType,
        module: &'static str,
        file: &'static str,
        line: u32,
    ) -> Self {
        Self { name, span_type, module, file, line, number: AtomicU32::new(0) }
    }
}
