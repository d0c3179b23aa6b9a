//! Rows f01 to f20: the backend and the network.

use crate::common::*;

#[test]
fn f01_backend_down_at_start() {
    let _turn = turn();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let start = Instant::now();
    let guard = config(&format!("http://{address}")).init().unwrap();
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    trace("early");
    let report = guard.flush(SHORT);
    assert_eq!((report.delivered, report.queued), (0, 3));
    let backend = Backend::on(TcpListener::bind(address).unwrap());
    all_arrived(&guard.shutdown(LONG), &backend, 3);
}

#[test]
fn f02_backend_stops_and_comes_back() {
    let _turn = turn();
    let backend = Backend::start();
    let address = backend.address();
    let guard = config(&backend.url()).init().unwrap();
    trace("before");
    assert!(guard.flush(LONG).is_complete());
    backend.books(|books| assert_eq!(books.spans.len(), 3));
    drop(backend);
    trace("during");
    assert_eq!(guard.flush(SHORT).queued, 3);
    let backend = Backend::on(TcpListener::bind(address).unwrap());
    let report = guard.shutdown(LONG);
    assert_eq!((report.accepted, report.delivered), (6, 6), "{report}");
    backend.books(|books| assert_eq!(books.spans.len(), 3));
}

#[test]
fn f04_answers_that_take_too_long_free_the_connection() {
    let _turn = turn();
    let backend = Backend::start();
    backend.faults([Fault::Delay(Duration::from_millis(1500))]);
    let guard = config(&backend.url()).request_timeout(Duration::from_millis(300)).init().unwrap();
    trace("slow");
    let report = guard.shutdown(LONG);
    // The slow request was stored too; ids make it the same trace.
    all_arrived(&report, &backend, 3);
}

#[test]
fn f05_retry_after_is_respected() {
    let _turn = turn();
    for (lines, least) in [
        ("retry-after: 1\r\n", 1.0),
        ("retry-after: 0\r\n", 0.0),
        ("retry-after: -3\r\n", 0.0),
        ("retry-after: soon\r\n", 0.0),
        ("", 0.0),
    ] {
        let backend = Backend::start();
        backend.faults([Fault::Answer(429, "", lines)]);
        let guard = config(&backend.url()).init().unwrap();
        trace("patient");
        let report = guard.shutdown(LONG);
        all_arrived(&report, &backend, 3);
        let times: Vec<Instant> = backend.data_requests().iter().map(|(at, ..)| *at).collect();
        let wait = times[1] - times[0];
        assert!(wait.as_secs_f64() >= least, "{lines:?}: {wait:?}");
        assert!(wait.as_secs_f64() < least * 2.0 + 2.0, "{lines:?}: {wait:?}");
    }
}

#[test]
fn f05_a_wish_is_not_shortened_by_a_flush() {
    let _turn = turn();
    let backend = Backend::start();
    backend.always(Some(Fault::Answer(503, "", "retry-after: 60\r\n")));
    let guard = config(&backend.url()).init().unwrap();
    trace("patient");
    for _ in 0..5 {
        assert_eq!(guard.flush(Duration::from_millis(200)).queued, 3);
    }
    assert_eq!(backend.data_requests().len(), 1);
    let report = guard.shutdown(Duration::from_millis(100));
    assert_eq!(report.dropped.by(DropReason::Shutdown), 3);
    books_agree(&report, &backend);
}

#[test]
fn f06_every_transient_status_is_retried() {
    let _turn = turn();
    let backend = Backend::start();
    backend.faults([500, 502, 503, 504, 408, 425].map(|status| Fault::Answer(status, "<html>busy</html>", "")));
    let guard = config(&backend.url()).init().unwrap();
    trace("stubborn");
    all_arrived(&guard.shutdown(LONG), &backend, 3);
    assert_eq!(backend.data_requests().len(), 7);
}

#[test]
fn f07_resets_before_in_and_after_the_body() {
    let _turn = turn();
    let cuts = [0, 1, 10, 100, 500, 100_000].map(Fault::ResetIn);
    for fault in cuts.into_iter().chain([Fault::ResetBefore, Fault::CutAnswer, Fault::LoseAnswer]) {
        let backend = Backend::start();
        backend.faults([fault.clone()]);
        let guard = config(&backend.url()).init().unwrap();
        trace("reset");
        all_arrived(&guard.shutdown(LONG), &backend, 3);
        assert!(backend.data_requests().len() >= 2, "{fault:?}");
    }
}

