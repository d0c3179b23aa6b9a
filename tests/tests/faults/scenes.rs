//! What the other processes of the rows do.

use crate::common::*;
use crate::process::{Scene, say};
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) fn play(name: &str, scene: &Scene) {
    match name {
        "panic" => panic_is_the_end(scene),
        "return" => ends(scene, || ()),
        "exit" => ends(scene, || std::process::exit(3)),
        "abort" => ends(scene, || std::process::abort()),
        "overflow" => ends(scene, || {
            std::hint::black_box(endless(&[0; 1024]));
        }),
        "busy" => busy(scene),
        "wait" => wait(scene, false, libc::SIG_DFL),
        "wait for delivery" => wait(scene, true, libc::SIG_DFL),
        "wait for delivery, deaf to SIGINT" => wait(scene, true, libc::SIG_IGN),
        "fork, child first" => fork(scene, true),
        "fork, parent first" => fork(scene, false),
        "exec" => exec(scene),
        "large" => large(scene),
        "proxied" => proxied(scene),
        "deliver" => deliver(scene),
        "no home" => no_home(scene),
        "service" => crate::services::service(scene),
        "overflowing" => overflowing(scene),
        "inherit" => inherit(scene),
        "million" => million(scene),
        "talkative" => talkative(scene),
        "f40" => done(crate::values::f40),
        "f41" => done(crate::values::f41),
        "f42" => done(crate::values::f42),
        "f43" => done(crate::values::f43),
        other => panic!("no scene `{other}`"),
    }
}

fn done(row: fn()) {
    row();
    say("done");
}

fn always(scene: &Scene) -> ConfigBuilder {
    config(&scene.url).spool(SpoolMode::Always).spool_dir(&scene.folder)
}

/// As with `panic = "abort"`: the process ends where the panic begins.
fn panic_is_the_end(scene: &Scene) {
    std::mem::forget(always(scene).init().unwrap());
    std::panic::set_hook(Box::new(|_| std::process::abort()));
    Span::workflow("doomed").in_scope(|| {
        Span::tool("done before").in_scope(|| ());
        panic!("the end");
    });
}

/// Three spans, and an end that nobody prepared for.
fn ends(scene: &Scene, end: impl FnOnce()) {
    std::mem::forget(always(scene).init().unwrap());
    trace("unprepared");
    end();
}

#[allow(unconditional_recursion, reason = "this is how a stack overflows")]
fn endless(frame: &[u8; 1024]) -> u8 {
    let mut next = [frame[0]; 1024];
    next[usize::from(frame[1])] = 1;
    let deeper = endless(std::hint::black_box(&next));
    deeper.wrapping_add(next[2])
}

/// Two threads that record as fast as they can. The name of each span is said once the span has been accepted.
fn busy(scene: &Scene) {
    std::mem::forget(always(scene).init().unwrap());
    static NEXT: AtomicU64 = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let mut lines = String::from("\n");
                    for _ in 0..20 {
                        let name = format!("span-{}", NEXT.fetch_add(1, Ordering::Relaxed));
                        Span::tool(&name).input("some words for it").in_scope(|| ());
                        lines.push_str(&name);
                        lines.push('\n');
                    }
                    // One write, so that lines of two threads do not mix; shorter than what a pipe takes at once.
                    let mut out = std::io::stdout().lock();
                    if out.write_all(lines.as_bytes()).and_then(|()| out.flush()).is_err() {
                        return;
                    }
                }
            });
        }
    });
}

/// Records, says so, and goes on until a signal comes.
fn wait(scene: &Scene, for_delivery: bool, interrupt: libc::sighandler_t) {
    // A shell starts background jobs deaf to SIGINT; here it is as the row says, whoever runs the test.
    // SAFETY: a plain system call, before any other thread is interested in signals.
    #[allow(unsafe_code)]
    let before = unsafe { libc::signal(libc::SIGINT, interrupt) };
    assert_ne!(before, libc::SIG_ERR);
    let config = always(scene);
    let guard = if for_delivery { config.flush_on_signal().init() } else { config.init() };
    trace("signalled");
    say("ready");
    std::thread::sleep(LONG);
    drop(guard);
}

/// Both sides of a fork record; each delivers its own.
fn fork(scene: &Scene, child_first: bool) {
    let guard = config(&scene.url).init().unwrap();
    trace("before the fork");
    // The hand-off is full of what only the parent may send.
    let (read, write) = std::io::pipe().unwrap();
    // SAFETY: the child only goes on with this thread, as it does in programs that fork their workers.
    #[allow(unsafe_code)]
    let child = unsafe { libc::fork() };
    if child == 0 {
        drop(write);
        if !child_first {
            // The end of the parent closes the pipe.
            let _ = std::io::copy(&mut &read, &mut std::io::sink());
        }
        trace("child");
        let report = guard.shutdown(LONG);
        say(format_args!("child {} of {}", report.delivered, report.accepted));
        // SAFETY: ends the process at once, without what the test runner of the parent would do.
        #[allow(unsafe_code)]
        unsafe {
            libc::_exit(0)
        }
    }
    drop(read);
    let wait = || {
        let mut status = 0;
        // SAFETY: waits for the process that was made above; `status` is there for its answer.
        #[allow(unsafe_code)]
        let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!((waited, status), (child, 0));
    };
    if child_first {
        wait();
    }
    trace("parent");
    let report = guard.shutdown(LONG);
    say(format_args!("parent {} of {}", report.delivered, report.accepted));
    drop(write);
    if !child_first {
        wait();
    }
}

