use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::schema::MIGRATIONS;
use super::tests::deliver;
use super::*;

const PAGE: u64 = 4096;
const TRACES: usize = 24;

fn folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("galileo-console-test-{}", Id::random()));
    std::fs::create_dir(&folder).unwrap();
    folder
}

fn trace(n: usize) -> (&'static str, &'static str, &'static str, String) {
    let body = format!(
        r#"{{"traces":[{{"type":"trace","id":"{n:08x}-3333-4333-8333-333333333333","name":"t{n}","input":"{}","created_at":"2026-01-01T00:00:00Z","spans":[{{"type":"tool","id":"{n:08x}-4444-4444-8444-444444444444","name":"s{n}"}}]}}]}}"#,
        "words of some length ".repeat(20)
    );
    ("trace", "11111111-1111-4111-8111-111111111111", "33333333-3333-4333-8333-333333333333", body)
}

/// A database with its text index complete, in one file.
async fn filled(path: &Path) {
    let store = Store::open(Some(path)).unwrap();
    for n in 0..TRACES {
        deliver(&store, &[&trace(n)]).await;
    }
    while store.size().await.unwrap().2 > 0 {
        tokio::task::yield_now().await;
    }
    drop(store);
    // The writing thread ends with the last handle; then nobody holds the file.
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(Duration::from_secs(30)).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
}

async fn names(store: &Store) -> Vec<String> {
    let query = TraceQuery { limit: 500, ..TraceQuery::default() };
    store.traces(query).await.unwrap().rows.into_iter().map(|row| row.name).collect()
}

/// f60: whichever page is damaged, the console starts, keeps the file, and has what can be read.
#[tokio::test]
async fn a_damaged_database_is_moved_aside_and_what_reads_is_kept() {
    let folder = folder();
    let sound = folder.join("sound.db");
    filled(&sound).await;
    let pages = std::fs::metadata(&sound).unwrap().len() / PAGE;
    assert!(pages > 20);
    let (mut moved, mut whole, mut kept) = (0, 0, 0);
    // Every second page, and of those that many have of a kind, enough.
    for page in (0..pages).step_by(2) {
        let path = folder.join(format!("{page}.db"));
        std::fs::copy(&sound, &path).unwrap();
        let mut file = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
        file.seek(SeekFrom::Start(page * PAGE)).unwrap();
        let mut bytes = vec![0; PAGE as usize];
        file.read_exact(&mut bytes).unwrap();
        // The head of the page and stretches of its content.
        bytes.iter_mut().enumerate().filter(|(at, _)| at % 512 < 64).for_each(|(_, byte)| *byte ^= 0xA5);
        file.seek(SeekFrom::Start(page * PAGE)).unwrap();
        file.write_all(&bytes).unwrap();
        drop(file);
        let store = Store::open(Some(&path)).unwrap_or_else(|error| panic!("page {page}: {error}"));
        let names = names(&store).await;
        assert!(names.len() <= TRACES);
        kept += names.len();
        whole += usize::from(names.len() == TRACES);
        if let Some(recovered) = store.recovered() {
            moved += 1;
            assert!(recovered.moved_to.exists(), "the damaged file is kept");
        }
        // It works: what comes now is stored and found.
        deliver(&store, &[&trace(1000)]).await;
        assert!(
            store.trace("000003e8-3333-4333-8333-333333333333".parse().unwrap(), Depth::Full).await.unwrap().is_some(),
            "page {page}"
        );
    }
    assert!(moved as u64 > pages / 4, "{moved} of {pages} were noticed");
    assert!(whole as u64 > pages / 4, "damage to an index costs no trace: {whole} of {pages}");
    assert!(kept as u64 > pages / 2 * TRACES as u64 * 9 / 10, "{kept}");
    std::fs::remove_dir_all(folder).unwrap();
}

/// f60: what is no database at all, and one that was found to be damaged while it was in use.
#[tokio::test]
async fn a_file_without_a_readable_page_is_replaced_by_an_empty_database() {
    let folder = folder();
    for (name, bytes) in [
        ("text.db", b"this is no database, ".repeat(500)),
        ("zeros.db", vec![0; 8192]),
        ("short.db", b"SQLite format 3\0".to_vec()),
    ] {
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        let store = Store::open(Some(&path)).unwrap_or_else(|error| panic!("{name}: {error}"));
        deliver(&store, &[&trace(1)]).await;
        assert_eq!(names(&store).await, ["t1"], "{name}");
    }
    let path = folder.join("marked.db");
    filled(&path).await;
    std::fs::write(super::recover::marker(&path), "").unwrap();
    let store = Store::open(Some(&path)).unwrap();
    assert_eq!((store.recovered().unwrap().traces as usize, names(&store).await.len()), (TRACES, TRACES));
    let found =
        store.traces(TraceQuery { text: Some("length".into()), limit: 500, ..TraceQuery::default() }).await.unwrap();
    assert_eq!(found.rows.len(), TRACES, "the text index is made anew");
    drop(store);
    assert!(Store::open(Some(&path)).unwrap().recovered().is_none(), "once");
    std::fs::remove_dir_all(folder).unwrap();
}