#[test]
fn f08_too_large_requests_are_halved_and_a_single_span_is_cut() {
    let _turn = turn();
    let backend = Backend::start();
    backend.max_body(6_000);
    let guard = config(&backend.url()).init().unwrap();
    for index in 0..40 {
        trace(&format!("trace {index}"));
    }
    let text = "long ".repeat(4_000);
    Span::tool("large").input(&text).in_scope(|| ());
    let report = guard.shutdown(LONG);
    all_arrived(&report, &backend, 121);
    let shown = backend.books(|books| books.spans.values().find(|span| span.name == "large").unwrap().body.clone());
    assert!(shown["input"].as_str().unwrap().contains("bytes cut]"), "{shown}");
}

#[test]
fn f09_a_rotated_key_costs_no_span_and_a_wrong_one_keeps_them() {
    let _turn = turn();
    let backend = Backend::start();
    backend.faults([Fault::Answer(401, "{\"detail\":\"expired\"}", "")]);
    let guard = config(&backend.url()).init().unwrap();
    trace("rotated");
    all_arrived(&guard.shutdown(LONG), &backend, 3);
    let logins =
        backend.books(|books| books.requests.iter().filter(|(_, what, _)| what.starts_with("POST /login")).count());
    assert_eq!(logins, 2, "one more login, not one a request");

    let backend = Backend::start();
    backend.login_faults([401, 401, 401, 401]);
    let guard = config(&backend.url()).init().unwrap();
    trace("kept");
    let report = guard.flush(SHORT);
    assert_eq!((report.queued, report.dropped.total()), (3, 0));
    backend.login_faults([]);
    drop(guard.shutdown(SHORT));
}

#[test]
fn f10_a_bad_record_is_dropped_alone() {
    let _turn = turn();
    let backend = Backend::start();
    backend.poison("bad");
    let guard = config(&backend.url()).init().unwrap();
    trace("good");
    Span::workflow("bad").in_scope(|| Span::tool("child of bad").in_scope(|| ()));
    trace("good too");
    let report = guard.shutdown(LONG);
    assert_eq!((report.accepted, report.delivered, report.dropped.by(DropReason::Rejected)), (8, 7, 1), "{report}");
    books_agree(&report, &backend);
    backend.books(|books| assert!(books.spans.values().any(|span| span.name == "child of bad")));
}

#[test]
fn f10_a_parent_that_comes_late_is_waited_for() {
    let _turn = turn();
    let backend = Backend::start();
    let guard = config(&backend.url()).mode(Mode::Distributed).init().unwrap();
    let (trace, parent) = (galileo::TraceId::random(), galileo::SpanId::random());
    let mut headers = http::HeaderMap::new();
    headers.insert("x-galileo-trace-id", trace.to_string().parse().unwrap());
    headers.insert("x-galileo-parent-id", parent.to_string().parse().unwrap());
    let context = galileo::Context::extract(&headers);
    context.wrap(|| Span::workflow("downstream").in_scope(|| ()))();
    let report = guard.flush(SHORT);
    assert_eq!((report.delivered, report.queued), (0, 1), "{report}");
    backend.know(&trace.to_string(), &parent.to_string());
    let report = guard.shutdown(LONG);
    assert_eq!((report.delivered, report.dropped.total()), (1, 0), "{report}");
    backend.books(|books| {
        assert!(!books.traces[&trace.to_string()], "the trace is not ours to complete");
        assert!(books.spans.values().any(|span| span.name == "downstream" && span.parent == parent.to_string()));
    });
}

#[test]
fn f11_bodies_that_make_no_sense_do_not_matter_once_the_status_is_there() {
    let _turn = turn();
    for fault in [
        Fault::Answer(200, "{\"truncated\": ", ""),
        Fault::Answer(200, "<html>welcome</html>", "content-type: text/html\r\n"),
        Fault::Answer(204, "", ""),
        Fault::Answer(200, "", ""),
        Fault::Endless,
    ] {
        let backend = Backend::start();
        backend.faults([fault.clone()]);
        let guard = config(&backend.url()).init().unwrap();
        trace("odd");
        let start = Instant::now();
        let report = guard.shutdown(LONG);
        assert_eq!((report.delivered, backend.data_requests().len()), (3, 1), "{fault:?}: {report}");
        assert!(start.elapsed() < Duration::from_secs(10), "{fault:?} was read for {:?}", start.elapsed());
    }
}

