//! Functions of every plain kind: generics, lifetimes, patterns, early returns, qualifiers.
#![deny(warnings)]

use galileo::log;
use std::collections::HashMap;
use std::fmt::Debug;

#[log]
fn nothing() {}

#[log]
fn unit() -> () {
    return;
}

#[log()]
fn number(a: u8, mut b: i64) -> i64 {
    b += i64::from(a);
    b
}

#[log]
fn borrowed<'a>(text: &'a str, other: &str) -> &'a str {
    if other.is_empty() {
        return text;
    }
    &text[..1]
}

#[log]
fn elided(text: &str) -> &str {
    text.trim()
}

#[log]
fn reborrowed(list: &mut Vec<u8>) -> &mut u8 {
    list.push(1);
    &mut list[0]
}

#[log]
fn question(text: &str) -> Result<u8, std::num::ParseIntError> {
    let number: u8 = text.parse()?;
    Ok(number)
}

#[log]
fn option(map: &HashMap<String, u8>) -> Option<u8> {
    let found = map.get("a")?;
    Some(*found)
}

#[log]
fn boxed(text: &str) -> Result<u8, Box<dyn std::error::Error>> {
    if text == "no" {
        return Err("no".into());
    }
    Ok(text.parse()?)
}

#[log]
fn generic<T: Debug, const N: usize>(items: [T; N]) -> usize
where
    T: Clone,
{
    items.to_vec().len()
}

#[log]
fn unbounded<T>(value: T) -> T {
    value
}

#[log]
fn opaque_argument(text: impl AsRef<str>, call: impl FnOnce(u8) -> u8) -> u8 {
    call(text.as_ref().len() as u8)
}

#[log]
fn opaque_result(limit: u8) -> impl Debug + Clone {
    (0..limit).collect::<Vec<_>>()
}

#[log]
fn closure_result(add: i32) -> impl Fn(i32) -> i32 {
    move |x| x + add
}

#[log]
fn boxed_closure(add: i32) -> Box<dyn Fn(i32) -> i32> {
    Box::new(move |x| x + add)
}

struct Point {
    x: i32,
    y: i32,
}

#[derive(Clone, Copy)]
struct Marker;

#[log]
fn patterns((a, _): (u8, u8), [first, ..]: [u8; 3], Point { x, y: height }: Point, &c: &u8, Marker: Marker) -> i32 {
    i32::from(a) + i32::from(first) + x + height + i32::from(c)
}

#[log]
fn unused(_ignored: String, _: Vec<u8>, __private: u8) {}

#[log]
fn raw_names(r#type: &str, r#match: u8) -> usize {
    r#type.len() + usize::from(r#match)
}

#[log]
fn by_reference(ref text: String, ref mut list: Vec<u8>) -> usize {
    list.push(0);
    text.len() + list.len()
}

#[log]
fn whole_and_parts(whole @ (a, b): (u8, u8)) -> u8 {
    whole.0 + a + b
}

/// Documented.
#[log]
#[inline(never)]
#[must_use]
pub fn attributed(#[allow(unused_variables)] a: u8) -> u8 {
    1
}

#[log]
unsafe fn dangerous(pointer: *const u8) -> u8 {
    unsafe { *pointer }
}

#[log]
extern "C" fn foreign(a: u8) -> u8 {
    a
}

#[log]
pub(crate) unsafe extern "C" fn both(a: u8) -> u8 {
    a
}

#[log]
fn with_inner_attribute() -> u8 {
    #![allow(unused_variables)]
    let unused = 1;
    2
}

#[log]
fn recursive(n: u32) -> u32 {
    if n == 0 { 0 } else { n + recursive(n - 1) }
}

#[log]
fn items_inside(n: u8) -> u8 {
    #[log]
    fn inner(n: u8) -> u8 {
        const ONE: u8 = 1;
        n + ONE
    }
    struct Local(u8);
    Local(inner(n)).0
}

#[log]
fn labels(n: u8) -> u8 {
    'outer: loop {
        loop {
            if n > 3 {
                break 'outer 1;
            }
            return 2;
        }
    }
}

#[log]
fn moved_and_dropped(text: String, list: Vec<String>) -> usize {
    drop(text);
    list.into_iter().map(|item| item.len()).sum()
}

#[log]
fn trait_objects(a: &dyn Debug, b: Box<dyn Fn() -> u8>, c: &mut dyn Iterator<Item = u8>) -> String {
    format!("{a:?}{}{:?}", b(), c.next())
}

fn main() {
    nothing();
    unit();
    assert_eq!(number(1, 2), 3);
    assert_eq!(borrowed("ab", "x"), "a");
    assert_eq!(elided(" a "), "a");
    *reborrowed(&mut vec![]) = 3;
    assert!(question("x").is_err());
    assert_eq!(option(&HashMap::from([("a".to_owned(), 1)])), Some(1));
    assert!(boxed("no").is_err());
    assert_eq!(generic([1, 2, 3]), 3);
    assert_eq!(unbounded("x"), "x");
    assert_eq!(opaque_argument("abc", |n| n + 1), 4);
    assert_eq!(format!("{:?}", opaque_result(2).clone()), "[0, 1]");
    assert_eq!(closure_result(1)(2), 3);
    assert_eq!(boxed_closure(1)(2), 3);
    assert_eq!(patterns((1, 2), [3, 4, 5], Point { x: 6, y: 7 }, &8, Marker), 25);
    unused(String::new(), vec![], 1);
    assert_eq!(raw_names("ab", 1), 3);
    assert_eq!(by_reference("ab".into(), vec![]), 3);
    assert_eq!(whole_and_parts((1, 2)), 4);
    assert_eq!(attributed(1), 1);
    assert_eq!(unsafe { dangerous(&7) }, 7);
    assert_eq!(foreign(1), 1);
    assert_eq!(unsafe { both(1) }, 1);
    assert_eq!(with_inner_attribute(), 2);
    assert_eq!(recursive(4), 10);
    assert_eq!(items_inside(1), 2);
    assert_eq!(labels(1), 2);
    assert_eq!(moved_and_dropped("a".into(), vec!["b".into()]), 1);
    assert_eq!(trait_objects(&1, Box::new(|| 2), &mut [3].into_iter()), "12Some(3)");
}
