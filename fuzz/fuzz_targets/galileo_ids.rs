//! The text of an id: what is accepted is a version 4 UUID and is written in one form.
#![no_main]

use galileo::{SpanId, TraceId};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (trace, span) = (TraceId::parse(text), SpanId::parse(text));
    assert_eq!(trace.map(TraceId::to_bytes), span.map(SpanId::to_bytes));
    if let Some(trace) = trace {
        let written = trace.to_string();
        assert_eq!(written.len(), 36);
        assert_eq!(written.as_bytes()[14], b'4');
        assert_eq!(TraceId::parse(&written), Some(trace));
    }
});
