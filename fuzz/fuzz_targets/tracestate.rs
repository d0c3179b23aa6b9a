//! All lines of `tracestate`: what is accepted is a fixed point, and what is sent is at most 512 characters of it, in order.
#![no_main]

use galileo::propagation::TraceState;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some(parsed) = TraceState::parse(data) {
        assert_eq!(TraceState::parse(parsed.as_str().as_bytes()), Some(parsed.clone()));
        let sent = parsed.to_header();
        assert!(sent.len() <= 512);
        http::HeaderValue::from_str(&sent).unwrap();
        let mut rest = parsed.as_str().split(',');
        assert!(sent.is_empty() || sent.split(',').all(|member| rest.any(|other| other == member)));
    }
});
