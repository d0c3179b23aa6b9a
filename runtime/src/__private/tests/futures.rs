//! When futures capture and open, and who their parent is.

use crate::log;
use crate::pipeline::recorded::recorded;
use futures::executor::block_on;
use futures::future::BoxFuture;
use std::future::Future;
use std::pin::Pin;

#[log(crate = crate)]
async fn leaf(n: u8) -> u8 {
    pause().await;
    n
}

async fn pause() {
    let mut paused = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut paused, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

#[log(crate = crate)]
async fn joins() -> u8 {
    let (a, b) = futures::join!(leaf(1), leaf(2));
    a + b + leaf(3).await
}

#[test]
fn joined_futures_are_siblings_under_the_right_parent() {
    let lines = recorded(|| {
        block_on(async { futures::join!(joins(), leaf(9)) });
    });
    assert_eq!(
        lines,
        [
            "start joins under -",
            "start leaf under joins n=1",
            "start leaf under joins n=2",
            "start leaf under - n=9",
            "ok leaf =1",
            "ok leaf =2",
            "start leaf under joins n=3",
            "ok leaf =9",
            "ok leaf =3",
            "ok joins =6"
        ]
    );
}

#[log(crate = crate)]
fn block(n: u8) -> impl Future<Output = u8> {
    async move { n }
}

#[log(crate = crate)]
fn boxed_block(n: u8) -> Pin<Box<dyn Future<Output = u8> + Send>> {
    Box::pin(async move { n })
}

#[log(crate = crate)]
fn with_code(n: u8) -> BoxFuture<'static, u8> {
    let next = n + 1;
    Box::pin(async move { next })
}

#[log(crate = crate)]
fn holds<F: Future>(make: impl FnOnce() -> F) -> F {
    make()
}

#[test]
fn an_async_block_is_an_async_function_and_opens_where_it_is_polled() {
    type Make = fn() -> BoxFuture<'static, u8>;
    let cases: [(Make, &str); 2] = [(|| Box::pin(block(1)), "block"), (|| boxed_block(1), "boxed_block")];
    for (make, name) in cases {
        let lines = recorded(|| assert_eq!(block_on(holds(make)), 1));
        assert_eq!(lines[2..], [format!("start {name} under - n=1"), format!("ok {name} =1")]);
    }
}

#[test]
fn a_returned_future_captures_at_the_call_and_belongs_to_the_caller() {
    let lines = recorded(|| {
        let future = holds(|| with_code(1));
        assert_eq!(block_on(future), 2);
    });
    let [outer, outer_end, start, end] = lines.try_into().unwrap();
    assert!(outer.starts_with("start holds under -"), "{outer}");
    assert!(outer_end.starts_with("ok holds"), "{outer_end}");
    assert_eq!((start.as_str(), end.as_str()), ("start with_code under holds n=1", "ok with_code =2"));
}

#[test]
fn a_returned_future_that_is_never_polled_leaves_no_span() {
    assert_eq!(recorded(|| drop(with_code(1))), [""; 0]);
}

#[log(crate = crate)]
fn may_fail(n: u8) -> Result<impl Future<Output = Result<u8, String>>, String> {
    if n == 0 {
        return Err("at once".to_owned());
    }
    Ok(async move { if n == 1 { Err("later".to_owned()) } else { Ok(n) } })
}

#[test]
fn a_fallible_future_fails_at_the_call_or_later() {
    assert_eq!(recorded(|| drop(may_fail(0))), ["start may_fail under - n=0", "error may_fail =at once ="]);
    for (n, end) in [(1, "error may_fail =later ="), (2, "ok may_fail =2")] {
        let lines = recorded(|| drop(block_on(may_fail(n).unwrap())));
        assert_eq!(lines, [format!("start may_fail under - n={n}").as_str(), end]);
    }
}

#[test]
fn tracing_16_a_function_that_returns_a_future_is_traced_as_that_future() {
    let lines = recorded(|| {
        #[log(crate = crate)]
        async fn inner() {}
        #[log(crate = crate)]
        fn outer() -> impl Future<Output = ()> {
            let made_at_the_call = inner();
            async move {
                pause().await;
                made_at_the_call.await;
            }
        }
        block_on(outer());
    });
    assert_eq!(lines, ["start outer under -", "start inner under outer", "ok inner", "ok outer"]);
}

