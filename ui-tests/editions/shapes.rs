//! Every shape of function, in words that all editions understand.

use async_trait::async_trait;
use futures::executor::{block_on, block_on_stream};
use futures::future::{BoxFuture, LocalBoxFuture};
use futures::stream::{self, BoxStream, Stream};
use galileo::{Context, current_span, log};
use std::collections::HashMap;
use std::fmt::{Debug, Display};
use std::future::Future;
use std::num::ParseIntError;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

#[log]
fn nothing() {}

#[log]
fn unit(text: &str) -> Result<(), ParseIntError> {
    let _: u8 = text.parse()?;
    Ok(())
}

#[log(span_type = "tool", name = "number {a}", tags = ["x"], metadata(k = a), status_code = |_| 201_u16)]
fn number(a: u8, mut b: i64) -> i64 {
    b += i64::from(a);
    b
}

#[log]
fn borrowed<'a>(text: &'a str, other: &str) -> &'a str {
    if other.is_empty() {
        return text;
    }
    text.trim()
}

#[log]
fn reborrowed(list: &mut Vec<u8>) -> &mut u8 {
    list.push(1);
    &mut list[0]
}

#[log]
fn boxed_error(text: &str) -> Result<u8, Box<dyn std::error::Error>> {
    if text == "no" {
        return Err("no".into());
    }
    Ok(text.parse()?)
}

#[log]
fn option(map: &HashMap<String, u8>) -> Option<u8> {
    let found = map.get("a")?;
    Some(*found)
}

#[log]
fn generic<T, const N: usize>(items: [T; N]) -> usize
where
    T: Clone + Debug,
{
    items.to_vec().len()
}

#[log]
fn opaque_argument(text: impl AsRef<str>, call: impl FnOnce(usize) -> usize) -> usize {
    call(text.as_ref().len())
}

#[log]
fn opaque_result(limit: u8) -> impl Debug + Clone {
    (0..limit).collect::<Vec<_>>()
}

#[log]
fn closure(add: i32) -> impl Fn(i32) -> i32 {
    move |x| x + add
}

#[log]
fn higher_ranked<F>(call: F) -> usize
where
    F: for<'x> Fn(&'x str) -> &'x str,
{
    call("abc").len()
}

#[log]
fn patterns((a, _): (u8, u8), [first, ..]: [u8; 3], &c: &u8) -> i32 {
    i32::from(a) + i32::from(first) + i32::from(c)
}

#[log]
fn raw_names(r#type: &str, r#match: u8) -> usize {
    r#type.len() + usize::from(r#match)
}

#[log]
fn r#loop(text: &str) -> usize {
    text.len()
}

#[log]
fn r#try(text: &str) -> usize {
    text.len()
}

#[log]
fn shadows(span: u8, body: u8, result: u8, value: u8, private: u8) -> u8 {
    let end = span + body;
    end + result + value + private
}

#[log]
fn temporaries(list: &std::sync::Mutex<Vec<u8>>) -> usize {
    list.lock().map(|locked| locked.len()).unwrap_or_default()
}

#[log]
fn dynamic(a: &dyn Debug, b: &(dyn Fn() -> u8 + Send), c: &mut dyn Iterator<Item = u8>) -> String {
    format!("{:?}{}{:?}", a, b(), c.next())
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
fn never(why: &str) -> ! {
    panic!("{}", why)
}

#[log]
#[track_caller]
fn here(early: bool) -> Result<u32, ParseIntError> {
    if early {
        return Ok(0);
    }
    "1".parse::<u8>()?;
    Ok(Location::caller().line())
}

#[log]
fn recursive(n: u32) -> u32 {
    if n == 0 { 0 } else { n + recursive(n - 1) }
}

#[log]
fn conditional(#[cfg(not(windows))] a: u8, #[cfg(windows)] a: u16) -> bool {
    a == 1
}

#[log]
async fn waits() {
    futures::future::ready(()).await;
}

#[log(span_type = "llm", model = "m", usage = |_| (1_u64, 2_u64))]
async fn asks(prompt: &str, list: Vec<String>) -> Result<usize, ParseIntError> {
    waits().await;
    current_span().tag("asked");
    let n: usize = prompt.parse()?;
    Ok(n + list.len())
}

#[log]
async fn borrows<'a, 'b: 'a>(a: &'a str, b: &'b str) -> &'a str {
    waits().await;
    if a.is_empty() { b } else { a }
}

#[log]
async fn changes(list: &mut Vec<u8>, n: &mut u8) -> usize {
    *n += 1;
    waits().await;
    list.push(*n);
    list.len()
}

#[log]
async fn generic_later<T, F>(value: T, make: impl FnOnce(T) -> F) -> F::Output
where
    F: Future,
{
    make(value).await
}

#[log(parent = Context::root())]
async fn elsewhere(_unused: u8) -> Option<u8> {
    let value = Some(1)?;
    Some(value)
}

#[log]
async unsafe fn dangerous_later(pointer: &u8) -> u8 {
    *pointer
}

#[log]
async fn large(bytes: [u8; 4096]) -> usize {
    waits().await;
    bytes.len()
}

#[log]
async fn never_later(n: u8) -> ! {
    loop {
        let _: u8 = futures::future::ready(n).await;
    }
}

#[log]
async fn never_inferred() -> ! {
    futures::future::pending().await
}

#[log]
fn down(n: u32) -> BoxFuture<'static, u32> {
    Box::pin(async move { if n == 0 { 0 } else { n + down(n - 1).await } })
}

