//! Rows f39 to f49: what is recorded.

use crate::common::*;

#[test]
fn f44_a_flood_is_delivered_or_counted_and_memory_stays_bounded() {
    let _turn = turn();
    let backend = Backend::start();
    backend.always(Some(Fault::Answer(503, "", "retry-after: 60\r\n")));
    let guard = config(&backend.url()).queue_bytes(1 << 20).init().unwrap();
    for _ in 0..20_000 {
        Span::tool("flood").input("some words to fill the memory").in_scope(|| ());
    }
    let report = guard.shutdown(SHORT);
    assert_eq!(report.accepted, 20_000, "{report}");
    assert!(report.dropped.by(DropReason::QueueFull) > 10_000, "{report}");
    books_agree(&report, &backend);
}

#[test]
fn f46_deep_wide_and_large_traces_arrive() {
    let _turn = turn();
    fn deep(levels: u32) {
        Span::workflow("level").in_scope(|| {
            if levels > 0 {
                deep(levels - 1);
            }
        });
    }
    let backend = Backend::start();
    let guard = config(&backend.url()).init().unwrap();
    deep(150);
    Span::workflow("wide").in_scope(|| {
        for _ in 0..5_000 {
            Span::tool("leaf").in_scope(|| ());
        }
    });
    all_arrived(&guard.shutdown(LONG), &backend, 151 + 5_001);
    backend.books(|books| assert!(books.refused.is_empty(), "{:?}", books.refused));
}
