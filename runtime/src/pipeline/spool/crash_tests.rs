//! A process that is killed before, in or after any call to the file system, and calls that fail.

use std::cell::RefCell;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::journal_tests::{Bench, inherited};
use super::*;
use crate::model::random_u64;
use crate::pipeline::failpoint;

fn temporary() -> PathBuf {
    std::env::temp_dir().join(format!("galileo-crash-{}-{:x}", std::process::id(), random_u64()))
}

fn spool(folder: &Path) -> Spool {
    let settings = SpoolSettings {
        mode: SpoolMode::OnFailure,
        folder: Some(folder.to_owned()),
        max_bytes: 1 << 20,
        max_age: Duration::from_secs(3600),
    };
    // Segments of 4 KiB.
    Spool::in_folder(&settings, "test-1").unwrap().within(0)
}

fn read_all(spool: &mut Spool) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    while let Some(batch) = spool.next_batch() {
        all.extend(batch.records.iter().cloned());
        spool.finish(&batch);
    }
    all
}

/// Runs `life` again and again, killed one call later each time, until it comes to its end; after each `check`.
fn killed_everywhere(mut life: impl FnMut(), mut check: impl FnMut(u32)) -> u32 {
    for calls in 0.. {
        failpoint::crash_after(Some(calls));
        let ended = catch_unwind(AssertUnwindSafe(&mut life)).is_ok();
        failpoint::crash_after(None);
        check(calls);
        if ended {
            return calls;
        }
    }
    unreachable!("it never ends")
}

#[test]
fn f53_a_spool_that_is_killed_between_any_two_calls_loses_nothing() {
    let folder = RefCell::new(temporary());
    let (kept, finished) = (RefCell::new(Vec::new()), RefCell::new(HashSet::new()));
    let life = || {
        *folder.borrow_mut() = temporary();
        kept.borrow_mut().clear();
        finished.borrow_mut().clear();
        let mut spool = spool(&folder.borrow());
        for round in 0..3_u8 {
            for number in 0..4_u8 {
                let record = [round, number].repeat(700);
                if spool.append(&record) {
                    kept.borrow_mut().push(record);
                }
            }
            if let Some(batch) = spool.next_batch() {
                // From here on the fate of these is decided; they may come again, and need not.
                finished.borrow_mut().extend(batch.records.iter().cloned());
                spool.finish(&batch);
            }
        }
        spool.shut_down();
    };
    let calls = killed_everywhere(life, |calls| {
        let mut next = spool(&folder.borrow());
        next.adopt();
        let found = read_all(&mut next);
        next.shut_down();
        let all: HashSet<&Vec<u8>> = found.iter().collect();
        assert_eq!(all.len(), found.len(), "killed after {calls}: a record twice in one spool");
        for record in kept.borrow().iter().filter(|record| !finished.borrow().contains(*record)) {
            assert!(all.contains(record), "killed after {calls}: {:?} is lost", &record[..2]);
        }
        let mut again = spool(&folder.borrow());
        again.adopt();
        assert!(again.is_empty(), "killed after {calls}: it is delivered once");
        let _ = std::fs::remove_dir_all(&*folder.borrow());
    });
    assert!(calls > 20, "only {calls} calls");
}

#[test]
fn f53_a_journal_that_is_killed_between_any_two_calls_loses_nothing() {
    let (settings, kept) = (RefCell::new(None), RefCell::new(Vec::new()));
    let life = || {
        let mut bench = Bench::new();
        *settings.borrow_mut() = Some(bench.settings.clone());
        kept.borrow_mut().clear();
        bench.journal.set_segment_bytes(2048);
        let value = "x".repeat(400);
        for _ in 0..4 {
            let done = bench.span(&value);
            let open = bench.span(&value);
            kept.borrow_mut().push(open);
            bench.done(&[done]);
        }
    };
    let calls = killed_everywhere(life, |calls| {
        let settings = settings.borrow().clone().unwrap();
        // The one who takes over is killed as well, at each of its calls, until it has done it.
        let takes = || {
            recover(&settings);
        };
        killed_everywhere(takes, |_| ());
        let found: HashSet<_> = inherited(&settings, "test-1").into_iter().map(|(id, _)| id).collect();
        for span in kept.borrow().iter() {
            assert!(found.contains(span), "killed after {calls}: a span is lost");
        }
        let _ = std::fs::remove_dir_all(settings.folder.unwrap());
    });
    assert!(calls > 20, "only {calls} calls");
}

#[test]
fn f51_a_call_that_fails_closes_the_file_and_nothing_else() {
    for call in ["write", "create", "folder", "lock", "sync"] {
        let folder = temporary();
        let mut spool = spool(&folder);
        let mut kept = Vec::new();
        for number in 0..20_u8 {
            // Before the first record, and in the middle.
            if number == 0 || number == 10 {
                failpoint::fail(call);
            }
            let record = [number].repeat(700);
            if spool.append(&record) {
                kept.push(record);
            }
        }
        assert!(kept.len() >= 18, "{call}: {} of 20", kept.len());
        assert_eq!(read_all(&mut spool), kept, "{call}");
        spool.shut_down();
        failpoint::fail("nothing more");
        let _ = std::fs::remove_dir_all(folder);
    }
}

#[test]
fn f51_a_file_that_cannot_be_deleted_is_sent_again_and_not_for_ever() {
    let folder = temporary();
    let mut spool = spool(&folder);
    assert!(spool.append(b"stays"));
    failpoint::fail("delete");
    assert_eq!(read_all(&mut spool), [b"stays"]);
    assert!(spool.next_batch().is_none(), "this process is done with it");
    drop(spool);
    let mut next = self::spool(&folder);
    next.adopt();
    assert_eq!(read_all(&mut next), [b"stays"], "the next one cannot know");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn f57_without_locks_there_is_no_spool() {
    let folder = temporary();
    let mut spool = spool(&folder);
    failpoint::fail("lock");
    assert!(!spool.append(b"in memory"), "a folder that others may adopt under our hands is none to write to");
    assert!(spool.is_empty());
    assert!(spool.append(b"the next folder can be locked"));
    let _ = std::fs::remove_dir_all(folder);
}
