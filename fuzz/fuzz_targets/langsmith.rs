//! A dotted order: what is accepted is kept as it came and can be continued.
#![no_main]

use galileo::propagation::DottedOrder;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some(order) = DottedOrder::parse(data) {
        assert_eq!(order.as_str().as_bytes(), data);
        assert_ne!(order.trace_id(), [0; 16]);
        let mut id = [7; 16];
        for (byte, given) in id.iter_mut().zip(data) {
            *byte ^= given;
        }
        let time = u64::from_le_bytes(id[..8].try_into().unwrap()) % 253_402_300_799_999_999;
        let child = order.child(time, id);
        if id != [0; 16] {
            let read = DottedOrder::parse(child.as_str().as_bytes()).unwrap();
            assert_eq!((read.run_id(), read.trace_id()), (id, order.trace_id()));
            assert_eq!(read.depth(), order.depth() + 1);
        }
    }
});