#[log]
async fn deep(n: u32) -> u32 {
    if n == 0 { 0 } else { n + Box::pin(deep(n - 1)).await }
}

#[log]
fn future(text: &str) -> impl Future<Output = usize> + '_ {
    async move { text.len() }
}

#[log]
fn future_with_code(n: u8) -> impl Future<Output = Result<u8, String>> {
    let next = n + 1;
    async move { Ok(next) }
}

#[log]
fn pinned(n: u8) -> Pin<Box<dyn Future<Output = u8> + Send>> {
    Box::pin(async move { n })
}

#[log]
fn local(n: Rc<u8>) -> LocalBoxFuture<'static, u8> {
    Box::pin(async move { *n })
}

#[log]
fn streams(n: u8) -> impl Stream<Item = u8> {
    stream::iter(0..n)
}

#[log]
fn boxed_stream(words: &[String]) -> BoxStream<'_, &str> {
    Box::pin(stream::iter(words.iter().map(String::as_str)))
}

#[log]
async fn stream_later(n: u8) -> Result<impl Stream<Item = Result<u8, String>>, String> {
    waits().await;
    if n == 0 {
        return Err("zero".to_owned());
    }
    Ok(stream::iter((0..n).map(Ok)))
}

#[log]
fn iterates(n: u8) -> impl DoubleEndedIterator<Item = u8> + ExactSizeIterator {
    0..n
}

#[log]
fn boxed_iterator<'a>(words: &'a [String]) -> Box<dyn Iterator<Item = &'a String> + 'a> {
    Box::new(words.iter())
}

struct Engine {
    name: String,
}

impl Engine {
    #[log]
    fn new(name: &str) -> Self {
        Self { name: name.to_owned() }
    }

    #[log(skip_all)]
    fn by_reference(&self) -> &str {
        &self.name
    }

    #[log]
    fn by_mutable_reference(&mut self, more: &str) -> &mut Self {
        self.name.push_str(more);
        self
    }

    #[log]
    fn shared(self: &Arc<Self>, other: &Arc<Self>) -> usize {
        Arc::strong_count(self) + Arc::strong_count(other)
    }

    #[log]
    fn counted(self: Rc<Self>) -> usize {
        self.name.len()
    }

    #[log]
    fn pinned(self: Pin<&mut Self>) -> usize {
        self.name.len()
    }

    #[log]
    async fn later(&self, more: &str) -> String {
        waits().await;
        format!("{}{}", self.name, more)
    }

    #[log]
    async fn consumed(self) -> String {
        self.name
    }

    #[log]
    fn words(&self) -> impl Iterator<Item = &str> + '_ {
        self.name.split(' ')
    }
}

trait Tool {
    type Output<'a>
    where
        Self: 'a;

    fn describe(&self) -> String;

    #[log(span_type = "tool")]
    fn provided(&self, input: &str) -> String {
        format!("{}({})", self.describe(), input)
    }

    #[log]
    fn sized(self) -> usize
    where
        Self: Sized,
    {
        std::mem::size_of::<Self>()
    }

    fn lend<'a>(&'a self, text: &'a str) -> Self::Output<'a>;
}

impl Tool for Engine {
    type Output<'a> = &'a str;

    #[log]
    fn describe(&self) -> String {
        self.name.clone()
    }

    #[log]
    fn lend<'a>(&'a self, text: &'a str) -> Self::Output<'a> {
        if text.is_empty() { &self.name } else { text }
    }
}

#[async_trait]
trait Service: Send + Sync {
    async fn call(&self, query: &str, (a, _): (u8, u8)) -> Result<String, String>;

    #[log]
    async fn twice(&self, query: &str) -> Result<String, String> {
        Ok(self.call(query, (1, 2)).await? + &self.call(query, (3, 4)).await?)
    }
}

#[async_trait]
impl Service for Engine {
    #[log(span_type = "tool")]
    async fn call(&self, query: &str, (a, _): (u8, u8)) -> Result<String, String> {
        waits().await;
        if query.is_empty() {
            return Err("empty".to_owned());
        }
        Ok(format!("{}{}", query, a))
    }
}

