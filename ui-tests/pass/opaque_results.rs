//! What the signature says of an `impl Trait` helps the compiler to understand the body, with and without the attribute.
#![deny(warnings)]

use galileo::log;
use std::fmt::Display;

#[log]
fn closure() -> impl Fn(i32) -> i32 {
    |x| x + 1
}

#[log]
fn generic_closure<T: Copy>(value: T) -> impl Fn(&str) -> (T, usize) {
    move |text| (value, text.len())
}

#[log]
fn collected(text: &str) -> impl IntoIterator<Item = u64> + use<> {
    text.split(' ').map(|n| n.parse().unwrap()).collect::<Vec<_>>()
}

#[log]
fn integer() -> impl Display {
    5
}

#[log]
fn inside_a_tuple(n: u8) -> (impl Display, Option<impl Iterator<Item = u8>>) {
    if n == 0 {
        return ("none", None);
    }
    ("some", Some(0..n))
}

#[log]
fn borrowed<'a>(list: &'a mut Vec<u8>) -> impl FnMut(u8) + 'a {
    |n| list.push(n)
}

#[log]
fn returns_early(n: u8) -> impl Iterator<Item = u8> + Clone {
    if n == 0 {
        return 0..1;
    }
    0..n
}

fn main() {
    assert_eq!(closure()(1), 2);
    assert_eq!(generic_closure(1)("ab"), (1, 2));
    assert_eq!(collected("1 2").into_iter().sum::<u64>(), 3);
    assert_eq!(integer().to_string(), "5");
    assert_eq!(inside_a_tuple(2).1.unwrap().count(), 2);
    assert!(inside_a_tuple(0).1.is_none());
    let mut list = vec![];
    borrowed(&mut list)(1);
    assert_eq!(list, [1]);
    assert_eq!(returns_early(0).clone().count(), 1);
}
