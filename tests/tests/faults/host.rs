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
