//! A backend that is away for ten minutes, by a clock that a test turns.

use std::collections::HashMap;
use std::future::poll_fn;
use std::net::TcpListener;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::GalileoDestination;
use crate::config::{Mode, Settings, Source};
use crate::export::transport::Transport;
use crate::model::{Field, Outcome, Parts, SpanId, SpanType, TraceId, random_u64};
use crate::pipeline::destination::Destination;
use crate::pipeline::record::{Header, Kind, StartFlags, decode};
use crate::pipeline::spool::{Spool, name};
use crate::pipeline::store::{Changes, Store};

/// A root span as a thread would have recorded it.
fn span(time: u64) -> [Vec<u8>; 2] {
    let mut parts = Vec::new();
    let mut writer = Parts::new(&mut parts);
    writer.text(Field::Name, "", "work");
    writer.text(Field::Input, "", &"some words ".repeat(20));
    let header = Header {
        kind: Kind::Start,
        detail: SpanType::Tool as u8,
        flags: StartFlags(StartFlags::ROOT | StartFlags::ENTRY),
        callsite: 0,
        trace: TraceId::random(),
        span: SpanId::random(),
        parent: SpanId::NONE,
        time,
    };
    let end = Header { kind: Kind::End, detail: Outcome::Ok as u8, flags: StartFlags(0), time: time + 1, ..header };
    [[header.encode(parts.len() as u32), parts].concat(), end.encode(0)]
}

#[test]
fn f03_ten_minutes_of_outage_cost_at_most_sixty_requests_and_no_span() {
    ten_minutes_of_outage(false);
}

#[test]
fn f03_nor_do_they_when_the_program_flushes_after_every_span() {
    ten_minutes_of_outage(true);
}

fn ten_minutes_of_outage(flushing: bool) {
    const MEMORY: usize = 4 << 20;
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let folder = std::env::temp_dir().join(format!("galileo-outage-{}-{:x}", std::process::id(), random_u64()));
    let variables = HashMap::from([
        ("GALILEO_API_URL", format!("http://{nobody}")),
        ("GALILEO_SPOOL_DIR", folder.to_string_lossy().into_owned()),
    ]);
    let (set, file) = (HashMap::new(), HashMap::new());
    let environment = |name: &str| variables.get(name).cloned().map(Ok);
    let settings = Settings::resolve(&Source { set: &set, environment: &environment, file: &file }).unwrap();
    let galileo = settings.galileo.clone().unwrap();
    let transport = Transport::new(&galileo.api).unwrap();
    let spool = Spool::in_folder(&settings.spool, &name("galileo", "outage"));
    let service = Arc::new(settings.service.clone());
    let (linger, limits) = (Duration::from_secs(2), settings.limits);
    let mut destination =
        GalileoDestination::new(galileo, transport, Mode::Distributed, linger, limits, service, spool);
    let (mut store, mut changes) = (Store::new(1, 1), Changes::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let started = tokio::time::Instant::now();
        let mut spans = 0;
        while started.elapsed() < Duration::from_secs(600) {
            let now = started.elapsed();
            for bytes in span(1_000_000_000 + now.as_nanos() as u64) {
                store.take(&decode(&bytes).unwrap().0, 0, now, &mut changes);
            }
            spans += 1;
            store.settle(&mut changes);
            destination.changed(&mut store, &changes, now);
            changes.clear();
            if flushing {
                destination.hurry(now);
            }
            destination.pump(&mut store, now);
            if store.bytes() > MEMORY / 2 {
                let excess = store.bytes() - MEMORY / 2;
                destination.spill(&mut store, excess);
            }
            assert!(store.bytes() <= MEMORY, "{} bytes in memory", store.bytes());
            poll_fn(|cx| {
                let _ = destination.poll(&mut store, now, cx);
                Poll::Ready(())
            })
            .await;
            // A hundred spans a second, by the clock of the test.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let account = destination.counters().account(0);
        assert!(account.is_balanced());
        assert_eq!((account.accepted, account.dropped.total(), account.delivered), (spans, 0, 0), "{account:?}");
        assert!(account.spooled > 40_000, "{account:?}");
        let attempts = destination.counters().failures.load(std::sync::atomic::Ordering::Relaxed);
        assert!((30..=60).contains(&attempts), "{attempts} attempts in ten minutes");
        destination.shut_down(&mut store);
        let account = destination.counters().account(0);
        assert_eq!((account.spooled, account.queued, account.dropped.total()), (spans, 0, 0), "{account:?}");
    });
    std::fs::remove_dir_all(folder).unwrap();
}
