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
