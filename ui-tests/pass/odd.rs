//! Functions that nobody writes every day.
#![deny(warnings)]

use futures::executor::block_on;
use galileo::log;
use std::fmt::{self, Debug, Display};
use std::future::Future;
use std::ops::{Add, ControlFlow, Deref};
use std::pin::Pin;
use std::task::{Context, Poll};

struct Meter(u8);

impl Drop for Meter {
    #[log]
    fn drop(&mut self) {
        self.0 = 0;
    }
}

impl Deref for Meter {
    type Target = u8;

    #[log]
    fn deref(&self) -> &u8 {
        &self.0
    }
}

impl Add<u8> for &Meter {
    type Output = u8;

    #[log]
    fn add(self, other: u8) -> Self::Output {
        self.0 + other
    }
}

impl PartialEq for Meter {
    #[log]
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Display for Meter {
    #[log]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        f.write_str("m")
    }
}

impl Debug for Meter {
    // What is captured is formatted by the function that captures it.
    #[log]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Meter").field(&self.0).finish()
    }
}

impl Iterator for Meter {
    type Item = u8;

    #[log]
    fn next(&mut self) -> Option<Self::Item> {
        self.0 = self.0.checked_sub(1)?;
        Some(self.0)
    }
}

struct Countdown(u8);

impl Future for Countdown {
    type Output = &'static str;

    #[log]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.0 == 0 {
            return Poll::Ready("start");
        }
        self.0 -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl TryFrom<i8> for Meter {
    type Error = String;

    #[log]
    fn try_from(value: i8) -> Result<Self, Self::Error> {
        Ok(Self(u8::try_from(value).map_err(|e| e.to_string())?))
    }
}

trait Remote {
    fn call(&self, n: u8) -> impl Future<Output = u8> + Send;
    fn generic<T: Send>(&self, value: T) -> impl Future<Output = T> + Send;
    fn constructed() -> Self
    where
        Self: Sized;
}

impl Remote for () {
    #[log]
    async fn call(&self, n: u8) -> u8 {
        futures::future::ready(n).await
    }

    #[log]
    fn generic<T: Send>(&self, value: T) -> impl Future<Output = T> + Send {
        async move { value }
    }

    #[log]
    fn constructed() -> Self {}
}

#[log]
async fn calls_back(call: impl AsyncFn(&str) -> usize) -> usize {
    call("abc").await
}

#[log]
fn makes_callbacks(n: usize) -> impl AsyncFn(&str) -> usize {
    async move |text| text.len() + n
}

#[log]
fn holds_callbacks() -> usize {
    let call = async |text: &str| text.len();
    block_on(call("ab"))
}

#[log]
fn exactly<'a, T: Display>(text: &'a str, other: &T) -> impl Display + use<'a, T> {
    let _ = other;
    text
}

#[log]
fn flow(n: u8) -> ControlFlow<u8, u8> {
    let n = if n > 3 { ControlFlow::Break(n) } else { ControlFlow::Continue(n) }?;
    ControlFlow::Continue(n + 1)
}

#[log]
fn polled(value: Poll<Result<u8, String>>) -> Poll<Result<u8, String>> {
    let Poll::Ready(n) = value? else { return Poll::Pending };
    Poll::Ready(Ok(n))
}

#[log]
fn pointer() -> fn(u8) -> u8 {
    |n| n + 1
}

#[log]
fn pointers(f: fn(&str) -> usize, raw: *const u8) -> (usize, *const u8) {
    (f("ab"), raw)
}

#[log]
fn several(n: u8) -> (impl Future<Output = u8>, [impl Display; 2]) {
    (async move { n }, ["a", "b"])
}

#[log]
fn nested(n: Option<Option<u8>>) -> Option<Result<u8, String>> {
    Some(Ok(n??))
}

#[log]
fn chained(text: Option<&str>) -> Option<usize> {
    if let Some(text) = text
        && !text.is_empty()
        && let Ok(n) = text.parse::<usize>()
    {
        return Some(n);
    }
    let Some(text) = text else { return None };
    Some(text.len())
}

#[log]
fn split(list: &mut [u8]) -> Result<(&mut u8, &mut [u8]), &'static str> {
    let (first, rest) = list.split_first_mut().ok_or("empty")?;
    *first += 1;
    Ok((first, rest))
}

#[log]
async fn split_later<'a>(list: &'a mut [u8], found: &mut Option<&'a mut u8>) {
    futures::future::ready(()).await;
    *found = list.first_mut();
}

#[log]
async fn takes_a_box(work: Box<dyn FnOnce() -> u8 + Send>, stream: &mut (dyn futures::Stream<Item = u8> + Send + Unpin)) -> u8 {
    use futures::StreamExt;
    work() + stream.next().await.unwrap_or(0)
}

#[log]
async fn joins_itself(n: u32) -> u32 {
    if n == 0 {
        return 1;
    }
    let (a, b) = futures::future::join(Box::pin(joins_itself(n - 1)), Box::pin(joins_itself(n - 1))).await;
    a + b
}

