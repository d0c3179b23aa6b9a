//! How spans end.

use crate::log;
use crate::pipeline::recorded::recorded;
use futures::executor::block_on;
use futures::future::FutureExt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs something whose panic is expected and keeps the hook quiet.
fn quietly<R>(run: impl FnOnce() -> R) -> Result<R, Box<dyn std::any::Any + Send>> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let result = catch_unwind(AssertUnwindSafe(run));
    std::panic::set_hook(hook);
    result
}

#[derive(Debug)]
struct Failure(&'static str);

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "failed: {}", self.0)
    }
}

impl std::error::Error for Failure {}

#[log(crate = crate)]
fn fails(why: &'static str) -> Result<u8, Failure> {
    Err(Failure(why))
}

#[test]
fn an_error_is_an_outcome_with_its_text() {
    assert_eq!(recorded(|| drop(fails("x"))), ["start fails under - why=x", "error fails =failed: x ="]);
}

#[test]
fn err_chooses_the_text() {
    #[log(crate = crate, err = Debug)]
    fn debug() -> Result<u8, Failure> {
        Err(Failure("x"))
    }
    #[log(crate = crate, err = Debug, status_code = |r| if r.is_err() { 404 } else { 200 })]
    async fn debug_later() -> Result<u8, Failure> {
        Err(Failure("x"))
    }
    assert_eq!(recorded(|| drop(debug()))[1], r#"error debug =Failure("x") ="#);
    assert_eq!(recorded(|| drop(block_on(debug_later())))[1], r#"error debug_later =Failure("x") =404 ="#);
}

#[log(crate = crate)]
fn one() -> Result<u8, Failure> {
    two()
}
#[log(crate = crate)]
fn two() -> Result<u8, Failure> {
    Ok(block_on(three())? + 1)
}
#[log(crate = crate)]
async fn three() -> Result<u8, Failure> {
    four().await
}
#[log(crate = crate)]
async fn four() -> Result<u8, Failure> {
    five()
}
#[log(crate = crate)]
fn five() -> Result<u8, Failure> {
    Err(Failure("deep"))
}

#[test]
fn an_error_that_travels_up_is_marked_on_each_span_and_began_in_one() {
    let lines = recorded(|| drop(one()));
    let ends: Vec<_> = lines.iter().filter(|line| line.starts_with("error")).map(String::as_str).collect();
    assert_eq!(
        ends,
        [
            "error five =failed: deep =",
            "error four =failed: deep",
            "error three =failed: deep",
            "error two =failed: deep",
            "error one =failed: deep"
        ]
    );
}

#[test]
fn an_error_after_a_handled_one_began_here() {
    #[log(crate = crate)]
    fn retries() -> Result<u8, Failure> {
        assert!(fails("first").is_err());
        succeeds();
        Err(Failure("own"))
    }
    #[log(crate = crate)]
    fn succeeds() {}
    let lines = recorded(|| drop(retries()));
    assert_eq!(lines.last().map(String::as_str), Some("error retries =failed: own ="));
}

#[test]
fn a_panic_ends_the_span_and_goes_on_as_it_came() {
    #[log(crate = crate)]
    fn text() {
        panic!("with {}", std::hint::black_box(1));
    }
    #[log(crate = crate)]
    fn outer() {
        text();
    }
    #[log(crate = crate)]
    async fn later() {
        std::panic::panic_any(7u8);
    }
    #[log(crate = crate)]
    fn never() -> ! {
        panic!("never back")
    }
    let mut payloads = Vec::new();
    let lines = recorded(|| {
        payloads.push(quietly(outer).expect_err("panics"));
        payloads.push(quietly(|| block_on(later())).expect_err("panics"));
        payloads.push(quietly(|| never()).expect_err("panics"));
    });
    assert_eq!(payloads[0].downcast_ref::<String>().map(String::as_str), Some("with 1"));
    assert_eq!(payloads[1].downcast_ref::<u8>(), Some(&7));
    assert_eq!(
        lines,
        [
            "start outer under -",
            "start text under outer",
            "panic text =with 1 =",
            "panic outer =with 1",
            "start later under -",
            "panic later =panicked =",
            "start never under -",
            "panic never =panicked ="
        ]
    );
}

#[log(crate = crate)]
async fn waits(n: u8) -> u8 {
    futures::future::pending::<()>().await;
    n
}

#[test]
fn dropped_future_ends_span_as_cancelled() {
    let lines = recorded(|| {
        let mut future = Box::pin(waits(1));
        assert!(future.as_mut().now_or_never().is_none());
        drop(future);
    });
    assert_eq!(lines, ["start waits under - n=1", "cancelled waits"]);
}

#[test]
fn a_future_that_is_never_polled_leaves_no_span() {
    assert_eq!(recorded(|| drop(waits(1))), [""; 0]);
}

#[test]
fn a_future_that_its_sibling_takes_along_is_cancelled_and_not_panicked() {
    #[log(crate = crate)]
    async fn panics() {
        panic!("alone");
    }
    let lines = recorded(|| {
        let joined = quietly(|| block_on(async { futures::join!(waits(1), panics()) }));
        assert!(joined.is_err());
    });
    assert_eq!(lines, ["start waits under - n=1", "start panics under -", "panic panics =alone =", "cancelled waits"]);
}

#[test]
fn an_early_return_and_a_question_mark_are_seen() {
    #[log(crate = crate)]
    fn parse(text: &str) -> Result<u8, std::num::ParseIntError> {
        if text.is_empty() {
            return Ok(0);
        }
        Ok(text.parse::<u8>()? + 1)
    }
    #[log(crate = crate)]
    #[track_caller]
    fn tracked(text: &str) -> Result<u8, std::num::ParseIntError> {
        if text.is_empty() {
            return Ok(0);
        }
        Ok(text.parse::<u8>()? + 1)
    }
    for (run, name) in [(parse as fn(&str) -> Result<u8, _>, "parse"), (tracked, "tracked")] {
        let ends = |text: &str| recorded(|| drop(run(text))).pop().unwrap_or_default();
        assert_eq!(ends(""), format!("ok {name} =0"));
        assert_eq!(ends("1"), format!("ok {name} =2"));
        assert_eq!(ends("x"), format!("error {name} =invalid digit found in string ="));
    }
}
