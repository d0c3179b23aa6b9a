//! Rows f50 to f57: the spool.

use crate::common::*;

#[test]
fn f50_what_cannot_be_delivered_waits_on_disk_for_the_next_process() {
    let _turn = turn();
    for mode in [Mode::Batch, Mode::Distributed] {
        let folder = temporary("f50");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let start = || {
            config(&format!("http://{address}"))
                .mode(mode)
                .spool(SpoolMode::OnFailure)
                .spool_dir(&folder)
                .init()
                .unwrap()
        };
        let guard = start();
        trace("kept");
        let report = guard.shutdown(SHORT);
        assert_eq!((report.accepted, report.spooled, report.dropped.total()), (3, 3, 0), "{report}");
        for file in walk(&folder) {
            let bytes = std::fs::read(&file).unwrap();
            assert!(!bytes.windows(15).any(|window| window == b"key-of-the-test"), "{file:?} holds the key");
        }
        let backend = Backend::on(TcpListener::bind(address).unwrap());
        let guard = start();
        trace("new");
        let report = guard.shutdown(LONG);
        all_arrived(&report, &backend, 6);
        backend.books(|books| {
            assert!(books.refused.is_empty(), "{:?}", books.refused);
            assert!(books.traces.values().all(|complete| *complete), "{:?}", books.traces);
            let root = books.spans.values().find(|span| span.name == "kept").unwrap();
            let tool = books.spans.values().find(|span| span.name == "tool" && span.trace == root.trace).unwrap();
            assert_eq!(books.spans[&tool.parent].name, "kept");
        });
        assert!(walk(&folder).is_empty(), "{:?}", walk(&folder));
        std::fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn f50_memory_spills_to_disk_during_an_outage_and_comes_back_after_it() {
    let _turn = turn();
    let folder = temporary("spill");
    let backend = Backend::start();
    backend.always(Some(Fault::Answer(503, "", "")));
    let guard =
        config(&backend.url()).queue_bytes(1 << 20).spool(SpoolMode::OnFailure).spool_dir(&folder).init().unwrap();
    for round in 0..12 {
        for _ in 0..100 {
            trace("spilled");
        }
        let report = guard.flush(Duration::from_millis(20));
        assert_eq!(report.dropped.total(), 0, "round {round}: {report}");
    }
    assert!(guard.flush(Duration::from_millis(20)).spooled > 0);
    backend.always(None);
    let report = guard.shutdown(Duration::from_secs(60));
    all_arrived(&report, &backend, 3_600);
    backend.books(|books| assert!(books.traces.values().all(|complete| *complete)));
    std::fs::remove_dir_all(folder).unwrap();
}