/// A program that is put in the place of this one sees none of our files and connections.
fn exec(scene: &Scene) {
    let guard = always(scene).init().unwrap();
    trace("before");
    guard.flush(LONG);
    trace("open files and connections");
    let error =
        std::os::unix::process::CommandExt::exec(std::process::Command::new("ls").args(["-l", "/proc/self/fd"]));
    panic!("{error}");
}

fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Arguments of 100 MB, in three shapes.
fn large(scene: &Scene) {
    #[galileo::log(span_type = "tool")]
    fn text(text: &str) -> usize {
        text.len()
    }
    #[galileo::log(span_type = "tool")]
    fn numbers(numbers: &[u64]) -> usize {
        numbers.len()
    }
    #[galileo::log(span_type = "tool")]
    fn nested(words: &[Vec<String>]) -> usize {
        words.len()
    }
    let guard = config(&scene.url).init().unwrap();
    let (long, many) = ("x".repeat(100_000_000), vec![7_u64; 12_500_000]);
    let deep = vec![vec!["word".repeat(250); 100]; 1000];
    // The first call of each makes what is kept for the others.
    let _first = (text("small"), numbers(&[1]), nested(&[]));
    assert!(guard.flush(LONG).is_complete());
    let before = peak();
    let mut slowest = Duration::ZERO;
    for _ in 0..5 {
        let start = Instant::now();
        assert_eq!((text(&long), numbers(&many), nested(&deep)), (100_000_000, 12_500_000, 1000));
        slowest = slowest.max(start.elapsed());
    }
    let grown = peak() - before;
    let report = guard.shutdown(LONG);
    say(format_args!("{grown} {} {}", slowest.as_micros(), report.delivered));
}

/// Delivers through whatever proxy the environment names.
fn proxied(scene: &Scene) {
    let guard = config(&scene.url).allow_http(true).request_timeout(Duration::from_secs(5)).init().unwrap();
    trace("by way of a proxy");
    let report = guard.shutdown(Duration::from_secs(2));
    say(format_args!("{} of {}", report.delivered, report.accepted));
}

/// Records with the settings of the environment, waits for delivery, and says what became of it.
fn deliver(scene: &Scene) {
    let guard = config(&scene.url).log_level(galileo::config::LogLevel::Warn).allow_http(true);
    let guard = guard.spool(SpoolMode::OnFailure).spool_dir(&scene.folder).init().unwrap();
    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        let start = Instant::now();
        trace("careful");
        slowest = slowest.max(start.elapsed());
    }
    let report = guard.shutdown(Duration::from_millis(900));
    balanced(&report);
    say(format_args!(
        "{} delivered, {} spooled, {} dropped; a call took {} ms",
        report.delivered,
        report.spooled,
        report.dropped.total(),
        slowest.as_millis()
    ));
}

fn no_home(scene: &Scene) {
    let guard = Config::builder().without_dotenv().mode(Mode::Batch).api_url(&scene.url).init().unwrap();
    trace("homeless");
    let report = guard.shutdown(Duration::from_secs(5));
    balanced(&report);
    say(format_args!("{} of {}", report.delivered, report.accepted));
}

/// More than the memory takes while the backend is away.
fn overflowing(scene: &Scene) {
    let guard = config(&scene.url).log_level(galileo::config::LogLevel::Warn).queue_bytes(64 << 10).init().unwrap();
    for _ in 0..3000 {
        trace("too much");
    }
    let report = guard.shutdown(SHORT);
    balanced(&report);
    say(format_args!("{} {}", report.accepted, report.dropped.total()));
}

/// Delivers what another process has left.
fn inherit(scene: &Scene) {
    // Nobody else adds to these traces.
    let guard = always(scene).trace_linger(Duration::from_millis(20)).init().unwrap();
    let report = guard.shutdown(LONG);
    balanced(&report);
    say(format_args!("{} {}", report.accepted, report.delivered));
}

/// Everything that there is to say.
fn talkative(scene: &Scene) {
    let guard = config(&scene.url).log_level(galileo::config::LogLevel::Debug).init().unwrap();
    trace("talk");
    balanced(&guard.shutdown(SHORT));
}

/// A million spans, in ten seconds or as fast as the machine can, for a backend that is not there.
fn million(scene: &Scene) {
    let guard = config(&scene.url).spool(SpoolMode::OnFailure).spool_dir(&scene.folder).init().unwrap();
    trace("warm");
    guard.flush(SHORT);
    let (before, start) = (peak(), Instant::now());
    for round in 0..333_333_u64 {
        trace("nobody is there");
        if round % 333 == 0 {
            let due = Duration::from_millis(round / 33);
            std::thread::sleep(due.saturating_sub(start.elapsed()));
        }
    }
    let grown = peak() - before;
    let report = guard.shutdown(LONG);
    balanced(&report);
    say(format_args!("{grown} KiB more memory at most; {report}"));
}
