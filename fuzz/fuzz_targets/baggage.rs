//! All lines of `baggage`: members come through byte for byte, limits hold, and inserted values read back.
#![no_main]

use galileo::propagation::Baggage;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(mut baggage) = Baggage::parse(data) else { return };
    let text = baggage.to_string();
    assert!(text.len() <= 8192 && baggage.len() <= 64);
    assert_eq!(Baggage::parse(text.as_bytes()).as_ref(), Some(&baggage));
    if !baggage.is_empty() {
        http::HeaderValue::from_str(&text).unwrap();
    }
    let value = String::from_utf8_lossy(data);
    if baggage.insert("fuzz", &value) {
        assert_eq!(baggage.get("fuzz").as_deref(), Some(&*value));
        let text = baggage.to_string();
        http::HeaderValue::from_str(&text).unwrap();
        assert!(text.len() <= 8192);
    }
    for (key, _) in baggage.iter() {
        assert!(baggage.get(key).is_some());
    }
});
