//! The traced program behaves as if the attribute were not there.

use crate::log;
use crate::pipeline::recorded::{recorded, unrecorded};
use futures::executor::block_on;
use std::cell::RefCell;
use std::panic::{RefUnwindSafe, UnwindSafe};

thread_local! {
    static DROPPED: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

struct Noisy(&'static str);

impl Drop for Noisy {
    fn drop(&mut self) {
        DROPPED.with_borrow_mut(|dropped| dropped.push(self.0));
    }
}

/// The same body, with and without the attribute; the order in which things are dropped has to be equal.
macro_rules! pair {
    ($(#[$meta:meta])* $plain:ident $logged:ident ($($args:tt)*) $(-> $ret:ty)? $body:block) => {
        fn $plain($($args)*) $(-> $ret)? $body
        #[log(crate = crate, skip_all)]
        $(#[$meta])*
        fn $logged($($args)*) $(-> $ret)? $body
    };
    (async $plain:ident $logged:ident ($($args:tt)*) $(-> $ret:ty)? $body:block) => {
        async fn $plain($($args)*) $(-> $ret)? $body
        #[log(crate = crate, skip_all)]
        async fn $logged($($args)*) $(-> $ret)? $body
    };
}

// Values that a pattern leaves unbound (`_`) cannot be moved anywhere; they go last.
pair!(plain_all logged_all (a: Noisy, b: Noisy, _unused: Noisy, (c, d): (Noisy, Noisy)) {
    let _local = Noisy("local");
    let _first = a;
    let _ = (&b, &c, &d);
});
pair!(plain_some logged_some (a: Noisy, b: Noisy, keep: bool) -> Option<Noisy> {
    let _local = Noisy("local");
    if keep {
        return Some(b);
    }
    drop(a);
    None
});
pair!(async plain_async logged_async (a: Noisy, b: Noisy, _unused: Noisy) -> u8 {
    let _local = Noisy("local");
    std::future::ready(()).await;
    drop(b);
    let _ = &a;
    1
});
pair!(#[track_caller] plain_tracked logged_tracked (a: Noisy, b: Noisy) -> u8 {
    let _local = Noisy("local");
    let _ = (&a, &b);
    return 1;
});

fn dropped<R>(run: impl FnOnce() -> R) -> Vec<&'static str> {
    DROPPED.take();
    drop(run());
    DROPPED.take()
}

#[test]
fn things_are_dropped_when_and_in_the_order_in_which_they_were() {
    let check = || {
        let four = || (Noisy("a"), Noisy("b"), Noisy("_"), (Noisy("c"), Noisy("rest")));
        let with = |run: fn(Noisy, Noisy, Noisy, (Noisy, Noisy))| {
            let (a, b, c, d) = four();
            dropped(|| run(a, b, c, d))
        };
        assert_eq!(with(logged_all), with(plain_all));
        for keep in [true, false] {
            let with = |run: fn(Noisy, Noisy, bool) -> Option<Noisy>| dropped(|| run(Noisy("a"), Noisy("b"), keep));
            assert_eq!(with(logged_some), with(plain_some));
        }
        assert_eq!(
            dropped(|| block_on(logged_async(Noisy("a"), Noisy("b"), Noisy("_")))),
            dropped(|| block_on(plain_async(Noisy("a"), Noisy("b"), Noisy("_"))))
        );
        assert_eq!(
            dropped(|| drop(logged_async(Noisy("a"), Noisy("b"), Noisy("_")))),
            dropped(|| drop(plain_async(Noisy("a"), Noisy("b"), Noisy("_"))))
        );
        assert_eq!(
            dropped(|| logged_tracked(Noisy("a"), Noisy("b"))),
            dropped(|| plain_tracked(Noisy("a"), Noisy("b")))
        );
    };
    recorded(check);
    unrecorded(check);
}

#[test]
fn nobody_records_and_nothing_changes() {
    #[log(crate = crate, name = "n {text}", input = text.len(), output = |_| unreachable(""), tags = [unreachable(text)])]
    fn work(text: &str) -> Result<usize, String> {
        Ok(text.len())
    }
    fn unreachable(text: &str) -> String {
        unreachable!("{text} is not looked at")
    }
    unrecorded(|| assert_eq!(work("ab"), Ok(2)));
}

#[test]
fn an_unsampled_trace_looks_at_nothing() {
    #[log(crate = crate, skip_all)]
    fn root() {
        inner("x");
    }
    #[log(crate = crate, name = "n {text}", output = |_| unreachable(""), tags = [unreachable(text)])]
    fn inner(text: &str) -> u8 {
        text.len() as u8
    }
    fn unreachable(text: &str) -> String {
        unreachable!("{text} is not looked at")
    }
    let lines = crate::pipeline::recorded::recorded_by(crate::sampling::Sampler::never(), root);
    assert_eq!(lines, [""; 0]);
}

#[test]
fn futures_are_send_and_unwind_safe_when_they_were() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    fn is_sync<T: Sync>(value: T) -> T {
        value
    }
    fn is_unwind_safe<T: UnwindSafe + RefUnwindSafe>(value: T) -> T {
        value
    }
    #[log(crate = crate)]
    async fn work(text: &str) -> usize {
        text.len()
    }
    #[log(crate = crate)]
    fn items() -> impl Iterator<Item = u8> + Clone + Send {
        0..3
    }
    block_on(is_send(is_sync(work("a"))));
    assert_eq!(is_unwind_safe(is_send(items())).count(), 3);
}

#[test]
fn a_body_that_panics_leaves_its_callers_context_as_it_was() {
    #[log(crate = crate)]
    fn panics() {
        std::panic::resume_unwind(Box::new("quiet"));
    }
    #[log(crate = crate)]
    fn catches() {
        assert!(std::panic::catch_unwind(panics).is_err());
        after();
    }
    #[log(crate = crate)]
    fn after() {}
    assert_eq!(recorded(catches)[3..], ["start after under catches", "ok after", "ok catches"]);
}