#[log]
async fn statics() -> usize {
    static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

#[log]
async fn holds_a_guard(list: &tokio::sync::Mutex<Vec<u8>>) -> usize {
    let mut list = list.lock().await;
    futures::future::ready(()).await;
    list.push(1);
    list.len()
}

#[log]
async fn borrows_twice(a: &str, b: &str) -> String {
    let both = async { format!("{a}{b}") };
    both.await
}

#[log]
async fn large() -> u64 {
    let bytes = [1u8; 100_000];
    futures::future::ready(()).await;
    bytes.iter().map(|b| u64::from(*b)).sum()
}

#[log]
#[must_use]
#[inline]
#[doc(hidden)]
fn useful(#[expect(unused_variables, reason = "a test")] n: u8) -> u8 {
    1
}

#[log]
#[cold]
#[inline(never)]
#[expect(clippy::needless_return)]
fn rare() -> u8 {
    return 1;
}

#[unsafe(no_mangle)]
#[log]
extern "C" fn galileo_ui_odd(n: u8) -> u8 {
    n
}

#[log]
extern "C-unwind" fn unwinds(n: u8) -> u8 {
    n
}

#[cfg(target_arch = "x86_64")]
#[log]
#[target_feature(enable = "sse2")]
fn vectors(n: u8) -> u8 {
    n
}

struct Defaults<T = u8, const N: usize = 2>([T; N]);

impl<T, const N: usize> Defaults<T, N>
where
    T: Copy + Into<u64>,
{
    #[log]
    fn explicit(self: &Self) -> u64 {
        self.0.iter().map(|n| (*n).into()).sum()
    }

    #[log]
    async fn mutated(self: &mut Self, value: T) -> Option<&mut T> {
        let first = self.0.first_mut()?;
        *first = value;
        Some(first)
    }

    #[log]
    async fn pinned(self: Pin<&mut Self>) -> usize
    where
        Self: Unpin,
    {
        self.get_mut().0.len()
    }
}

mod outer {
    pub(crate) mod inner {
        #[galileo::log]
        pub(in crate::outer) fn restricted() -> u8 {
            1
        }
    }
    #[galileo::log]
    pub(super) async fn visible() -> u8 {
        self::inner::restricted()
    }
}

#[log]
fn main() {
    let mut meter = Meter::try_from(3).unwrap();
    assert!(Meter::try_from(-1).is_err());
    assert_eq!((*meter, &meter + 1, meter == Meter(3)), (3, 4, true));
    assert_eq!((meter.to_string(), format!("{meter:?}")), ("3m".to_owned(), "Meter(3)".to_owned()));
    assert_eq!(meter.by_ref().count(), 3);
    assert_eq!(block_on(Countdown(2)), "start");
    assert_eq!(block_on(().call(1)), 1);
    assert_eq!(block_on(().generic("x")), "x");
    <() as Remote>::constructed();
    assert_eq!(block_on(calls_back(async |text: &str| text.len())), 3);
    assert_eq!(block_on(calls_back(makes_callbacks(1))), 4);
    assert_eq!(holds_callbacks(), 2);
    assert_eq!(exactly("a", &1).to_string(), "a");
    assert_eq!((flow(1), flow(4)), (ControlFlow::Continue(2), ControlFlow::Break(4)));
    assert_eq!(polled(Poll::Ready(Ok(1))), Poll::Ready(Ok(1)));
    assert_eq!(pointer()(1), 2);
    assert_eq!(pointers(str::len, std::ptr::null()).0, 2);
    let (future, both) = several(1);
    assert_eq!((block_on(future), both[1].to_string().as_str()), (1, "b"));
    assert_eq!(nested(Some(Some(1))), Some(Ok(1)));
    assert_eq!((chained(Some("7")), chained(Some("x")), chained(None)), (Some(7), Some(1), None));
    let mut list = [1, 2];
    assert_eq!(split(&mut list).map(|(first, rest)| (*first, rest.len())), Ok((2, 1)));
    let mut found = None;
    block_on(split_later(&mut list, &mut found));
    assert_eq!(found, Some(&mut 2));
    assert_eq!(block_on(takes_a_box(Box::new(|| 1), &mut futures::stream::iter([2]))), 3);
    assert_eq!(block_on(joins_itself(3)), 8);
    assert_eq!((block_on(statics()), block_on(statics())), (0, 1));
    assert_eq!(block_on(holds_a_guard(&tokio::sync::Mutex::new(vec![]))), 1);
    assert_eq!(block_on(borrows_twice("a", "b")), "ab");
    assert_eq!(block_on(large()), 100_000);
    assert_eq!(useful(1) + rare() + galileo_ui_odd(1) + unwinds(1), 4);
    #[cfg(target_arch = "x86_64")]
    assert_eq!(unsafe { vectors(1) }, 1);
    let mut defaults = Defaults([1u8, 2]);
    assert_eq!(defaults.explicit(), 3);
    assert_eq!(block_on(defaults.mutated(5)), Some(&mut 5));
    assert_eq!(block_on(Pin::new(&mut defaults).pinned()), 2);
    assert_eq!(block_on(outer::visible()), 1);
}
