//! Any order of arrival, any grouping into transactions and any repeats end in the same tree.

use super::*;
use crate::ingest::galileo;
use crate::model::{Orphan, Outcome, SpanType};

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

const PROJECT: &str = "11111111-1111-4111-8111-111111111111";
const OTHER_PROJECT: &str = "01111111-1111-4111-8111-111111111112";
const STREAM: &str = "22222222-2222-4222-8222-222222222222";
const TRACE: &str = "33333333-3333-4333-8333-333333333333";
const ROOT: &str = "44444444-4444-4444-8444-444444444401";
const CALL: &str = "44444444-4444-4444-8444-444444444402";
const TOOL: &str = "44444444-4444-4444-8444-444444444403";
const REMOTE: &str = "44444444-4444-4444-8444-444444444404";

/// The requests of one trace through two services, as `(method and kind, project, id, body)`.
fn requests() -> Vec<(&'static str, &'static str, &'static str, String)> {
    let span = |id: &str, parent: &str, kind: &str, rest: &str| {
        format!(
            r#"{{"log_stream_id":"{STREAM}","trace_id":"{TRACE}","parent_id":"{parent}","spans":[{{"type":"{kind}","id":"{id}",{rest}}}]}}"#
        )
    };
    vec![
        (
            "trace",
            PROJECT,
            TRACE,
            format!(
                r#"{{"log_stream_id":"{STREAM}","is_complete":false,"traces":[{{"type":"trace","id":"{TRACE}","name":"ask","input":"q","created_at":"2026-01-01T00:00:00.500000Z"}}]}}"#
            ),
        ),
        (
            "span",
            PROJECT,
            ROOT,
            span(
                ROOT,
                TRACE,
                "workflow",
                r#""name":"answer","input":"q","created_at":"2026-01-01T00:00:00Z","user_metadata":{"service.name":"front"}"#,
            ),
        ),
        (
            "span",
            PROJECT,
            CALL,
            span(
                CALL,
                ROOT,
                "llm",
                r#""name":"model","input":[{"role":"user","content":"q"}],"output":{"role":"assistant","content":"a"},"created_at":"2026-01-01T00:00:01Z","metrics":{"duration_ns":500,"num_input_tokens":3,"num_output_tokens":4}"#,
            ),
        ),
        (
            "span",
            PROJECT,
            TOOL,
            span(
                TOOL,
                ROOT,
                "tool",
                &format!(
                    r#""name":"look up","input":"x","output":"boom","status_code":500,"created_at":"2026-01-01T00:00:02Z","metrics":{{"duration_ns":10}},"tags":["error=boom","error.origin=true"],"user_metadata":{{"galileo.parent_id":"{CALL}"}}"#
                ),
            ),
        ),
        (
            "span",
            OTHER_PROJECT,
            REMOTE,
            span(
                REMOTE,
                TRACE,
                "retriever",
                r#""name":"search","input":"q","output":[{"content":"d"}],"created_at":"2026-01-01T00:00:01.500000Z","metrics":{"duration_ns":20},"user_metadata":{"service.name":"search","w3c.parent_id":"8444444444444402"}"#,
            ),
        ),
        (
            "patch-span",
            PROJECT,
            ROOT,
            format!(
                r#"{{"span_id":"{ROOT}","output":"a","status_code":200,"duration_ns":3000000000,"tags":["late=yes"]}}"#
            ),
        ),
        (
            "patch-trace",
            PROJECT,
            TRACE,
            format!(r#"{{"trace_id":"{TRACE}","output":"early","is_complete":false,"duration_ns":1000}}"#),
        ),
        (
            "patch-trace",
            PROJECT,
            TRACE,
            format!(r#"{{"trace_id":"{TRACE}","output":"a","is_complete":false,"duration_ns":2000}}"#),
        ),
        (
            "patch-trace",
            PROJECT,
            TRACE,
            format!(r#"{{"trace_id":"{TRACE}","output":"a","status_code":200,"is_complete":true,"duration_ns":2000}}"#),
        ),
    ]
}

pub(super) type Request = (&'static str, &'static str, &'static str, String);

pub(super) async fn deliver(store: &Store, requests: &[&Request]) {
    deliver_all(store, requests).await.unwrap();
}

pub(super) async fn try_deliver(store: &Store, request: &Request) -> Result<(), StoreError> {
    deliver_all(store, &[request]).await
}

async fn deliver_all(store: &Store, requests: &[&Request]) -> Result<(), StoreError> {
    let deliveries: Vec<_> = requests
        .iter()
        .map(|(kind, project, object, body)| {
            let (project, object, body) = (id(project), id(object), body.as_bytes());
            match *kind {
                "trace" => galileo::traces(project, body),
                "span" => galileo::spans(project, body),
                "patch-span" => galileo::span_update(project, object, body),
                _ => galileo::trace_update(project, object, body),
            }
            .unwrap()
        })
        .collect();
    let mut deliveries = Some(deliveries);
    store
        .write(move |writer| {
            for delivery in deliveries.take().into_iter().flatten() {
                let place = writer.place(delivery.target)?;
                for draft in delivery.parts {
                    writer.put(&draft.place(place))?;
                }
            }
            Ok(())
        })
        .await
}

async fn tree(store: &Store) -> TraceView {
    let mut view = store.trace(id(TRACE), Depth::Full).await.unwrap().unwrap();
    view.summary.version = 0;
    view
}

/// A small deterministic generator: tests must fail the same way twice.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

#[tokio::test]
async fn any_order_grouping_and_repetition_of_requests_gives_the_same_tree() {
    let requests = requests();
    let expected = {
        let store = Store::open(None).unwrap();
        deliver(&store, &requests.iter().collect::<Vec<_>>()).await;
        tree(&store).await
    };
    let mut dice = Dice(0x5EED);
    for round in 0..150 {
        let mut order: Vec<&_> = requests.iter().chain(requests.iter().filter(|_| dice.below(3) == 0)).collect();
        for index in (1..order.len()).rev() {
            order.swap(index, dice.below(index + 1));
        }
        let store = Store::open(None).unwrap();
        let mut rest = order.as_slice();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(1 + dice.below(rest.len().min(4)));
            deliver(&store, now).await;
            rest = later;
        }
        let names: Vec<String> = order.iter().map(|(kind, _, object, _)| format!("{kind} {object}")).collect();
        assert_eq!(tree(&store).await, expected, "round {round}: {names:#?}");
    }
}

#[tokio::test]
async fn the_tree_shows_true_parents_services_errors_and_sums() {
    let store = Store::open(None).unwrap();
    deliver(&store, &requests().iter().collect::<Vec<_>>()).await;
    let view = tree(&store).await;
    let rows: Vec<(usize, &str, Option<&str>, Outcome)> =
        view.spans.iter().map(|span| (span.depth, span.name.as_str(), span.service.as_deref(), span.outcome)).collect();
    assert_eq!(
        rows,
        [
            (0, "answer", Some("front"), Outcome::Ok),
            (1, "model", Some("front"), Outcome::Ok),
            (2, "search", Some("search"), Outcome::Ok),
            (2, "look up", Some("front"), Outcome::Error),
        ]
    );
    assert!(view.spans.iter().all(|span| span.orphan.is_none()));
    let tool = view.span(id(TOOL)).unwrap();
    assert_eq!((tool.error.as_deref(), tool.error_origin, tool.parent_id), (Some("boom"), true, Some(id(CALL))));
    let summary = &view.summary;
    assert_eq!((summary.name.as_str(), summary.span_count, summary.error_count, summary.open), ("ask", 4, 1, false));
    assert_eq!((summary.tokens.input, summary.tokens.output, summary.tokens.total), (3, 4, 7));
    assert_eq!(summary.duration_ns, Some(3_000_000_000), "the root span began before its trace and ended last");
    assert_eq!(summary.project_id, id(PROJECT), "a trace is at home where it was created");
    assert_eq!(view.detail.output, Some("a".into()));
    assert_eq!(view.spans[0].detail.as_ref().unwrap().metadata["late"], "yes", "late metadata travels as a tag");
}

#[tokio::test]
async fn a_span_whose_parent_never_comes_is_shown_once_and_marked() {
    let store = Store::open(None).unwrap();
    let requests = requests();
    deliver(&store, &[&requests[3], &requests[4]]).await;
    let view = tree(&store).await;
    assert!(!view.summary.has_record);
    let marks: Vec<_> = view.spans.iter().map(|span| (span.name.as_str(), span.depth, span.orphan)).collect();
    assert_eq!(marks, [("search", 0, Some(Orphan::MissingParent)), ("look up", 0, Some(Orphan::MissingParent))]);
}

#[tokio::test]
async fn parents_in_a_circle_are_cut_at_the_first_span() {
    let store = Store::open(None).unwrap();
    let span = |id: &str, parent: &str, second: u8| {
        let body = format!(
            r#"{{"trace_id":"{TRACE}","parent_id":"{parent}","spans":[{{"type":"tool","id":"{id}","created_at":"2026-01-01T00:00:0{second}Z"}}]}}"#
        );
        ("span", PROJECT, ROOT, body)
    };
    let (a, b, c) = (span(ROOT, CALL, 2), span(CALL, TOOL, 1), span(TOOL, ROOT, 3));
    deliver(&store, &[&a, &b, &c]).await;
    let view = tree(&store).await;
    let order: Vec<_> = view.spans.iter().map(|span| (span.id, span.depth, span.orphan)).collect();
    assert_eq!(order, [(id(CALL), 0, Some(Orphan::Circle)), (id(ROOT), 1, None), (id(TOOL), 2, None)]);
}

#[tokio::test]
async fn ids_that_share_their_last_half_stay_two_spans() {
    let store = Store::open(None).unwrap();
    let other = "54444444-4444-4444-8444-444444444401";
    let body = |id: &str| {
        format!(
            r#"{{"trace_id":"{TRACE}","parent_id":"{TRACE}","spans":[{{"type":"tool","id":"{id}","created_at":"2026-01-01T00:00:00Z"}}]}}"#
        )
    };
    deliver(&store, &[&("span", PROJECT, ROOT, body(ROOT)), &("span", PROJECT, other, body(other))]).await;
    assert_eq!(tree(&store).await.spans.len(), 2);
    assert_eq!(store.span(id(other), None).await.unwrap().unwrap().span.id, id(other));
}

#[tokio::test]
async fn a_child_in_another_trace_than_its_parent_says_so() {
    let store = Store::open(None).unwrap();
    let second = "63333333-3333-4333-8333-333333333333";
    let requests = requests();
    let child = format!(
        r#"{{"trace_id":"{second}","parent_id":"{ROOT}","spans":[{{"type":"tool","id":"{TOOL}","created_at":"2026-01-01T00:00:00Z"}}]}}"#
    );
    deliver(&store, &[&requests[1], &("span", PROJECT, TOOL, child)]).await;
    let view = store.trace(id(second), Depth::Outline).await.unwrap().unwrap();
    assert_eq!(view.spans[0].orphan, Some(Orphan::ParentInTrace(id(TRACE))));
}

#[tokio::test]
async fn pages_of_the_list_neither_repeat_nor_skip_while_traces_arrive() {
    let store = Store::open(None).unwrap();
    let trace = |n: u32| {
        let body = format!(
            r#"{{"traces":[{{"type":"trace","id":"{n:08x}-3333-4333-8333-333333333333","name":"t{n}","created_at":"2026-01-01T00:00:{:02}Z"}}]}}"#,
            n / 3
        );
        ("trace", PROJECT, TRACE, body)
    };
    for n in 0..20 {
        deliver(&store, &[&trace(n)]).await;
    }
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = store.traces(TraceQuery { after, limit: 6, ..TraceQuery::default() }).await.unwrap();
        seen.extend(page.rows.iter().map(|row| row.name.clone()));
        // A newer trace arrives between two pages.
        deliver(&store, &[&trace(100 + seen.len() as u32)]).await;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let expected: Vec<String> = (0..20).rev().map(|n| format!("t{n}")).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn filters_of_the_list_narrow_it() {
    let store = Store::open(None).unwrap();
    deliver(&store, &requests().iter().collect::<Vec<_>>()).await;
    let count = async |query: TraceQuery| store.traces(query).await.unwrap().rows.len();
    let all = TraceQuery::default;
    for (query, rows, why) in [
        (TraceQuery { project_id: Some(id(PROJECT)), ..all() }, 1, "home"),
        (TraceQuery { project_id: Some(id(OTHER_PROJECT)), ..all() }, 1, "a span was sent there"),
        (TraceQuery { project_id: Some(id(TRACE)), ..all() }, 0, "no such project"),
        (TraceQuery { log_stream_id: Some(id(STREAM)), ..all() }, 1, "home"),
        (TraceQuery { service: Some("search".into()), ..all() }, 1, "one of its services"),
        (TraceQuery { service: Some("sea".into()), ..all() }, 0, "the whole name counts"),
        (TraceQuery { failed: Some(true), ..all() }, 1, "the tool failed"),
        (TraceQuery { failed: Some(false), ..all() }, 0, "the tool failed"),
        (TraceQuery { open: Some(true), ..all() }, 0, "it is complete"),
        (TraceQuery { span_type: Some(SpanType::Retriever), ..all() }, 1, "has one"),
        (TraceQuery { span_type: Some(SpanType::Agent), ..all() }, 0, "has none"),
        (TraceQuery { text: Some("LOOK".into()), ..all() }, 1, "the name of a span"),
        (TraceQuery { text: Some("oo_".into()), ..all() }, 0, "an underscore is itself"),
        (TraceQuery { min_duration_ns: Some(3_000_000_001), ..all() }, 0, "shorter"),
        (TraceQuery { max_duration_ns: Some(3_000_000_000), ..all() }, 1, "not longer"),
        (TraceQuery { min_tokens: Some(8), ..all() }, 0, "7 tokens"),
        (TraceQuery { max_tokens: Some(7), ..all() }, 1, "7 tokens"),
    ] {
        assert_eq!(count(query).await, rows, "{why}");
    }
}

#[tokio::test]
async fn changes_are_announced_after_they_can_be_read() {
    let store = Store::open(None).unwrap();
    let mut changes = store.changes();
    let requests = requests();
    deliver(&store, &[&requests[0], &requests[1]]).await;
    let change = changes.recv().await.unwrap();
    assert_eq!((change.project_id, change.trace_id), (id(PROJECT), id(TRACE)));
    assert_eq!(store.summary(id(TRACE)).await.unwrap().unwrap().version, change.version);
    deliver(&store, &[&requests[5]]).await;
    assert!(changes.recv().await.unwrap().version > change.version);
}

#[cfg(unix)]
#[tokio::test]
async fn the_database_is_for_its_owner_alone_and_survives_a_restart() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = std::env::temp_dir().join(format!("galileo-console-test-{}", Id::random()));
    let path = folder.join("inner").join("traces.db");
    let requests = requests();
    let before = {
        let store = Store::open(Some(&path)).unwrap();
        deliver(&store, &requests.iter().collect::<Vec<_>>()).await;
        tree(&store).await
    };
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    let store = Store::open(Some(&path)).unwrap();
    assert_eq!(tree(&store).await, before);
    deliver(&store, &requests.iter().rev().collect::<Vec<_>>()).await;
    assert_eq!(tree(&store).await, before, "a repeat of everything changes nothing");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_database_of_a_newer_console_is_refused_with_a_word_on_what_to_do() {
    let path = std::env::temp_dir().join(format!("galileo-console-test-{}.db", Id::random()));
    drop(Store::open(Some(&path)).unwrap());
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = Store::open(Some(&path)).err().unwrap().to_string();
    assert!(error.contains("version 99") && error.contains("--db"), "{error}");
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
}

#[tokio::test]
async fn pruning_forgets_the_oldest_first_and_gives_their_bytes_back() {
    let path = std::env::temp_dir().join(format!("galileo-console-test-{}.db", Id::random()));
    let store = Store::open(Some(&path)).unwrap();
    let trace = |n: usize| {
        let body = format!(
            r#"{{"traces":[{{"type":"trace","id":"{n:08x}-3333-4333-8333-333333333333","name":"t{n}","input":"{}","created_at":"2026-01-01T00:00:00Z","spans":[{{"type":"tool","id":"{n:08x}-4444-4444-8444-444444444444"}}]}}]}}"#,
            "x".repeat(100_000)
        );
        ("trace", PROJECT, TRACE, body)
    };
    for n in 0..30 {
        deliver(&store, &[&trace(n)]).await;
    }
    let size = async || {
        let pages = |connection: &rusqlite::Connection| {
            Ok(connection.query_row(
                "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
                [],
                |row| row.get::<_, i64>(0),
            )?)
        };
        store.read(pages).await.unwrap()
    };
    let names = async || -> Vec<String> {
        store
            .traces(TraceQuery { limit: 100, ..TraceQuery::default() })
            .await
            .unwrap()
            .rows
            .into_iter()
            .map(|row| row.name)
            .collect()
    };
    assert_eq!(
        store.prune(Some(std::time::Duration::from_secs(3600)), None).await.unwrap(),
        Pruned::default(),
        "all changed just now"
    );
    assert!(size().await > 2_900_000);
    let pruned = store.prune(None, Some(1_500_000)).await.unwrap();
    let left = names().await;
    assert_eq!((left.len() as u64 + pruned.traces, pruned.traces), (30, pruned.spans));
    assert!((8..16).contains(&left.len()), "{left:?}");
    assert_eq!(left.iter().filter(|name| name.as_str() == "t29").count(), 1, "the newest stays");
    assert!(!left.contains(&"t0".to_owned()), "the oldest goes");
    assert!(size().await <= 1_500_000, "{}", size().await);
    let pruned = store.prune(Some(std::time::Duration::ZERO), None).await.unwrap();
    assert_eq!((pruned.traces as usize, names().await.len()), (left.len(), 0));
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
}
