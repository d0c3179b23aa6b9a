//! Rows f21 and f25 to f30: processes that end before anybody could prepare for it, and those that become two.

use crate::common::*;
use crate::process::{command, play, said, start};
use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::ExitStatusExt as _;

/// Another process delivers what one has left behind; says how many spans that were, and which are there then.
fn inherit(backend: &Backend, folder: &std::path::Path) -> (usize, HashSet<String>) {
    let output = play("inherit", &backend.url(), folder);
    let words = said(&output);
    let numbers: Vec<usize> = words.split_whitespace().map(|word| word.parse().unwrap()).collect();
    let [accepted, delivered] = numbers[..] else { panic!("{words} {output:?}") };
    assert_eq!(accepted, delivered, "{output:?}");
    assert!(walk(folder).is_empty(), "{:?}", walk(folder));
    let names: HashSet<String> = backend.books(|books| {
        let whole = books.spans.values().filter(|span| span.ended).count();
        assert!(whole >= delivered, "{whole} are there, {delivered} are said to be");
        books.spans.values().map(|span| span.name.clone()).collect()
    });
    (delivered, names)
}

#[test]
fn f21_what_a_panic_that_aborts_cuts_short_is_on_disk() {
    let (backend, folder) = (Backend::start(), temporary("f21"));
    backend.always(Some(Fault::Answer(503, "", "")));
    let output = play("panic", &backend.url(), &folder);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT));
    backend.always(None);
    let (delivered, names) = inherit(&backend, &folder);
    assert_eq!(delivered, 2);
    assert!(names.contains("doomed") && names.contains("done before"), "{names:?}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn f25_f26_a_process_that_ends_in_any_way_loses_nothing() {
    for scene in ["return", "exit", "abort", "overflow"] {
        let (backend, folder) = (Backend::start(), temporary("f26"));
        backend.always(Some(Fault::Answer(503, "", "")));
        let output = play(scene, &backend.url(), &folder);
        let ended = match scene {
            "return" => output.status.success(),
            "exit" => output.status.code() == Some(3),
            _ => output.status.signal() == Some(libc::SIGABRT),
        };
        assert!(ended, "{scene}: {:?}", output.status);
        backend.always(None);
        let (delivered, names) = inherit(&backend, &folder);
        assert_eq!((delivered, names.len()), (3, 3), "{scene}: {names:?}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}

fn signal(process: &std::process::Child, signal: i32) {
    // SAFETY: a plain system call; the process is our child and has not been waited for, so its number is its own.
    #[allow(unsafe_code)]
    let failed = unsafe { libc::kill(process.id() as i32, signal) };
    assert_eq!(failed, 0);
}

#[test]
fn f27_signals_are_not_ours_unless_the_program_says_so() {
    for (scene, number, delivered) in [
        ("wait", libc::SIGTERM, 0),
        ("wait", libc::SIGINT, 0),
        ("wait for delivery", libc::SIGTERM, 3),
        ("wait for delivery", libc::SIGINT, 3),
    ] {
        let (backend, folder) = (Backend::start(), temporary("f27"));
        // Until the signal nothing gets through, so that what arrives has arrived because of it.
        backend.always(Some(Fault::Answer(503, "", "")));
        let mut process = start(scene, &backend.url(), &folder);
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap() == "said: ready"));
        if delivered > 0 {
            backend.always(None);
        }
        signal(&process, number);
        let status = process.wait().unwrap();
        assert_eq!(status.signal(), Some(number), "{scene}: it ends as its parent expects");
        backend.books(|books| assert_eq!(books.spans.len(), delivered, "{scene}"));
        backend.always(None);
        let (_, names) = inherit(&backend, &folder);
        assert_eq!(names.len(), 3, "{scene}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn f27_a_signal_that_the_program_ignores_stays_ignored() {
    let (backend, folder) = (Backend::start(), temporary("f27"));
    let mut process = start("wait for delivery, deaf to SIGINT", &backend.url(), &folder);
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "said: ready"));
    // Were the first one heard, the process would end by it.
    signal(&process, libc::SIGINT);
    signal(&process, libc::SIGTERM);
    assert_eq!(process.wait().unwrap().signal(), Some(libc::SIGTERM));
    let _ = std::fs::remove_dir_all(folder);
}

/// Kills a process that records as fast as it can, and looks for every span that it had been told is accepted. Returns how many those
/// were.
fn kill_round(round: u64) -> usize {
    let (backend, folder) = (Backend::start(), temporary("f28"));
    // In turn: a backend that is well, one that is not, and one that hangs.
    backend.always(match round % 3 {
        0 => None,
        1 => Some(Fault::Answer(503, "", "")),
        _ => Some(Fault::Delay(Duration::from_millis(50))),
    });
    let mut process = start("busy", &backend.url(), &folder);
    let mut out = BufReader::new(process.stdout.take().unwrap());
    let mut text = String::new();
    while !text.contains("span-") {
        assert!(out.read_line(&mut text).unwrap() > 0, "it ended by itself");
    }
    let at = Duration::from_micros(round.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 60_000);
    let (killed, pid) = (Instant::now() + at, process.id());
    let reading = std::thread::spawn(move || {
        let mut rest = Vec::new();
        out.read_to_end(&mut rest).map(|_| (text, rest))
    });
    // The instant is the point of the test, not a wait for something.
    std::thread::sleep(killed.saturating_duration_since(Instant::now()));
    process.kill().unwrap();
    assert_eq!(process.wait().unwrap().signal(), Some(libc::SIGKILL), "process {pid}");
    let (mut text, rest) = reading.join().unwrap().unwrap();
    text.push_str(&String::from_utf8_lossy(&rest));
    // The last line may be cut.
    let whole = text.rfind('\n').unwrap_or(0);
    let accepted: HashSet<&str> = text[..whole].lines().filter(|line| line.starts_with("span-")).collect();
    backend.always(None);
    let (_, names) = inherit(&backend, &folder);
    let lost: Vec<_> = accepted.iter().filter(|name| !names.contains(**name)).collect();
    assert!(lost.is_empty(), "round {round}: {} of {} lost, {:?}", lost.len(), accepted.len(), lost.first());
    backend.books(|books| {
        let doubles = books.spans.values().filter(|span| span.times > 1).count();
        // What was under way, and what arrived between an answer and its mark.
        assert!(doubles <= 20_000, "round {round}: {doubles} spans were sent twice");
    });
    std::fs::remove_dir_all(folder).unwrap();
    accepted.len()
}

#[test]
fn f28_twenty_kills_lose_nothing_that_was_accepted() {
    let accepted: usize = (0..20).map(kill_round).sum();
    assert!(accepted > 1000, "only {accepted} spans were accepted in all rounds");
}

/// `FAULTS_ROUNDS` kills; the result is said, for docs/reliability.md.
#[test]
#[ignore = "cargo xtask soak"]
fn f28_many_kills_lose_nothing_that_was_accepted() {
    let rounds = std::env::var("FAULTS_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1000);
    let mut accepted = 0;
    for round in 0..rounds {
        accepted += kill_round(round);
        if round % 50 == 49 {
            crate::process::say(format_args!("{} kills, {accepted} accepted spans, 0 lost", round + 1));
        }
    }
    crate::process::say(format_args!("{rounds} kills, {accepted} accepted spans, 0 lost"));
}

#[test]
fn f29_both_sides_of_a_fork_deliver_their_own_and_nothing_twice() {
    for scene in ["fork, child first", "fork, parent first"] {
        let (backend, folder) = (Backend::start(), temporary("f29"));
        let output = play(scene, &backend.url(), &folder);
        let words = said(&output);
        assert!(output.status.success(), "{scene}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(words.contains("child 3 of 3") && words.contains("parent 6 of 6"), "{scene}: {words}");
        backend.books(|books| {
            assert_eq!((books.spans.len(), books.traces.len()), (9, 3), "{scene}: ids of their own");
            assert!(books.spans.values().all(|span| span.times == 1 && span.ended), "{scene}");
            assert!(books.refused.is_empty(), "{scene}: {:?}", books.refused);
        });
    }
}

#[test]
fn f30_a_program_in_our_place_inherits_no_descriptor() {
    let (backend, folder) = (Backend::start(), temporary("f30"));
    let output = play("exec", &backend.url(), &folder);
    let listing = String::from_utf8_lossy(&output.stdout).into_owned();
    let files: Vec<&str> = listing.lines().filter(|line| line.contains(" -> ")).collect();
    assert!(files.len() >= 3, "{listing}");
    for line in files {
        assert!(!line.contains("socket:") && !line.contains(".seg") && !line.contains("lock"), "{listing}");
    }
    let (_, names) = inherit(&backend, &folder);
    assert_eq!(names.len(), 4, "what was open is delivered by the next process: {names:?}");
    std::fs::remove_dir_all(folder).unwrap();
}

/// f35: without a home, without a place for the spool, with few descriptors: in memory, and delivered.
#[test]
fn f35_what_the_system_does_not_give_is_done_without() {
    let _turn = turn();
    let (backend, folder) = (Backend::start(), temporary("f35"));
    let mut homeless = command("no home", &backend.url(), &folder);
    homeless.env_clear().env("FAULTS_SCENE", "no home").env("FAULTS_URL", backend.url()).env("FAULTS_FOLDER", &folder);
    let output = homeless.output().unwrap();
    assert_eq!(said(&output), "3 of 3\n", "{}", String::from_utf8_lossy(&output.stderr));

    // A file where the folder should be.
    let file = temporary("f35-file");
    std::fs::write(&file, "in the way").unwrap();
    let guard = config(&backend.url()).spool(SpoolMode::Always).spool_dir(file.join("spool")).init().unwrap();
    trace("in memory");
    let unwritten = galileo::status().unwritten_records;
    assert_eq!(unwritten, 6, "a start and an end of three spans");
    let report = guard.shutdown(LONG);
    assert_eq!((report.accepted, report.delivered), (3, 3), "{report}");
    balanced(&report);
    std::fs::remove_file(file).unwrap();

    let program = command("deliver", &backend.url(), &folder);
    let mut limited = std::process::Command::new("sh");
    limited.args(["-c", "ulimit -n 14; exec \"$@\"", "sh"]).arg(program.get_program()).args(program.get_args());
    for (key, value) in program.get_envs() {
        value.map(|value| limited.env(key, value));
    }
    let output = limited.output().unwrap();
    assert!(said(&output).starts_with("60 delivered, 0 spooled, 0 dropped"), "{output:?}");
    let _ = std::fs::remove_dir_all(folder);
}
