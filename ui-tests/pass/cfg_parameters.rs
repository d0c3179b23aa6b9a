//! Parameters that exist only in some builds.
#![deny(warnings)]

use galileo::log;

#[log]
fn conditional(#[cfg(all())] a: u8, #[cfg(any())] b: Missing, c: u8) -> u8 {
    a + c
}

#[log(redact(a))]
async fn conditional_async(#[cfg(any())] a: Missing, #[cfg(not(any()))] a: u8) -> u8 {
    a
}

fn main() {
    assert_eq!(conditional(1, 2), 3);
    assert_eq!(futures::executor::block_on(conditional_async(1)), 1);
}
