//! One `traceparent` value: what is accepted is written as version 00 and read back the same.
#![no_main]

use galileo::propagation::Traceparent;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some(parsed) = Traceparent::parse(data) {
        let written = parsed.to_string();
        assert_eq!(written.len(), 55);
        assert_eq!(Traceparent::parse(written.as_bytes()), Some(parsed));
        assert_eq!(written[3..52].as_bytes(), &data[3..52]);
    }
});
