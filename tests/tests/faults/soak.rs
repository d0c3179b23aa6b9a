//! What takes too long for every change: `cargo xtask soak`. The figures that these say go into docs/reliability.md.

use crate::common::*;
use crate::process::{play, said, say};
use std::sync::atomic::{AtomicBool, Ordering};

fn minutes() -> Duration {
    let text = std::env::var("FAULTS_MINUTES").ok();
    Duration::from_secs_f64(text.and_then(|text| text.parse::<f64>().ok()).unwrap_or(30.0) * 60.0)
}

fn resident() -> u64 {
    let status = fs_line("VmRSS:");
    status.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn fs_line(name: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    status.lines().find(|line| line.starts_with(name)).unwrap().to_owned()
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// A thousand spans a second while the backend does whatever comes to its mind; in the end both books agree.
#[test]
#[ignore = "cargo xtask soak"]
fn g20_random_faults_for_as_long_as_one_likes() {
    let _turn = turn();
    let folder = temporary("soak");
    let backend = Backend::start();
    backend.forget_bodies();
    let config = config(&backend.url()).mode(Mode::Distributed).spool(SpoolMode::Always).spool_dir(&folder);
    let guard = config.queue_bytes(8 << 20).request_timeout(Duration::from_secs(1)).trace_linger(SHORT).init().unwrap();
    let stop = AtomicBool::new(false);
    let (start, length) = (Instant::now(), minutes());
    let (mut spans, mut changes, mut samples, mut slow) = (0_u64, 0_u32, Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        let moods = scope.spawn(|| {
            let mut state = std::process::id();
            let mut moods = 0;
            while !stop.load(Ordering::Relaxed) {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                backend.always(match state >> 28 {
                    0 => Some(Fault::Answer(503, "", "")),
                    1 => Some(Fault::Answer(429, "", "retry-after: 1\r\n")),
                    2 => Some(Fault::ResetBefore),
                    3 => Some(Fault::ResetIn(100)),
                    4 => Some(Fault::LoseAnswer),
                    5 => Some(Fault::CutAnswer),
                    6 => Some(Fault::Delay(Duration::from_millis(1500))),
                    7 => Some(Fault::Old),
                    _ => None,
                });
                moods += 1;
                std::thread::sleep(Duration::from_millis(u64::from(state >> 8) % 3000));
            }
            backend.always(None);
            moods
        });
        while start.elapsed() < length {
            let tick = Instant::now();
            for _ in 0..10 {
                let call = Instant::now();
                trace("soak");
                slow.push(call.elapsed().as_nanos() as u64 / 3);
                spans += 3;
            }
            if slow.len() > 200_000 {
                slow.sort_unstable();
                slow.dedup_by_key(|nanos| *nanos / 50);
            }
            if spans % 30_000 == 0 {
                samples.push((start.elapsed().as_secs(), resident(), descriptors()));
            }
            std::thread::sleep(Duration::from_millis(30).saturating_sub(tick.elapsed()));
        }
        stop.store(true, Ordering::Relaxed);
        changes = moods.join().unwrap();
    });
    let ending = Instant::now();
    let report = guard.shutdown(Duration::from_secs(120));
    // A completion whose answer was lost is sent again, so the books may have it twice.
    let again = backend.books(|books| books.completed_again);
    say(format_args!("soak: {report}; ended after {:?}; {again} completions came twice", ending.elapsed()));
    balanced(&report);
    assert_eq!((report.accepted, report.delivered), (spans, spans), "{report}");
    let there = backend.books(|books| books.spans.len() as u64);
    assert_eq!(there, spans);
    slow.sort_unstable();
    let (first, last) = (samples.first().copied().unwrap_or_default(), samples.last().copied().unwrap_or_default());
    say(format_args!(
        "soak: {:.1} min, {changes} changes of mood, {spans} spans, all delivered, 0 dropped; slowest call a span {} us; descriptors \
         {} to {}; resident {} to {} KiB, the test backend's books of every span included",
        length.as_secs_f64() / 60.0,
        slow.last().copied().unwrap_or_default() / 1000,
        first.2,
        last.2,
        first.1,
        last.1,
    ));
    assert!(walk(&folder).is_empty(), "{:?}", walk(&folder));
    std::fs::remove_dir_all(folder).unwrap();
}

/// g4: how soon spans flow again when the backend is back, and how fast.
#[test]
#[ignore = "cargo xtask soak"]
fn g04_ten_thousand_spans_are_drained_in_ten_seconds() {
    let _turn = turn();
    let folder = temporary("g04");
    let backend = Backend::start();
    backend.always(Some(Fault::Answer(503, "", "")));
    let guard = config(&backend.url()).spool(SpoolMode::OnFailure).spool_dir(&folder).init().unwrap();
    for _ in 0..3334 {
        trace("backlog");
    }
    guard.flush(Duration::from_secs(1));
    let back = Instant::now();
    backend.always(None);
    let report = guard.shutdown(Duration::from_secs(60));
    all_arrived(&report, &backend, 10_002);
    say(format_args!("10,002 spans were delivered {:?} after the backend was back", back.elapsed()));
    assert!(back.elapsed() < Duration::from_secs(10));
    let _ = std::fs::remove_dir_all(folder);
}

/// g8: memory while a million spans find no backend.
#[test]
#[ignore = "cargo xtask soak"]
fn g08_a_million_spans_with_the_backend_down() {
    let _turn = turn();
    let folder = temporary("g08");
    let output = play("million", "http://127.0.0.1:1", &folder);
    let words = said(&output);
    say(words.trim());
    let grown: u64 = words.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(u64::MAX);
    assert!(grown <= 40 << 10, "{words} {output:?}");
    let _ = std::fs::remove_dir_all(folder);
}
