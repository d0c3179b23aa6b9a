//! What users of other tracers complained about, each by its number there, where no other file here has it.

use crate::log;
use crate::pipeline::recorded::recorded;
use futures::executor::block_on;
use futures::future::FutureExt;
use futures::stream::{self, Stream, StreamExt};
use std::panic::{AssertUnwindSafe, catch_unwind};

#[log(crate = crate)]
async fn leaf(n: u8) -> u8 {
    n
}

#[log(crate = crate)]
fn items(n: u8) -> impl Stream<Item = u8> + Send {
    stream::iter(1..=n).then(leaf)
}

fn starts(run: impl FnOnce()) -> Vec<String> {
    recorded(run).into_iter().filter(|line| line.starts_with("start")).collect()
}

/// A response whose body is a generator is read after the handler has returned, and became a second trace.
#[test]
fn langsmith_817_a_stream_that_is_read_after_its_handler_is_no_second_root() {
    #[log(crate = crate, skip_output)]
    fn handler() -> (&'static str, Box<dyn Stream<Item = u8> + Send + Unpin>) {
        ("200", Box::new(Box::pin(items(1))))
    }
    let lines = starts(|| {
        let (_, body) = handler();
        assert_eq!(block_on(body.count()), 1);
    });
    assert_eq!(lines, ["start handler under -", "start items under handler n=1", "start leaf under items n=1"]);
}

/// A generator ran in the context of whoever asked for its next item, or left its own behind there.
#[test]
fn langsmith_615_a_stream_has_its_own_context_and_its_reader_keeps_the_other() {
    #[log(crate = crate)]
    async fn reads() {
        let mut stream = Box::pin(items(2));
        while let Some(n) = stream.next().await {
            leaf(n * 10).await;
        }
    }
    assert_eq!(
        starts(|| block_on(reads())),
        [
            "start reads under -",
            "start items under reads n=2",
            "start leaf under items n=1",
            "start leaf under reads n=10",
            "start leaf under items n=2",
            "start leaf under reads n=20"
        ]
    );
}

/// Where each item was fetched by a task of its own, what the generator called had no parent.
#[test]
fn langsmith_2431_a_stream_that_each_time_another_task_reads_keeps_its_children() {
    let lines = starts(|| {
        let mut stream = Box::pin(items(2));
        for n in 1..=2 {
            std::thread::scope(|tasks| {
                tasks.spawn(|| assert_eq!(block_on(stream.next()), Some(n)));
            });
        }
    });
    // Threads hand over their records when they end, so their order is not the order of time.
    let lines: std::collections::BTreeSet<_> = lines.iter().map(String::as_str).collect();
    let expected = ["start items under - n=2", "start leaf under items n=1", "start leaf under items n=2"];
    assert_eq!(lines.into_iter().collect::<Vec<_>>(), expected);
}

/// An error that is thrown before the first item came only when the stream was read.
#[test]
fn langsmith_2229_an_error_at_the_call_is_not_kept_until_the_stream_is_read() {
    #[log(crate = crate)]
    fn opens(n: u8) -> Result<impl Stream<Item = u8>, String> {
        if n == 0 { Err("closed".to_owned()) } else { Ok(items(n)) }
    }
    let lines = recorded(|| assert_eq!(opens(0).err().as_deref(), Some("closed")));
    assert_eq!(lines, ["start opens under - n=0", "error opens =closed ="]);
}

/// Runs were pending for ever: after a failure inside, and after a panic.
#[test]
fn langsmith_1534_whatever_happens_inside_every_span_ends() {
    #[log(crate = crate)]
    async fn outer(fate: u8) -> Result<u8, String> {
        inner(fate).await
    }
    #[log(crate = crate)]
    async fn inner(fate: u8) -> Result<u8, String> {
        match fate {
            0 => Ok(0),
            1 => Err("one".to_owned()),
            2 => std::panic::resume_unwind(Box::new("two")),
            _ => std::future::pending().await,
        }
    }
    for (fate, how) in [(0, "ok"), (1, "error"), (2, "panic"), (3, "cancelled")] {
        let lines = recorded(|| drop(catch_unwind(AssertUnwindSafe(|| drop(Box::pin(outer(fate)).now_or_never())))));
        let ends: Vec<_> = lines.iter().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(ends, ["start outer", "start inner", &format!("{how} inner"), &format!("{how} outer")]);
    }
}

/// A cancelled task left everything below it open.
#[test]
fn langchain_39163_a_cancelled_task_ends_all_that_ran_in_it_from_the_inside_out() {
    #[log(crate = crate)]
    async fn task() {
        futures::join!(waits(1), waits(2));
    }
    #[log(crate = crate)]
    async fn waits(n: u8) {
        let _ = n;
        std::future::pending().await
    }
    let lines = recorded(|| assert!(Box::pin(task()).now_or_never().is_none()));
    assert_eq!(lines[3..], ["cancelled waits", "cancelled waits", "cancelled task"]);
}

/// Beside `skip_all`, fields that named a parameter recorded nothing.
#[test]
fn tracing_3460_what_is_named_is_recorded_beside_skip_all() {
    #[log(crate = crate, skip_all, tags = [a], metadata(twice = a * 2))]
    fn named(a: u8, b: u8) {
        let _ = b;
    }
    assert_eq!(recorded(|| named(1, 2))[0], "start named under - =1 twice=2");
}

/// The attribute broke inference and the coercion to a trait object.
#[test]
fn tracing_1053_results_are_inferred_and_coerced_as_without_the_attribute() {
    trait Shape {
        fn corners(&self) -> u8;
    }
    struct Square;
    impl Shape for Square {
        fn corners(&self) -> u8 {
            4
        }
    }
    #[log(crate = crate, skip_output)]
    async fn object() -> Box<dyn Shape> {
        Box::new(Square)
    }
    #[log(crate = crate, skip_output)]
    async fn fallible(fails: bool) -> Result<Box<dyn Shape>, Box<dyn std::error::Error>> {
        if fails {
            Err("no shape")?;
        }
        Ok(Box::new(Square))
    }
    #[log(crate = crate)]
    async fn collected() -> Vec<u64> {
        "1 2".split(' ').filter_map(|n| n.parse().ok()).collect()
    }
    recorded(|| {
        assert_eq!(block_on(object()).corners(), 4);
        assert_eq!(block_on(fallible(false)).map(|shape| shape.corners()).ok(), Some(4));
        assert!(block_on(fallible(true)).is_err());
        assert_eq!(block_on(collected()), [1, 2]);
    });
}

/// Nothing was masked once a parent had come in from elsewhere.
#[test]
fn langsmith_763_secrets_are_left_out_under_any_parent() {
    #[log(crate = crate, parent = crate::Context::root(), redact(email))]
    fn signs_in(user: &str, email: &str, password: &str) {
        let _ = (user, email, password);
    }
    let line = recorded(|| signs_in("ada", "ada@example.com", "moon-and-stars")).remove(0);
    assert!(line.contains("user=ada") && !line.contains("example.com") && !line.contains("moon-and-stars"), "{line}");
}

/// Metadata was not masked.
#[test]
fn langsmith_3314_metadata_is_masked_like_arguments() {
    #[log(crate = crate, skip_all, metadata(api_key = key, region = "eu"))]
    fn calls(key: &str) {
        let _ = key;
    }
    let line = recorded(|| calls("moon-and-stars")).remove(0);
    assert!(line.contains("region=eu") && line.contains("api_key=") && !line.contains("moon-and-stars"), "{line}");
}
