use super::*;
use crate::export::{ExportError, Exporter, Outcomes, SpanRecord};
use crate::{Span, SpanType};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The installed pipeline is one a process, so these tests take turns, with the ones of other modules too.
fn turn() -> std::sync::MutexGuard<'static, ()> {
    crate::pipeline::recorded::turn()
}

const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Exporter for Seen {
    fn export(&mut self, batch: &[SpanRecord<'_>], out: &mut Outcomes) -> Result<(), ExportError> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.extend(batch.iter().map(|span| format!("{} {}", span.span_type().as_str(), span.name())));
        out.deliver_all();
        Ok(())
    }
}

fn seen() -> (Seen, Guard) {
    let seen = Seen::default();
    let guard = Config::builder().without_dotenv().exporter(seen.clone()).init().unwrap();
    (seen, guard)
}

#[test]
fn spans_reach_the_exporter_and_the_report_says_so() {
    let _turn = turn();
    let (seen, guard) = seen();
    Span::workflow("outer").in_scope(|| Span::tool("inner").in_scope(|| ()));
    let report = guard.flush(SECOND);
    assert_eq!(seen.lines(), ["tool inner", "workflow outer"]);
    assert_eq!((report.accepted, report.delivered, report.queued), (2, 2, 0));
    assert!(report.is_complete() && report.accounts[0].is_balanced());
    assert!(guard.shutdown(SECOND).is_complete());
}

#[test]
fn one_pipeline_at_a_time_and_a_new_one_after_shutdown() {
    let _turn = turn();
    let (_, guard) = seen();
    assert!(matches!(
        Config::builder().without_dotenv().exporter(Seen::default()).init(),
        Err(crate::InitError::AlreadyRunning)
    ));
    assert!(status().recording);
    drop(guard);
    assert!(!status().recording);
    let (again, guard) = seen();
    Span::new(SpanType::Tool, "later").in_scope(|| ());
    drop(guard);
    assert_eq!(again.lines(), ["tool later"]);
}

#[test]
fn a_span_that_is_open_at_shutdown_is_not_lost() {
    let _turn = turn();
    let (seen, guard) = seen();
    let open = Span::workflow("open").enter();
    let report = guard.shutdown(SECOND);
    assert_eq!((report.accepted, report.delivered), (1, 1));
    drop(open);
    Span::tool("after").in_scope(|| ());
    assert_eq!(seen.lines(), ["workflow open"]);
}

#[test]
fn a_stuck_exporter_cannot_hold_a_flush_longer_than_its_timeout() {
    let _turn = turn();
    struct Stuck(std::sync::mpsc::Receiver<()>);
    impl Exporter for Stuck {
        fn export(&mut self, _: &[SpanRecord<'_>], _: &mut Outcomes) -> Result<(), ExportError> {
            let _ = self.0.recv();
            Ok(())
        }
    }
    let (release, held) = std::sync::mpsc::channel();
    let guard = Config::builder().without_dotenv().exporter(Stuck(held)).init().unwrap();
    Span::tool("waits").in_scope(|| ());
    let start = Instant::now();
    let report = guard.shutdown(Duration::from_millis(200));
    assert!(start.elapsed() < Duration::from_millis(300), "{:?}", start.elapsed());
    assert!(!report.is_complete() && report.accounts[0].is_balanced(), "{report}");
    drop(release);
}

#[test]
fn an_exporter_that_panics_or_fails_is_asked_again() {
    let _turn = turn();
    #[derive(Default)]
    struct Moody(u32);
    impl Exporter for Moody {
        fn export(&mut self, batch: &[SpanRecord<'_>], out: &mut Outcomes) -> Result<(), ExportError> {
            self.0 += 1;
            match self.0 {
                1 => panic!("not today"),
                2 => Err(ExportError::Retry { reason: "nor now".into() }),
                3 if batch.len() > 1 => Err(ExportError::Split),
                _ => {
                    for (index, span) in batch.iter().enumerate() {
                        if span.name() == "bad" {
                            out.reject(index, "never");
                        } else {
                            out.deliver(index);
                        }
                    }
                    Ok(())
                }
            }
        }
    }
    let guard = Config::builder().without_dotenv().exporter(Moody::default()).init().unwrap();
    Span::tool("good").in_scope(|| ());
    Span::tool("bad").in_scope(|| ());
    let report = guard.shutdown(5 * SECOND);
    assert_eq!((report.delivered, report.dropped.total(), report.queued), (1, 1, 0), "{report}");
    assert!(report.accounts[0].is_balanced());
}

#[test]
fn flush_and_shutdown_do_not_care_where_they_are_called() {
    let _turn = turn();
    let current = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let multi = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for runtime in [current(), multi()] {
        let (seen, guard) = seen();
        runtime.block_on(async {
            Span::tool("inside").in_scope(|| ());
            assert!(flush(SECOND).is_complete());
            assert!(flush_async(SECOND).await.is_complete());
            assert!(guard.shutdown_async(SECOND).await.is_complete());
        });
        assert_eq!(seen.lines().len(), 1);
    }
    let (_, guard) = seen();
    futures::executor::block_on(async {
        Span::tool("no runtime").in_scope(|| ());
        assert!(flush_async(SECOND).await.is_complete());
    });
    drop(guard);
}

#[test]
fn recording_can_be_switched_off_by_a_setting() {
    let _turn = turn();
    let guard = Config::builder().without_dotenv().variable("GALILEO_LOGGING_DISABLED", "true").init().unwrap();
    Span::tool("unseen").in_scope(|| ());
    assert!(!status().recording);
    assert_eq!(guard.shutdown(SECOND).accepted, 0);
}

#[test]
fn a_wrong_setting_stops_the_start_and_changes_nothing() {
    let _turn = turn();
    let error = Config::builder().without_dotenv().exporter(Seen::default()).sample_rate(2.0).init().unwrap_err();
    assert!(matches!(error, crate::InitError::InvalidSetting { name: "GALILEO_SAMPLE_RATE", .. }));
    assert!(!crate::span::enabled());
    let (_, guard) = seen();
    drop(guard);
}

/// f38: whatever step of the worker panics, the host goes on, what was recorded arrives, and it is counted.
#[test]
fn f38_a_panic_of_the_worker_costs_no_span() {
    let _turn = turn();
    for step in ["tell", "pump", "asks", "wait"] {
        let (seen, guard) = seen();
        Span::tool("before").in_scope(|| ());
        assert!(guard.flush(SECOND).is_complete(), "{step}");
        crate::pipeline::failpoint::arm(step);
        for _ in 0..3 {
            Span::tool("during").in_scope(|| ());
        }
        let report = guard.flush(5 * SECOND);
        assert_eq!((report.accepted, report.delivered), (4, 4), "{step}: {report}");
        assert_eq!(status().worker_restarts, 1, "{step}");
        Span::tool("after").in_scope(|| ());
        let report = guard.shutdown(5 * SECOND);
        assert_eq!((report.accepted, report.delivered, seen.lines().len()), (5, 5, 5), "{step}: {report}");
    }
}

#[test]
fn f38_a_record_that_cannot_be_taken_in_is_counted_and_the_rest_is_not_lost() {
    let _turn = turn();
    let (seen, guard) = seen();
    crate::pipeline::failpoint::arm("take");
    for _ in 0..10 {
        Span::tool("one of ten").in_scope(|| ());
    }
    let report = guard.shutdown(SECOND);
    assert_eq!((report.accepted, report.delivered, seen.lines().len()), (10, 9, 9), "{report}");
    assert_eq!(report.dropped.by(crate::DropReason::Internal), 1);
    assert!(report.accounts[0].is_balanced());
}

/// f38: a worker that keeps panicking is not restarted again and again, and nobody waits for it longer than they said.
#[test]
fn f38_a_second_panic_within_a_minute_ends_the_attempts_but_not_the_answers() {
    let _turn = turn();
    let (_, guard) = seen();
    for _ in 0..2 {
        crate::pipeline::failpoint::arm("pump");
        Span::tool("unlucky").in_scope(|| ());
        let start = Instant::now();
        guard.flush(5 * SECOND);
        assert!(start.elapsed() < 6 * SECOND, "{:?}", start.elapsed());
    }
    Span::tool("kept").in_scope(|| ());
    let start = Instant::now();
    let report = guard.shutdown(5 * SECOND);
    assert!(start.elapsed() < 2 * SECOND, "a worker that rests answers at once: {:?}", start.elapsed());
    assert!(report.accounts[0].is_balanced(), "{report}");
}

#[test]
fn f37_a_lock_that_a_panic_has_poisoned_is_as_good_as_before() {
    let _turn = turn();
    super::running::poison();
    let (seen, guard) = seen();
    Span::tool("all the same").in_scope(|| ());
    super::running::poison();
    assert!(status().recording);
    assert!(guard.shutdown(SECOND).is_complete());
    assert_eq!(seen.lines(), ["tool all the same"]);
}
