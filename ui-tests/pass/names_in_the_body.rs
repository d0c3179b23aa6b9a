//! The user's variables may be called what ours are called, and do not see ours.
#![deny(warnings)]

use galileo::log;

#[log]
fn collide(__galileo_span: u8, __galileo_body: u8, result: u8, end: u8) -> u8 {
    let __galileo_result = __galileo_span + __galileo_body;
    __galileo_result + result + end
}

#[log]
async fn collide_async(__galileo_span: u8, value: u8) -> u8 {
    let __galileo_body = __galileo_span;
    __galileo_body + value
}

#[log(output = |__galileo_end| *__galileo_end, status_code = |value| u16::from(*value))]
fn collide_in_closures(value: u8) -> u8 {
    value
}

macro_rules! traced {
    ($(#[$meta:meta])* $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty $body:block) => {
        $(#[$meta])*
        #[log(span_type = "tool")]
        fn $name($($arg: $ty),*) -> $ret $body
    };
    (whole $item:item) => { #[log] $item };
    (hygienic $name:ident) => {
        #[log]
        fn $name(inner: u8) -> u8 {
            let other = inner;
            other + inner
        }
    };
    (named $name:ident $label:literal $kind:literal) => {
        #[log(name = $label, span_type = $kind)]
        fn $name() {}
    };
}

traced! {
    /// Made by a macro.
    made(a: u8, b: &str) -> usize { usize::from(a) + b.len() }
}
traced!(whole async fn whole_item(a: u8) -> u8 { a });
traced!(hygienic doubled);
traced!(named labelled "a label" "agent");

fn main() {
    assert_eq!(collide(1, 2, 3, 4), 10);
    assert_eq!(futures::executor::block_on(collide_async(1, 2)), 3);
    assert_eq!(collide_in_closures(3), 3);
    assert_eq!(made(1, "ab"), 3);
    assert_eq!(futures::executor::block_on(whole_item(1)), 1);
    assert_eq!(doubled(2), 4);
    labelled();
}
