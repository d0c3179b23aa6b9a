//! Asynchronous functions, and functions that return futures.
#![deny(warnings)]

use async_trait::async_trait;
use futures::executor::block_on;
use futures::future::{BoxFuture, FutureExt, LocalBoxFuture};
use galileo::log;
use std::future::Future;
use std::pin::Pin;

#[log]
async fn nothing() {}

#[log]
async fn unit() -> () {
    nothing().await;
}

#[log]
async fn text(query: &str) -> String {
    query.to_owned()
}

#[log]
async fn borrowed<'a>(a: &'a str, _b: &str) -> &'a str {
    futures::future::ready(()).await;
    a
}

#[log]
async fn question(text: &str) -> Result<u8, std::num::ParseIntError> {
    let n: u8 = text.parse()?;
    if n > 5 {
        return Ok(5);
    }
    Ok(n)
}

#[log]
async fn boxed_error(text: &str) -> Result<u8, Box<dyn std::error::Error + Send + Sync>> {
    if text.is_empty() {
        return Err("empty".into());
    }
    Ok(text.parse()?)
}

#[log]
async fn trait_object() -> Box<dyn Fn(u8) -> u8 + Send> {
    Box::new(|x| x + 1)
}

#[log]
async fn generic<T: Send, F>(value: T, make: impl FnOnce(T) -> F + Send) -> F::Output
where
    F: Future + Send,
{
    make(value).await
}

#[log]
async fn opaque(n: u8) -> impl Iterator<Item = u8> {
    0..n
}

#[log]
async fn patterns((a, b): (u8, String), mut list: Vec<u8>) -> usize {
    list.push(a);
    list.len() + b.len()
}

#[log]
async unsafe fn dangerous(pointer: &u8) -> u8 {
    *pointer
}

#[log]
async fn with_inner_attribute() {
    #![allow(unused_variables)]
    let unused = 1;
}

#[log]
async fn inferred() -> Vec<u64> {
    // The element type is known from the signature alone.
    let numbers = "1 2".split(' ').map(|n| n.parse().unwrap()).collect();
    numbers
}

#[log]
fn opaque_future(n: u8) -> impl Future<Output = u8> {
    async move { n }
}

#[log]
fn opaque_future_with_code(n: u8) -> impl Future<Output = u8> + Send + 'static {
    let next = n + 1;
    async move { next }
}

#[log]
fn opaque_future_of_reference<'a>(text: &'a str) -> impl Future<Output = usize> + 'a {
    async move { text.len() }
}

#[log]
fn opaque_future_that_borrows(text: &str) -> impl Future<Output = usize> {
    async { text.len() }
}

#[log]
fn ready(n: u8) -> impl Future<Output = Result<u8, String>> {
    futures::future::ready(Ok(n))
}

#[log]
fn pinned(n: u8) -> Pin<Box<dyn Future<Output = u8> + Send>> {
    Box::pin(async move { n })
}

#[log]
fn pinned_with_code(n: u8) -> Pin<Box<dyn Future<Output = u8>>> {
    if n == 0 {
        return Box::pin(futures::future::ready(0));
    }
    Box::pin(async move { n })
}

#[log]
fn aliased<'a>(text: &'a str) -> BoxFuture<'a, usize> {
    async move { text.len() }.boxed()
}

#[log]
fn aliased_local(n: u8) -> LocalBoxFuture<'static, u8> {
    async move { n }.boxed_local()
}

#[log]
fn fallible(n: u8) -> Result<impl Future<Output = u8>, String> {
    if n == 0 {
        return Err("zero".to_owned());
    }
    Ok(async move { n })
}

#[log]
fn unused_in_the_block(n: u8, _not_send: std::rc::Rc<u8>) -> impl Future<Output = u8> + Send {
    async move { n }
}

#[log]
fn recursive(n: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
    Box::pin(async move { if n == 0 { 0 } else { n + recursive(n - 1).await } })
}

#[async_trait]
trait Service {
    async fn call(&self, query: &str, (a, _b): (u8, u8)) -> Result<String, String>;

    #[log]
    async fn provided(&mut self, mut list: Vec<u8>) -> usize {
        list.push(1);
        list.len()
    }
}

struct Remote {
    prefix: String,
}

#[async_trait]
impl Service for Remote {
    #[log(span_type = "tool")]
    async fn call(&self, query: &str, (a, _b): (u8, u8)) -> Result<String, String> {
        if query.is_empty() {
            return Err("empty".into());
        }
        futures::future::ready(()).await;
        Ok(format!("{}{query}{a}", self.prefix))
    }
}

fn is_send<F: Future + Send>(future: F) -> F {
    future
}

fn main() {
    block_on(is_send(unit()));
    assert_eq!(block_on(is_send(text("a"))), "a");
    assert_eq!(block_on(is_send(borrowed("a", "b"))), "a");
    assert_eq!(block_on(is_send(question("7"))), Ok(5));
    assert!(block_on(is_send(boxed_error(""))).is_err());
    assert_eq!(block_on(is_send(trait_object()))(1), 2);
    assert_eq!(block_on(is_send(generic(1, |n| async move { n + 1 }))), 2);
    assert_eq!(block_on(is_send(opaque(2))).count(), 2);
    assert_eq!(block_on(is_send(patterns((1, "ab".into()), vec![]))), 3);
    assert_eq!(block_on(is_send(unsafe { dangerous(&1) })), 1);
    block_on(is_send(with_inner_attribute()));
    assert_eq!(block_on(is_send(inferred())), [1, 2]);
    assert_eq!(block_on(is_send(opaque_future(1))), 1);
    assert_eq!(block_on(is_send(opaque_future_with_code(1))), 2);
    assert_eq!(block_on(is_send(opaque_future_of_reference("ab"))), 2);
    assert_eq!(block_on(is_send(opaque_future_that_borrows("ab"))), 2);
    assert_eq!(block_on(is_send(ready(1))), Ok(1));
    assert_eq!(block_on(is_send(pinned(1))), 1);
    assert_eq!(block_on(pinned_with_code(1)), 1);
    assert_eq!(block_on(is_send(aliased("ab"))), 2);
    assert_eq!(block_on(aliased_local(1)), 1);
    assert_eq!(block_on(fallible(1).unwrap()), 1);
    assert!(fallible(0).is_err());
    assert_eq!(block_on(is_send(unused_in_the_block(1, std::rc::Rc::new(1)))), 1);
    assert_eq!(block_on(is_send(recursive(3))), 6);
    let mut remote = Remote { prefix: "p".into() };
    assert_eq!(block_on(is_send(remote.call("q", (1, 2)))), Ok("pq1".to_owned()));
    assert_eq!(block_on(is_send(remote.provided(vec![]))), 1);
}