#[test]
fn recursion_nests() {
    #[log(crate = crate)]
    fn down(n: u8) -> BoxFuture<'static, u8> {
        Box::pin(async move { if n == 0 { 0 } else { down(n - 1).await } })
    }
    assert_eq!(
        recorded(|| assert_eq!(block_on(down(1)), 0)),
        ["start down under - n=1", "start down under down n=0", "ok down =0", "ok down =0"]
    );
}

/// tracing #3179: below `#[async_trait]` the method is a function that returns a box by the time the attribute sees it.
#[test]
fn tracing_3179_async_trait_methods_are_traced_as_the_async_functions_they_were() {
    #[async_trait::async_trait]
    trait Service {
        async fn call(&self, query: &str, count: u8) -> Result<String, String>;
    }
    struct Remote;
    #[async_trait::async_trait]
    impl Service for Remote {
        #[log(crate = crate)]
        async fn call(&self, query: &str, count: u8) -> Result<String, String> {
            leaf(count).await;
            if query.is_empty() { Err("empty".to_owned()) } else { Ok(query.repeat(usize::from(count))) }
        }
    }
    let lines = recorded(|| {
        drop(Remote.call("never polled", 0));
        assert_eq!(block_on(Remote.call("a", 2)).as_deref(), Ok("aa"));
        assert!(block_on(Remote.call("", 1)).is_err());
    });
    assert_eq!(
        lines,
        [
            "start call under - query=a count=2",
            "start leaf under call n=2",
            "ok leaf =2",
            "ok call =aa",
            "start call under - query= count=1",
            "start leaf under call n=1",
            "ok leaf =1",
            "error call =empty ="
        ]
    );
}

/// Opens a span when it is dropped, so that its parent is seen.
struct SpanOnDrop(&'static str);

impl Drop for SpanOnDrop {
    fn drop(&mut self) {
        crate::Span::tool(self.0).in_scope(|| ());
    }
}

#[test]
fn what_a_dropped_future_owns_ends_inside_its_span() {
    #[log(crate = crate, skip_all)]
    async fn owns(argument: SpanOnDrop) {
        let local = SpanOnDrop("local");
        std::future::pending::<()>().await;
        drop((local, argument));
    }
    let lines = recorded(|| {
        let outside = crate::Span::workflow("outside").enter();
        let mut future = Box::pin(owns(SpanOnDrop("argument")));
        assert!(futures::FutureExt::now_or_never(future.as_mut()).is_none());
        drop(future);
        // The context is again what it was.
        SpanOnDrop("after");
        drop(outside);
    });
    let starts: Vec<_> = lines.iter().filter(|line| !line.starts_with("ok")).map(String::as_str).collect();
    assert_eq!(
        starts,
        [
            "start outside under -",
            "start owns under outside",
            "start local under owns",
            "start argument under owns",
            "cancelled owns",
            "start after under outside"
        ]
    );
}

#[test]
fn a_future_that_goes_to_another_thread_keeps_its_span_there_and_leaves_none_behind() {
    #[log(crate = crate)]
    async fn moves() {
        leaf(1).await;
        leaf(2).await;
    }
    let lines = recorded(|| {
        let mut future = Box::pin(moves());
        assert!(futures::FutureExt::now_or_never(future.as_mut()).is_none());
        SpanOnDrop("behind");
        std::thread::scope(|threads| {
            threads.spawn(|| {
                block_on(future);
                SpanOnDrop("there");
            });
        });
    });
    let starts: std::collections::BTreeSet<_> =
        lines.iter().filter(|line| line.starts_with("start")).map(String::as_str).collect();
    assert_eq!(
        starts.into_iter().collect::<Vec<_>>(),
        [
            "start behind under -",
            "start leaf under moves n=1",
            "start leaf under moves n=2",
            "start moves under -",
            "start there under -"
        ]
    );
}

#[test]
fn a_span_with_another_parent_leaves_the_running_one_alone() {
    #[log(crate = crate, parent = crate::Context::root())]
    async fn elsewhere() -> u8 {
        leaf(1).await
    }
    let lines = recorded(|| {
        let outside = crate::Span::workflow("outside").enter();
        assert_eq!(block_on(elsewhere()), 1);
        SpanOnDrop("after");
        drop(outside);
    });
    let starts: Vec<_> = lines.iter().filter(|line| line.starts_with("start")).map(String::as_str).collect();
    assert_eq!(
        starts,
        [
            "start outside under -",
            "start elsewhere under -",
            "start leaf under elsewhere n=1",
            "start after under outside"
        ]
    );
}
