//! Rows f21 to f38: the program and the life of its process.

use crate::common::*;

#[test]
fn f31_flushing_and_stopping_in_any_order_is_bounded() {
    let _turn = turn();
    let backend = Backend::start();
    backend.always(Some(Fault::Delay(Duration::from_secs(5))));
    let guard = config(&backend.url()).init().unwrap();
    trace("stuck");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let start = Instant::now();
                galileo::flush(Duration::from_millis(300));
                assert!(start.elapsed() < Duration::from_millis(400 + 200), "{:?}", start.elapsed());
            });
        }
    });
    let start = Instant::now();
    let report = guard.shutdown(Duration::from_millis(200));
    assert!(start.elapsed() < Duration::from_millis(300 + 200), "{:?}", start.elapsed());
    assert!(!report.is_complete());
    assert_eq!(galileo::flush(SHORT), Report::default(), "nothing runs any more");
}

#[test]
fn f32_calls_after_shutdown_do_nothing() {
    let _turn = turn();
    let backend = Backend::start();
    drop(config(&backend.url()).init().unwrap());
    trace("nobody listens");
    galileo::current_span().tag("x");
    assert!(galileo::get_tracing_headers().is_empty());
    backend.books(|books| assert!(books.spans.is_empty()));
}

#[test]
fn f33_two_exporters_have_accounts_of_their_own() {
    let _turn = turn();
    struct Broken;
    impl galileo::export::Exporter for Broken {
        fn export(
            &mut self,
            _: &[galileo::export::SpanRecord<'_>],
            _: &mut galileo::export::Outcomes,
        ) -> Result<(), galileo::export::ExportError> {
            Err(galileo::export::ExportError::Retry { reason: "always".into() })
        }
    }
    let backend = Backend::start();
    let guard = config(&backend.url()).exporters("galileo").exporter(Broken).init().unwrap();
    trace("both");
    let report = guard.shutdown(SHORT);
    assert_eq!((report.delivered, report.dropped.by(DropReason::Shutdown)), (0, 3), "the one that lags speaks");
    let galileo = report.accounts.iter().find(|account| account.exporter == "galileo").unwrap();
    assert_eq!((galileo.accepted, galileo.delivered), (3, 3));
    books_agree(&report, &backend);
}

#[galileo::log(span_type = "tool")]
fn panics(text: &str) {
    panic!("{text} is too much");
}

#[galileo::log(span_type = "tool")]
async fn panics_later(text: &str) {
    tokio::task::yield_now().await;
    panic!("{text} is too much");
}

fn current_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn multi_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn f21_a_panic_goes_on_as_it_came_and_its_span_says_so() {
    let _turn = turn();
    let backend = Backend::start();
    let guard = config(&backend.url()).init().unwrap();
    let caught = |payload: Box<dyn std::any::Any + Send>| *payload.downcast::<String>().unwrap();
    let sync = std::panic::catch_unwind(|| panics("this")).map_err(caught);
    assert_eq!(sync, Err("this is too much".to_owned()));
    let task = multi_thread().block_on(async { tokio::spawn(panics_later("that")).await });
    assert_eq!(caught(task.unwrap_err().into_panic()), "that is too much");
    all_arrived(&guard.shutdown(LONG), &backend, 2);
    backend.books(|books| {
        for span in books.spans.values() {
            assert_eq!(span.body["status_code"], 500, "{:?}", span.body);
            assert!(span.body.to_string().contains("is too much"), "{:?}", span.body);
        }
    });
}

#[galileo::log(span_type = "tool")]
async fn never_ends() {
    std::future::pending::<()>().await;
}

#[test]
fn f22_a_dropped_future_ends_as_cancelled_and_leaves_nothing_behind() {
    let _turn = turn();
    let backend = Backend::start();
    let guard = config(&backend.url()).init().unwrap();
    multi_thread().block_on(async {
        let short = Duration::from_millis(5);
        assert!(tokio::time::timeout(short, never_ends()).await.is_err());
        tokio::select! {
            biased;
            () = tokio::time::sleep(short) => {}
            () = never_ends() => {}
        }
        let task = tokio::spawn(never_ends());
        tokio::time::sleep(short).await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(galileo::Context::current().trace_id().is_none(), "the next task begins clean");
    });
    all_arrived(&guard.shutdown(LONG), &backend, 3);
    backend.books(|books| {
        assert_eq!(books.traces.len(), 3, "none became the child of another");
        assert!(books.spans.values().all(|span| span.body["status_code"] == 499));
    });
}

#[test]
fn f23_a_future_may_be_polled_anywhere() {
    use galileo::InSpan as _;
    use std::task::Poll;
    let _turn = turn();
    let backend = Backend::start();
    let guard = config(&backend.url()).init().unwrap();
    let mut step = 0;
    let future = std::future::poll_fn(move |cx| {
        Span::tool(&format!("step {step}")).in_scope(|| ());
        step += 1;
        cx.waker().wake_by_ref();
        if step == 8 { Poll::Ready(()) } else { Poll::Pending }
    });
    let mut future = Box::pin(future.in_span(Span::workflow("traveller")));
    // Each poll on another thread, half of them inside of some runtime, all between spans of others.
    for turn in 0..8 {
        future = std::thread::spawn(move || {
            let _other = Span::workflow("other").enter();
            let mut poll = || {
                let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
                future.as_mut().poll(&mut cx).is_ready()
            };
            let ready = if turn % 2 == 0 { current_thread().block_on(async { poll() }) } else { poll() };
            assert_eq!(ready, turn == 7);
            future
        })
        .join()
        .unwrap();
    }
    drop(future);
    all_arrived(&guard.shutdown(LONG), &backend, 17);
    backend.books(|books| {
        let traveller = books.spans.iter().find(|(_, span)| span.name == "traveller").unwrap().0;
        let steps = books.spans.values().filter(|span| span.name.starts_with("step") && span.parent == *traveller);
        assert_eq!(steps.count(), 8);
    });
}

#[test]
fn f24_no_runtime_of_the_host_is_needed_entered_or_blocked() {
    let _turn = turn();
    // The guard is dropped: without a runtime, inside each kind, inside one inside another's blocking thread, after its runtime is gone,
    // from a destructor, and from a panic.
    let mains: [(&str, fn(galileo::Guard)); 7] = [
        ("no runtime", |guard| {
            trace("x");
            drop(guard);
        }),
        ("current thread", |guard| {
            current_thread().block_on(async move {
                trace("x");
                drop(guard);
            });
        }),
        ("many threads", |guard| {
            multi_thread().block_on(async move {
                trace("x");
                tokio::spawn(async move { drop(guard) }).await.unwrap();
            });
        }),
        ("nested", |guard| {
            multi_thread().block_on(async move {
                tokio::task::spawn_blocking(move || {
                    current_thread().block_on(async { trace("x") });
                    drop(guard);
                })
                .await
                .unwrap();
            });
        }),
        ("the runtime ends first", |guard| {
            let runtime = multi_thread();
            runtime.spawn(async {
                let _open = Span::workflow("open");
                std::future::pending::<()>().await;
            });
            runtime.block_on(async { trace("x") });
            runtime.shutdown_background();
            drop(guard);
        }),
        ("a destructor", |guard| {
            struct Holds(#[allow(dead_code)] Option<galileo::Guard>);
            impl Drop for Holds {
                fn drop(&mut self) {
                    trace("x");
                    self.0.take();
                }
            }
            drop(Holds(Some(guard)));
        }),
        ("a panic", |guard| {
            let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
                let _guard = guard;
                trace("x");
                panic!("on purpose");
            }));
            assert!(unwound.is_err());
        }),
    ];
    for (name, main) in mains {
        let backend = Backend::start();
        let start = Instant::now();
        main(config(&backend.url()).init().unwrap());
        assert!(start.elapsed() < Duration::from_secs(5), "{name}: {:?}", start.elapsed());
        backend.books(|books| assert_eq!(books.spans.len(), 3, "{name}"));
    }
}

