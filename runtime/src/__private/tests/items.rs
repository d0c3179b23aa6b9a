//! Streams and iterators.

use crate::log;
use crate::pipeline::recorded::recorded;
use futures::executor::{block_on, block_on_stream};
use futures::stream::{self, BoxStream, Stream, StreamExt};

/// The time to the first item differs from run to run.
fn lines(run: impl FnOnce()) -> Vec<String> {
    let timed = |line: String| match line.find(" time_to_first") {
        Some(at) => {
            let rest = &line[at + 1..];
            let name = rest.split('=').next().unwrap_or_default();
            let after = rest.split_once(' ').map_or("", |(_, after)| after);
            format!("{} {name} {after}", &line[..at]).trim_end().to_owned()
        }
        None => line,
    };
    recorded(run).into_iter().map(timed).collect()
}

#[log(crate = crate, span_type = "llm")]
fn tokens(prompt: &str) -> impl Stream<Item = String> + use<> {
    let words: Vec<_> = prompt.split_inclusive(' ').map(str::to_owned).collect();
    stream::iter(words)
}

#[test]
fn text_is_joined_and_counted() {
    assert_eq!(
        lines(|| assert_eq!(block_on_stream(tokens("a b c")).count(), 3)),
        ["start tokens under - prompt=a b c", "ok tokens =a b c num_items=3 time_to_first_token_ns"]
    );
}