#[test]
fn f12_redirects_to_another_host_are_not_followed() {
    let _turn = turn();
    let elsewhere = Backend::start();
    for status in [301, 302, 303, 307, 308] {
        let backend = Backend::start();
        let lines: &'static str = Box::leak(format!("location: {}/v2/x\r\n", elsewhere.url()).into_boxed_str());
        backend.always(Some(Fault::Answer(status, "", lines)));
        let guard = config(&backend.url()).init().unwrap();
        trace("loyal");
        let report = guard.shutdown(SHORT);
        assert_eq!(report.delivered, 0, "{status}");
        books_agree(&report, &backend);
    }
    elsewhere.books(|books| assert!(books.requests.is_empty() && books.keys.is_empty(), "{:?}", books.requests));
}

#[test]
fn f13_plain_http_behind_an_https_address_is_a_network_error() {
    let _turn = turn();
    let backend = Backend::start();
    let guard = config(&backend.url().replace("http:", "https:")).init().unwrap();
    trace("careful");
    let report = guard.shutdown(SHORT);
    assert_eq!((report.delivered, report.dropped.by(DropReason::Shutdown)), (0, 3));
    backend.books(|books| assert!(books.keys.is_empty(), "the key was sent without encryption"));
}

#[test]
fn f16_the_deadline_holds_for_a_drip_of_bytes() {
    let _turn = turn();
    let backend = Backend::start();
    backend.faults([Fault::Drip(Duration::from_millis(100))]);
    let guard = config(&backend.url()).request_timeout(Duration::from_millis(500)).init().unwrap();
    trace("slow");
    let start = Instant::now();
    all_arrived(&guard.shutdown(LONG), &backend, 3);
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}

#[test]
fn f17_a_connection_that_was_closed_while_idle_costs_nothing() {
    let _turn = turn();
    let backend = Backend::start();
    let guard = config(&backend.url()).init().unwrap();
    for index in 0..5 {
        backend.faults([Fault::CloseAfter]);
        trace(&format!("trace {index}"));
        assert!(guard.flush(LONG).is_complete());
    }
    all_arrived(&guard.shutdown(LONG), &backend, 15);
}

#[test]
fn f18_old_and_odd_servers_work() {
    let _turn = turn();
    for fault in [Fault::Old, Fault::Odd] {
        let backend = Backend::start();
        backend.always(Some(fault));
        let guard = config(&backend.url()).init().unwrap();
        trace("one");
        assert!(guard.flush(LONG).is_complete());
        trace("two");
        all_arrived(&guard.shutdown(LONG), &backend, 6);
    }
}

#[test]
fn f20_a_lost_answer_stores_nothing_twice() {
    let _turn = turn();
    for mode in [Mode::Batch, Mode::Distributed] {
        let backend = Backend::start();
        backend.faults([Fault::LoseAnswer, Fault::LoseAnswer]);
        let guard = config(&backend.url()).mode(mode).init().unwrap();
        trace("twice");
        all_arrived(&guard.shutdown(LONG), &backend, 3);
    }
}

#[test]
fn d16_a_backend_that_refuses_groups_gets_single_spans() {
    let _turn = turn();
    for mode in [Mode::Batch, Mode::Distributed] {
        let backend = Backend::start();
        backend.refuse_groups();
        let guard = config(&backend.url()).mode(mode).init().unwrap();
        trace("one");
        trace("two");
        all_arrived(&guard.flush(LONG), &backend, 6);
        let before = backend.books(|books| books.refused.len());
        trace("three");
        all_arrived(&guard.shutdown(LONG), &backend, 9);
        let after = backend.books(|books| books.refused.len());
        assert_eq!(before, after, "it was found out once");
    }
}

#[test]
fn d4_work_that_outlives_its_trace_goes_into_a_linked_one() {
    let _turn = turn();
    let backend = Backend::start();
    let guard = config(&backend.url()).mode(Mode::Distributed).trace_linger(Duration::from_millis(50)).init().unwrap();
    let context = Span::workflow("request").in_scope(galileo::Context::current);
    assert!(guard.flush(LONG).is_complete());
    let first = backend.books(|books| books.traces.keys().next().unwrap().clone());
    context.wrap(|| Span::tool("late").in_scope(|| ()))();
    let report = guard.shutdown(LONG);
    assert_eq!((report.accepted, report.delivered), (2, 2), "{report}");
    backend.books(|books| {
        let late = books.spans.values().find(|span| span.name == "late").unwrap();
        assert_ne!(late.trace, first);
        assert!(books.traces[&late.trace], "it is complete as well");
    });
}