/// f72: an older database is copied before it is changed, and keeps everything.
#[tokio::test]
async fn an_older_database_is_backed_up_and_migrated() {
    let folder = folder();
    let path = folder.join("old.db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;").unwrap();
    old.execute_batch(MIGRATIONS[0]).unwrap();
    old.execute_batch(
        r#"PRAGMA user_version = 1;
        INSERT INTO projects VALUES (1, x'11111111111141118111111111111111', 'p', 1);
        INSERT INTO streams VALUES (1, x'22222222222242228222222222222222', 1, 'default', 0, 1);
        INSERT INTO traces VALUES (1, x'33333333333343338333333333333333', 1, 1, NULL, 'old', 5, 9, 1, 1, 500, 1, 0, 1, 0, 0, 0, 's', 0, 5, 7, 1, '["front"]', '[]', '{"name":"old","input":"Kallisto"}');
        INSERT INTO spans VALUES (1, 1, 7, 8, NULL, NULL, NULL, NULL, 1, 1, 'tool', 's', 'front', 5, 4, 1, 500, 2, 1, 0, 0, 0, NULL, NULL, 0, '[]', '{"name":"s","output":"Ganymed"}');"#,
    )
    .unwrap();
    drop(old);
    let store = Store::open(Some(&path)).unwrap();
    let project = "11111111-1111-4111-8111-111111111111".parse().ok();
    let all = TraceQuery::default;
    for (query, why) in [
        (all(), "no filter"),
        (TraceQuery { project_id: project, ..all() }, "project"),
        (TraceQuery { service: Some("front".into()), ..all() }, "service"),
        (TraceQuery { span_type: Some(crate::model::SpanType::Tool), ..all() }, "type"),
        (TraceQuery { failed: Some(true), ..all() }, "failed"),
        (TraceQuery { text: Some("kallisto".into()), ..all() }, "text of the trace"),
        (TraceQuery { text: Some("ganymed".into()), ..all() }, "text of a span"),
    ] {
        assert_eq!(store.traces(query).await.unwrap().rows.len(), 1, "{why}");
    }
    let backup = Connection::open(folder.join("old.db.version-1.backup")).unwrap();
    assert_eq!(backup.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0)).unwrap(), 1);
    assert_eq!(backup.query_row("SELECT name FROM traces", [], |row| row.get::<_, String>(0)).unwrap(), "old");
    drop(store);
    std::fs::remove_dir_all(folder).unwrap();
}

/// f61: a full disk is answered with "later", what was accepted stays, and it goes on when there is room again.
#[tokio::test]
async fn a_full_disk_refuses_and_loses_nothing() {
    let folder = folder();
    let store = Store::open(Some(&folder.join("full.db"))).unwrap();
    deliver(&store, &[&trace(0)]).await;
    // SQLite reports a full disk when a file may not grow.
    let limit = async |pages: &'static str| {
        let sql = format!("PRAGMA max_page_count = {pages}");
        store.write(move |writer| Ok(writer.connection.query_row(&sql, [], |row| row.get::<_, i64>(0))?)).await.unwrap()
    };
    let pages = limit("1").await;
    let mut accepted = 1;
    let refused = loop {
        match tests::try_deliver(&store, &trace(accepted)).await {
            Ok(()) => accepted += 1,
            Err(error) => break error,
        }
        assert!(accepted < 10_000, "{pages}");
    };
    assert!(refused.is_temporary() && !refused.is_damage(), "{refused}");
    assert_eq!(names(&store).await.len(), accepted.min(500));
    limit("1073741823").await;
    deliver(&store, &[&trace(accepted)]).await;
    assert_eq!(names(&store).await.len(), (accepted + 1).min(500));
    std::fs::remove_dir_all(folder).unwrap();
}

/// The read paths of the list and the tree do not depend on what a crash left of the side files.
#[tokio::test]
async fn a_deleted_journal_costs_no_more_than_what_was_in_it() {
    let folder = folder();
    let path = folder.join("a.db");
    filled(&path).await;
    let store = Store::open(Some(&path)).unwrap();
    deliver(&store, &[&trace(500)]).await;
    let copy = folder.join("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    let other = Store::open(Some(&copy)).unwrap();
    assert!(names(&other).await.len() >= TRACES);
    std::fs::remove_dir_all(folder).unwrap();
}
