//! A whole request: any lines under any of our names. Nothing panics, every kind is refused at most once, and what was read is
//! written as valid headers that read back the same.
#![no_main]

use galileo::propagation::{OutgoingContext, Propagators};
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 8] = [
    "x-galileo-trace-id",
    "x-galileo-parent-id",
    "traceparent",
    "tracestate",
    "baggage",
    "langsmith-trace",
    "baggage",
    "x-other",
];

fuzz_target!(|data: &[u8]| {
    let mut headers = HeaderMap::new();
    for line in data.split(|&byte| byte == b'\n') {
        let Some((name, value)) = line.split_first() else { continue };
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(HeaderName::from_static(NAMES[usize::from(name % 8)]), value);
        }
    }
    let propagators: Propagators = "galileo,tracecontext,baggage,langsmith".parse().unwrap();
    let read = propagators.extract(&headers);
    assert!(read.rejected.len() <= 7);
    assert_eq!(read.trace_id().is_some(), !read.is_empty());
    assert_eq!(read.parent().is_some(), !read.is_empty());
    assert_eq!(read.w3c_trace_id().is_some(), !read.is_empty());

    let outgoing = OutgoingContext {
        galileo: read.galileo,
        w3c: read.w3c.clone(),
        langsmith: read.langsmith.clone(),
        baggage: read.baggage.clone(),
    };
    let mut written = HeaderMap::new();
    propagators.inject(&outgoing, &mut written);
    let again = propagators.extract(&written);
    assert_eq!(again.galileo, read.galileo);
    assert_eq!(again.w3c.map(|w3c| w3c.traceparent), read.w3c.map(|w3c| w3c.traceparent));
    assert_eq!(again.langsmith.map(|l| l.dotted_order), read.langsmith.map(|l| l.dotted_order));

    // What is there already, however broken, is never made invalid by what is added.
    propagators.inject(&outgoing, &mut headers);
    for (_, value) in &headers {
        assert!(!value.as_bytes().contains(&b'\n'));
    }
});