/// Ten minutes by the clock on the wall; the same with a clock that is turned is a unit test of the Galileo exporter.
#[test]
#[ignore = "cargo xtask soak"]
fn f03_ten_minutes_of_outage_in_real_time() {
    let _turn = turn();
    let folder = temporary("f03");
    let backend = Backend::start();
    backend.always(Some(Fault::Answer(503, "", "")));
    let config = config(&backend.url()).spool(SpoolMode::OnFailure).spool_dir(&folder);
    let guard = config.queue_bytes(4 << 20).init().unwrap();
    let start = Instant::now();
    let mut spans = 0;
    while start.elapsed() < Duration::from_secs(600) {
        for _ in 0..10 {
            trace("during the outage");
            spans += 3;
        }
        std::thread::sleep(Duration::from_millis(300));
    }
    let requests = backend.data_requests().len();
    assert!(requests <= 60, "{requests} requests in ten minutes");
    backend.always(None);
    let back = Instant::now();
    let report = guard.shutdown(Duration::from_secs(120));
    all_arrived(&report, &backend, spans);
    crate::process::say(format_args!("{spans} spans, {requests} requests, delivered in {:?}", back.elapsed()));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
#[cfg(unix)]
fn f13_a_certificate_that_is_not_right_stops_everything_until_it_is() {
    use crate::process::{command, said};
    use galileo_tests::tls::{Authority, Door, self_signed};
    let (authority, stranger) = (Authority::new("known").unwrap(), Authority::new("unknown").unwrap());
    let (folder, backend) = (temporary("f13"), Backend::start());
    std::fs::create_dir_all(&folder).unwrap();
    let trusted = folder.join("trusted.pem");
    std::fs::write(&trusted, authority.pem()).unwrap();
    let spool = folder.join("spool");
    let url = backend.url().replace("http:", "https:");
    let play = || command("deliver", &url, &spool).env("SSL_CERT_FILE", &trusted).output().unwrap();
    let rows = [
        ("self-signed", self_signed("127.0.0.1").unwrap(), "certificate"),
        ("by an authority that nobody knows", stranger.door("127.0.0.1", true).unwrap(), "UnknownIssuer"),
        ("expired", authority.door("127.0.0.1", false).unwrap(), "expired"),
        ("for another name", authority.door("example.com", true).unwrap(), "not valid for name"),
        ("an old version", Door::OldVersion, "ProtocolVersion"),
        ("cut in the handshake", Door::Cut, "reset|eof"),
    ];
    let mut spans = 0;
    for (wrong, door, reason) in rows {
        let before = backend.connections();
        backend.door(Some(door));
        let output = play();
        spans += 60;
        assert!(said(&output).starts_with("0 delivered, 60 spooled, 0 dropped"), "{wrong}: {output:?}");
        assert!(backend.connections() >= before + 2, "{wrong}: it is tried again");
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        let messages: Vec<&str> = words.lines().filter(|line| line.contains("cannot be reached")).collect();
        assert_eq!(messages.len(), 1, "{wrong}: {words}");
        assert!(reason.split('|').any(|reason| messages[0].contains(reason)), "{wrong}: {words}");
        backend.books(|books| assert!(books.keys.is_empty() && books.requests.is_empty(), "{wrong}: {books:?}"));
    }
    backend.door(Some(authority.door("127.0.0.1", true).unwrap()));
    let output = play();
    spans += 60;
    let words = said(&output);
    assert!(words.starts_with(&format!("{spans} delivered, 0 spooled, 0 dropped")), "{words} {output:?}");
    backend.books(|books| assert_eq!(books.spans.len(), spans));
    std::fs::remove_dir_all(folder).unwrap();
}

/// The scene in a network of its own, which has nothing but what `prepare` makes; `None` where the system does not allow that.
#[cfg(unix)]
fn in_a_network_of_its_own(prepare: &str, url: &str, folder: &std::path::Path) -> Option<std::process::Output> {
    use crate::process::command;
    let allowed = std::process::Command::new("unshare").args(["-n", "-m", "true"]).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        crate::process::say("NOT RUN here: this row needs the right to make namespaces (root, Linux)");
        return None;
    }
    let program = command("deliver", url, folder);
    let mut inside = std::process::Command::new("unshare");
    inside.args(["-n", "-m", "sh", "-c", &format!("{prepare}; exec \"$@\""), "sh"]);
    inside.arg(program.get_program()).args(program.get_args());
    for (key, value) in program.get_envs() {
        value.map(|value| inside.env(key, value));
    }
    Some(inside.output().unwrap())
}

