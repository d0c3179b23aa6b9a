//! Generated code gives no warning, even where the user asks for many.
#![deny(warnings, unused, nonstandard_style, rust_2018_idioms, rust_2024_compatibility, future_incompatible)]
#![deny(
    explicit_outlives_requirements,
    let_underscore_drop,
    macro_use_extern_crate,
    missing_copy_implementations,
    missing_debug_implementations,
    missing_docs,
    non_ascii_idents,
    redundant_lifetimes,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    unit_bindings,
    unnameable_types,
    unreachable_pub,
    unsafe_code,
    unused_extern_crates,
    unused_import_braces,
    unused_lifetimes,
    unused_macro_rules,
    unused_qualifications,
    unused_results,
    variant_size_differences
)]

use futures::{Stream, StreamExt};
use galileo::log;

struct Noisy;

impl Drop for Noisy {
    fn drop(&mut self) {}
}

#[log]
fn plain(text: &str, noisy: Noisy) -> usize {
    drop(noisy);
    text.len()
}

#[log]
fn unit(_noisy: Noisy) {}

#[log(name = "n {text}", tags = ["a"], metadata(k = text), input = text, output = |r| r.is_ok(), parent = galileo::Context::root())]
fn keys(text: &str) -> Result<(), String> {
    Err(text.to_owned())
}

#[log]
async fn waits(text: &str, mut list: Vec<Noisy>) -> usize {
    list.clear();
    std::future::ready(()).await;
    text.len()
}

#[log]
fn future(text: &str) -> impl Future<Output = usize> + '_ {
    async move { text.len() }
}

#[log]
fn stream(n: u8) -> impl Stream<Item = u8> {
    futures::stream::iter(0..n)
}

#[log]
fn iterator(n: u8) -> impl Iterator<Item = u8> {
    0..n
}

#[log]
#[track_caller]
fn tracked(text: &str) -> Result<u8, std::num::ParseIntError> {
    if text.is_empty() {
        return Ok(0);
    }
    Ok(text.parse::<u8>()?)
}

#[log]
fn opaque() -> impl Fn(u8) -> u8 {
    |x| x
}

#[log]
fn never() -> ! {
    std::process::exit(0)
}

fn main() {
    assert_eq!(plain("ab", Noisy), 2);
    unit(Noisy);
    assert!(keys("k").is_err());
    assert_eq!(futures::executor::block_on(waits("ab", vec![])), 2);
    assert_eq!(futures::executor::block_on(future("ab")), 2);
    assert_eq!(futures::executor::block_on(stream(2).count()), 2);
    assert_eq!(iterator(2).count(), 2);
    assert!(tracked("x").is_err());
    assert_eq!(opaque()(1), 1);
    never();
}
