//! A panic that aborts the process: what was recorded until then is sent, or on disk, as the mode promises.

use galileo::config::SpoolMode;
use galileo::{Config, Mode};
use galileo_tests::backend::Backend;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

fn die(url: &str, mode: &str, folder: &Path) {
    let status = Command::new(env!("CARGO_BIN_EXE_aborts")).arg(url).arg(mode).arg(folder).status().unwrap();
    // A signal, not an exit.
    assert_eq!(status.code(), None, "{status}");
}

fn temporary(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("galileo-macros-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

#[test]
fn in_distributed_mode_the_backend_has_what_was_recorded_before_the_process_aborted() {
    let backend = Backend::start();
    let folder = temporary("abort-sent");
    die(&backend.url(), "distributed", &folder);
    backend.books(|books| {
        let named = |name: &str| books.spans.values().find(|span| span.name == name).unwrap();
        let (dies, finishes) = (named("dies"), named("finishes"));
        assert!(!dies.ended && finishes.ended, "the running span was announced, the other one is whole");
        assert_eq!(books.spans[&finishes.parent].name, "dies");
    });
    let _ = std::fs::remove_dir_all(&folder);
}

#[test]
fn with_the_spool_always_on_the_next_process_delivers_what_an_aborted_one_recorded() {
    let _turn = super::turn();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (url, folder) = (format!("http://{address}"), temporary("abort-spooled"));
    die(&url, "batch", &folder);
    let backend = Backend::on(TcpListener::bind(address).unwrap());
    let guard = Config::builder()
        .without_dotenv()
        .mode(Mode::Batch)
        .api_url(&url)
        .api_key("key-of-the-test")
        .spool(SpoolMode::Always)
        .spool_dir(&folder)
        .init()
        .unwrap();
    // Taking over what others left is nothing that a flush waits for.
    let arrived = || backend.books(|books| books.spans.values().any(|span| span.name == "finishes" && span.ended));
    let deadline = Instant::now() + Duration::from_secs(60);
    while !arrived() && Instant::now() < deadline {
        guard.flush(Duration::from_millis(200));
        std::thread::yield_now();
    }
    let report = guard.shutdown(Duration::from_secs(30));
    backend.books(|books| {
        let named = |name: &str| books.spans.values().find(|span| span.name == name);
        let (Some(dies), Some(finishes)) = (named("dies"), named("finishes")) else {
            panic!("{report}, {:?}", books.spans);
        };
        assert_eq!(books.spans[&finishes.parent].name, "dies");
        // It never said how it ended.
        assert_eq!(dies.body["status_code"], 499);
        assert!(books.refused.is_empty(), "{:?}", books.refused);
    });
    let _ = std::fs::remove_dir_all(&folder);
}