#[test]
#[cfg(unix)]
fn f14_a_name_that_cannot_be_resolved_costs_no_call_anything() {
    use crate::process::{play, said};
    let folder = temporary("f14");
    let fine = |output: &std::process::Output, row: &str| {
        let words = said(output);
        assert!(words.starts_with("0 delivered, 60 spooled, 0 dropped"), "{row}: {words} {output:?}");
        let slowest: u64 = words.trim().trim_end_matches(" ms").rsplit(' ').next().unwrap().parse().unwrap();
        assert!(slowest < 100, "{row}: {words}");
    };
    fine(&play("deliver", "http://no-such-host.invalid", &folder.join("1")), "a name that does not exist");
    std::fs::create_dir_all(&folder).unwrap();
    let resolver = folder.join("resolv.conf");
    std::fs::write(&resolver, "nameserver 127.0.0.1\noptions timeout:10 attempts:2\n").unwrap();
    let mount = format!("mount --bind {} /etc/resolv.conf", resolver.display());
    let Some(output) = in_a_network_of_its_own(&mount, "http://galileo.example", &folder.join("2")) else { return };
    fine(&output, "no resolver");
    // One that takes questions and never answers.
    let silent = format!(
        "{mount}; ip link set lo up; python3 -c 'import socket,time\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\ns.bind((\"127.0.0.1\",53))\ntime.sleep(8)' >/dev/null 2>&1 & true"
    );
    let output = in_a_network_of_its_own(&silent, "http://galileo.example", &folder.join("3")).unwrap();
    fine(&output, "a resolver that does not answer");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
#[cfg(unix)]
fn f15_refused_unreachable_and_swallowed_connections_are_tried_again() {
    use crate::process::said;
    use std::os::fd::AsRawFd as _;
    let _turn = turn();
    // A queue of connections that is full: whoever comes next hears nothing.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // SAFETY: a plain system call on a socket that is open; it makes the queue of this listener shorter.
    #[allow(unsafe_code)]
    let failed = unsafe { libc::listen(listener.as_raw_fd(), 0) };
    assert_eq!(failed, 0);
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        waiting.push(stream);
        assert!(waiting.len() < 100, "the queue never fills");
    }
    let config = config(&format!("http://{address}")).request_timeout(Duration::from_millis(300));
    let guard = config.init().unwrap();
    let start = Instant::now();
    trace("into the dark");
    assert!(start.elapsed() < Duration::from_millis(100), "{:?}", start.elapsed());
    let report = guard.flush(Duration::from_millis(800));
    assert_eq!((report.delivered, report.queued), (0, 3), "{report}");
    assert!(galileo::status().exporters[0].failures >= 1, "an attempt has an end");
    drop(waiting);
    let backend = Backend::on(listener);
    all_arrived(&guard.shutdown(LONG), &backend, 3);

    let folder = temporary("f15");
    let start = Instant::now();
    let Some(output) = in_a_network_of_its_own("true", "http://192.0.2.1", &folder) else { return };
    assert!(said(&output).starts_with("0 delivered, 60 spooled, 0 dropped"), "no route: {output:?}");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
#[cfg(unix)]
fn f19_a_proxy_is_for_the_outside_world() {
    use crate::process::{command, said};
    let nobody = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let folder = temporary("f19");
    let play =
        |url: &str, proxy: &str| said(&command("proxied", url, &folder).env("http_proxy", proxy).output().unwrap());
    let backend = Backend::start();
    assert_eq!(play(&backend.url(), &nobody), "3 of 3\n", "loopback is never proxied");
    let proxy = Backend::start();
    assert_eq!(play("http://galileo.example", &proxy.url()), "3 of 3\n", "a proxy that works");
    proxy.books(|books| assert_eq!(books.spans.len(), 3));
    assert_eq!(play("http://galileo.example", &nobody), "0 of 3\n", "a proxy that is not there");
    let strict = Backend::start();
    strict.always(Some(Fault::Answer(407, "", "proxy-authenticate: Basic\r\n")));
    assert_eq!(play("http://galileo.example", &strict.url()), "0 of 3\n", "a proxy that wants a login");
    strict.books(|books| assert!(books.spans.is_empty()));
    let _ = std::fs::remove_dir_all(folder);
}
