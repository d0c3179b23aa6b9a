//! Functions that return streams and iterators.
#![deny(warnings)]

use futures::executor::{block_on, block_on_stream};
use futures::stream::{self, BoxStream, Stream, StreamExt};
use galileo::log;
use std::pin::Pin;

#[log]
fn opaque_stream(n: u8) -> impl Stream<Item = u8> {
    stream::iter(0..n)
}

#[log]
fn send_stream<'a>(words: &'a [String]) -> impl Stream<Item = &'a str> + Send + 'a {
    stream::iter(words).map(|word| word.as_str())
}

#[log]
fn pinned_stream(n: u8) -> Pin<Box<dyn Stream<Item = Result<String, String>> + Send>> {
    Box::pin(stream::iter(0..n).map(|n| Ok(n.to_string())))
}

#[log]
fn boxed_stream(n: u8) -> BoxStream<'static, u8> {
    stream::iter(0..n).boxed()
}

#[log]
fn fallible_stream(n: u8) -> Result<impl Stream<Item = u8>, String> {
    if n == 0 {
        return Err("zero".into());
    }
    Ok(stream::iter(0..n))
}

#[log]
async fn stream_after_a_wait(n: u8) -> Result<impl Stream<Item = Result<String, std::io::Error>>, std::io::Error> {
    futures::future::ready(()).await;
    if n == 0 {
        return Err(std::io::Error::other("zero"));
    }
    Ok(stream::iter(0..n).map(|n| Ok(n.to_string())))
}

#[log]
async fn boxed_stream_after_a_wait(n: u8) -> Result<BoxStream<'static, u8>, Box<dyn std::error::Error>> {
    futures::future::ready(()).await;
    Ok(stream::iter(0..n).boxed())
}

#[log]
fn numbers(n: u8) -> impl Iterator<Item = u8> {
    0..n
}

#[log]
fn both_ends(n: u8) -> impl DoubleEndedIterator<Item = u8> + ExactSizeIterator {
    0..n
}

#[log]
fn boxed_iterator<'a>(words: &'a [String]) -> Box<dyn Iterator<Item = &'a String> + 'a> {
    Box::new(words.iter())
}

#[log]
fn cloned_iterator(n: u8) -> impl Iterator<Item = u8> + Clone {
    0..n
}

#[log]
fn inferred() -> impl Iterator<Item = u64> {
    "1 2".split(' ').map(|n| n.parse().unwrap())
}

struct Model;

impl Model {
    #[log(span_type = "llm")]
    fn tokens(&self, prompt: &str) -> impl Stream<Item = String> + use<'_> {
        let words: Vec<_> = prompt.split(' ').map(str::to_owned).collect();
        stream::iter(words)
    }
}

fn main() {
    let words = ["a".to_owned(), "b".to_owned()];
    assert_eq!(block_on_stream(opaque_stream(3)).count(), 3);
    assert_eq!(block_on_stream(send_stream(&words)).collect::<String>(), "ab");
    assert_eq!(block_on_stream(pinned_stream(3)).filter(Result::is_ok).count(), 3);
    assert_eq!(block_on_stream(boxed_stream(3)).count(), 3);
    assert_eq!(block_on_stream(fallible_stream(3).unwrap()).count(), 3);
    assert!(fallible_stream(0).is_err());
    assert_eq!(block_on_stream(block_on(stream_after_a_wait(3)).unwrap()).count(), 3);
    assert!(block_on(stream_after_a_wait(0)).is_err());
    assert_eq!(block_on_stream(block_on(boxed_stream_after_a_wait(3)).unwrap()).count(), 3);
    assert_eq!(numbers(3).sum::<u8>(), 3);
    assert_eq!(both_ends(3).rev().len(), 3);
    assert_eq!(boxed_iterator(&words).count(), 2);
    assert_eq!(cloned_iterator(3).clone().count(), 3);
    assert_eq!(inferred().sum::<u64>(), 3);
    assert_eq!(block_on_stream(Model.tokens("a b c")).collect::<String>(), "abc");
}