#[test]
fn other_items_become_a_list() {
    #[log(crate = crate)]
    fn numbers() -> impl Iterator<Item = (u8, Option<&'static str>)> {
        [(1, None), (2, Some("b"))].into_iter()
    }
    assert_eq!(
        lines(|| assert_eq!(numbers().count(), 2)),
        ["start numbers under -", r#"ok numbers =[[1,null],[2,"b"]] num_items=2 time_to_first_item_ns"#]
    );
}

#[test]
fn a_missing_item_keeps_its_place() {
    #[log(crate = crate)]
    fn gaps() -> impl Iterator<Item = Option<u8>> {
        [Some(1), None].into_iter()
    }
    assert_eq!(lines(|| assert_eq!(gaps().count(), 2))[1], "ok gaps =[1,null] num_items=2 time_to_first_item_ns");
}

#[test]
fn a_stream_dropped_before_its_end_is_cancelled_with_what_there_was() {
    assert_eq!(
        lines(|| {
            let mut stream = Box::pin(tokens("a b c"));
            assert_eq!(block_on(stream.next()).as_deref(), Some("a "));
            drop(stream);
        }),
        ["start tokens under - prompt=a b c", "cancelled tokens =a  num_items=1 time_to_first_token_ns"]
    );
}

#[test]
fn a_stream_that_nobody_asks_leaves_no_span() {
    assert_eq!(lines(|| drop(tokens("a"))), [""; 0]);
}

#[log(crate = crate)]
fn breaks() -> BoxStream<'static, Result<&'static str, String>> {
    stream::iter([Ok("a"), Err("torn".to_owned()), Ok("b")]).boxed()
}

#[test]
fn an_error_item_ends_the_span_and_the_rest_passes() {
    assert_eq!(
        lines(|| assert_eq!(block_on_stream(breaks()).count(), 3)),
        ["start breaks under -", "error breaks =a num_items=2 time_to_first_item_ns =torn ="]
    );
}

#[log(crate = crate)]
async fn opens(n: u8) -> Result<impl Stream<Item = u8>, String> {
    leaf(0).await;
    if n == 0 {
        return Err("closed".to_owned());
    }
    Ok(stream::iter(1..=n).then(leaf))
}

#[log(crate = crate)]
async fn leaf(n: u8) -> u8 {
    n
}

#[test]
fn an_async_function_that_returns_a_stream_is_one_span_until_the_stream_ends() {
    assert_eq!(
        lines(|| {
            let stream = block_on(opens(2)).unwrap();
            assert_eq!(block_on_stream(Box::pin(stream)).count(), 2);
        }),
        [
            "start opens under - n=2",
            "start leaf under opens n=0",
            "ok leaf =0",
            "start leaf under opens n=1",
            "ok leaf =1",
            "start leaf under opens n=2",
            "ok leaf =2",
            "ok opens =[1,2] num_items=2 time_to_first_item_ns"
        ]
    );
    assert_eq!(lines(|| assert!(block_on(opens(0)).is_err()))[3], "error opens =closed =");
}

#[test]
fn fastrace_174_children_of_a_stream_are_under_it_at_every_poll() {
    #[log(crate = crate)]
    fn walks() -> impl Iterator<Item = u8> {
        (0..2).map(visit)
    }
    #[log(crate = crate)]
    fn visit(n: u8) -> u8 {
        n
    }
    #[log(crate = crate)]
    fn consumer() -> u8 {
        walks().map(|n| visit(n + 10)).sum()
    }
    assert_eq!(
        lines(|| assert_eq!(consumer(), 21)),
        [
            "start consumer under -",
            "start walks under consumer",
            "start visit under walks n=0",
            "ok visit =0",
            "start visit under consumer n=10",
            "ok visit =10",
            "start visit under walks n=1",
            "ok visit =1",
            "start visit under consumer n=11",
            "ok visit =11",
            "ok walks =[0,1] num_items=2 time_to_first_item_ns",
            "ok consumer =21"
        ]
    );
}

/// An async generator that was not read to its end left its run pending in langsmith-sdk #453, #1534 and #170.
#[test]
fn langsmith_453_a_generator_that_is_not_read_to_its_end_still_ends() {
    #[log(crate = crate)]
    fn endless() -> impl Iterator<Item = u8> {
        std::iter::repeat(7)
    }
    assert_eq!(
        lines(|| assert_eq!(endless().take(2).count(), 2)),
        ["start endless under -", "cancelled endless =[7,7] num_items=2 time_to_first_item_ns"]
    );
}

/// Galileo's Python decorator never logs an llm generator and lets a workflow generator swallow what comes after it.
#[test]
fn galileo_634_generators_are_recorded_and_what_follows_is_not_their_child() {
    assert_eq!(
        lines(|| {
            assert_eq!(block_on_stream(tokens("a b")).count(), 2);
            block_on(leaf(1));
        })[2],
        "start leaf under - n=1"
    );
}

#[test]
fn long_texts_and_lists_are_cut() {
    #[log(crate = crate)]
    fn long() -> impl Iterator<Item = String> {
        std::iter::repeat_n("x".repeat(1000), 100)
    }
    #[log(crate = crate)]
    fn wide() -> impl Iterator<Item = Vec<u64>> {
        std::iter::repeat_n(vec![1; 500], 100)
    }
    let ends = |run: fn()| lines(run).pop().unwrap_or_default();
    let text = ends(|| assert_eq!(long().count(), 100));
    assert!(text.len() < 66_000 && text.contains("x...[34464 bytes cut] num_items=100"), "{}", text.len());
    let list = ends(|| assert_eq!(wide().count(), 100));
    assert!(list.len() < 66_000 && list.contains("bytes cut]\"] num_items=100"), "{}", list.len());
}

#[test]
fn closures_look_at_each_item() {
    #[log(
        crate = crate,
        span_type = "llm",
        output = |chunk| chunk.text,
        usage = |chunk| chunk.usage,
    )]
    fn chunks() -> impl Stream<Item = Chunk> {
        let chunk = |text, usage| Chunk { text, usage };
        stream::iter([chunk("Hel", None), chunk("lo", Some((3, 2)))])
    }
    struct Chunk {
        text: &'static str,
        usage: Option<(u32, u32)>,
    }
    assert_eq!(
        lines(|| assert_eq!(block_on_stream(chunks()).count(), 2))[1],
        "ok chunks =Hello num_items=2 time_to_first_token_ns num_input_tokens=3 num_output_tokens=2 num_total_tokens=5"
    );
}