/// g10: however the backend misbehaves, and wherever one waits, shutdown ends within its timeout and 100 ms, and its books balance.
#[test]
fn f31_shutdown_is_bounded_under_every_fault() {
    let _turn = turn();
    let timeout = Duration::from_millis(150);
    let faults = [
        Fault::Answer(503, "", ""),
        Fault::Answer(429, "", "retry-after: 600\r\n"),
        Fault::Answer(401, "", ""),
        Fault::Answer(413, "", ""),
        Fault::Answer(422, "{\"detail\":\"parent not found\"}", ""),
        Fault::Answer(302, "", "location: http://127.0.0.1:1/\r\n"),
        Fault::ResetBefore,
        Fault::ResetIn(10),
        Fault::LoseAnswer,
        Fault::CutAnswer,
        Fault::Delay(Duration::from_secs(3)),
        Fault::Endless,
        Fault::Drip(Duration::from_millis(100)),
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        let backend = Backend::start();
        backend.always(Some(fault.clone()));
        let guard = config(&backend.url()).init().unwrap();
        trace("stuck");
        let start = Instant::now();
        let report = match number % 3 {
            0 => guard.shutdown(timeout),
            1 => current_thread().block_on(guard.shutdown_async(timeout)),
            _ => multi_thread().block_on(async move { guard.shutdown(timeout) }),
        };
        // Twice the grace, because the machine may be busy with other tests.
        assert!(start.elapsed() < timeout + Duration::from_millis(200), "{fault:?}: {:?}", start.elapsed());
        assert_eq!((report.accepted, report.queued), (3, 0), "{fault:?}: {report}");
        books_agree(&report, &backend);
    }
}

#[test]
fn f36_what_calls_back_into_the_sdk_does_not_hang() {
    let _turn = turn();
    struct Chatty;
    impl galileo::export::Exporter for Chatty {
        fn export(
            &mut self,
            _: &[galileo::export::SpanRecord<'_>],
            out: &mut galileo::export::Outcomes,
        ) -> Result<(), galileo::export::ExportError> {
            trace("from an exporter");
            galileo::current_span().tag("x");
            let _ = (galileo::status(), galileo::flush(Duration::from_millis(1)));
            out.deliver_all();
            Ok(())
        }
    }
    let backend = Backend::start();
    let guard = config(&backend.url()).exporters("galileo").exporter(Chatty).init().unwrap();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {
        galileo::current_span().metadata("hook", "was here");
        Span::tool("from the hook").in_scope(|| ());
        galileo::flush(Duration::from_millis(1));
    }));
    let panicked = std::panic::catch_unwind(|| panics("something"));
    std::panic::set_hook(before);
    assert!(panicked.is_err());
    let report = guard.shutdown(LONG);
    assert_eq!((report.accepted, report.delivered), (2, 2), "an exporter's own spans are none: {report}");
    books_agree(&report, &backend);
}