trait Shape {
    fn area(&self) -> usize;
}

impl<T: Debug + Display, const N: usize> Shape for [T; N] {
    #[log(capture(self), capture_as(self = Debug))]
    fn area(&self) -> usize {
        N
    }
}

macro_rules! made {
    ($(#[$meta:meta])* $name:ident, $arg:ident: $ty:ty, $body:block) => {
        $(#[$meta])*
        #[log]
        fn $name($arg: $ty) -> $ty $body
    };
}
made!(
    /// Made by a macro.
    #[inline]
    doubled, n: u8, { n * 2 }
);

fn is_send<F: Future + Send>(future: F) -> F {
    future
}

/// Calls each of them.
pub fn run() {
    nothing();
    assert!(unit("x").is_err());
    assert_eq!(number(1, 2), 3);
    assert_eq!(borrowed("a ", "x"), "a");
    *reborrowed(&mut vec![]) = 3;
    assert!(boxed_error("no").is_err());
    assert_eq!(option(&HashMap::new()), None);
    assert_eq!(generic([1, 2, 3]), 3);
    assert_eq!(opaque_argument("abc", |n| n + 1), 4);
    assert_eq!(format!("{:?}", opaque_result(2).clone()), "[0, 1]");
    assert_eq!(closure(1)(2), 3);
    assert_eq!(higher_ranked(|text| &text[1..]), 2);
    assert_eq!(patterns((1, 2), [3, 4, 5], &8), 12);
    assert_eq!(raw_names("ab", 1) + r#loop("a") + r#try("a"), 5);
    assert_eq!(shadows(1, 2, 3, 4, 5), 15);
    assert_eq!(temporaries(&std::sync::Mutex::new(vec![1])), 1);
    assert_eq!(dynamic(&1, &|| 2, &mut [3].iter().copied()), "12Some(3)");
    assert_eq!(unsafe { dangerous(&7) }, 7);
    assert_eq!(foreign(1), 1);
    assert!(std::panic::catch_unwind(|| never("because")).is_err());
    assert_eq!((here(true), here(false)), (Ok(0), Ok(line!())));
    assert_eq!(recursive(3), 6);
    assert!(conditional(1));
    block_on(is_send(waits()));
    assert_eq!(block_on(is_send(asks("1", vec![]))), Ok(1));
    assert_eq!(block_on(is_send(borrows("", "b"))), "b");
    assert_eq!(block_on(is_send(changes(&mut vec![], &mut 1))), 1);
    assert_eq!(block_on(is_send(generic_later(1, |n| async move { n + 1 }))), 2);
    assert_eq!(block_on(is_send(elsewhere(1))), Some(1));
    assert_eq!(block_on(is_send(unsafe { dangerous_later(&1) })), 1);
    assert_eq!(block_on(is_send(large([0; 4096]))), 4096);
    drop(is_send(never_later(1)));
    drop(is_send(never_inferred()));
    assert_eq!(block_on(is_send(down(3))), 6);
    assert_eq!(block_on(deep(3)), 6);
    assert_eq!(block_on(is_send(future("ab"))), 2);
    assert_eq!(block_on(is_send(future_with_code(1))), Ok(2));
    assert_eq!(block_on(is_send(pinned(1))), 1);
    assert_eq!(block_on(local(Rc::new(1))), 1);
    assert_eq!(block_on_stream(streams(3)).count(), 3);
    let words = ["a".to_owned(), "b".to_owned()];
    assert_eq!(block_on_stream(boxed_stream(&words)).count(), 2);
    assert_eq!(block_on_stream(block_on(stream_later(3)).unwrap()).count(), 3);
    assert_eq!(iterates(3).rev().len(), 3);
    assert_eq!(boxed_iterator(&words).count(), 2);
    let mut engine = Engine::new("a b");
    assert_eq!(engine.by_reference(), "a b");
    assert_eq!(engine.by_mutable_reference(" c").words().count(), 3);
    assert_eq!(Pin::new(&mut engine).pinned(), 5);
    assert_eq!(block_on(is_send(engine.later("!"))), "a b c!");
    assert_eq!(engine.provided("x"), "a b c(x)");
    assert_eq!(engine.lend(""), "a b c");
    assert_eq!(block_on(is_send(engine.twice("q"))), Ok("q1q3".to_owned()));
    let service: &dyn Service = &engine;
    assert!(block_on(service.call("", (1, 2))).is_err());
    let shared = Arc::new(Engine::new("s"));
    assert_eq!(shared.shared(&shared), 2);
    assert_eq!(Rc::new(Engine::new("s")).counted(), 1);
    assert_eq!(block_on(engine.consumed()), "a b c");
    assert!(Engine::new("s").sized() > 0);
    assert_eq!([1, 2].area(), 2);
    assert_eq!(doubled(2), 4);
}
