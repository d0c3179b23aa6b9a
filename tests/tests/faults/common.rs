//! What the rows share: settings, a trace, and the comparison of both books.

pub(crate) use galileo::config::SpoolMode;
pub(crate) use galileo::{Account, Config, ConfigBuilder, DropReason, Mode, Report, Span};
pub(crate) use galileo_tests::backend::{Backend, Fault};
pub(crate) use std::net::TcpListener;
pub(crate) use std::path::PathBuf;
pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError};
pub(crate) use std::time::{Duration, Instant};

static TURN: Mutex<()> = Mutex::new(());

pub(crate) fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) const LONG: Duration = Duration::from_secs(30);
pub(crate) const SHORT: Duration = Duration::from_millis(400);

pub(crate) fn config(url: &str) -> ConfigBuilder {
    Config::builder()
        .without_dotenv()
        .mode(Mode::Batch)
        .api_url(url)
        .api_key("key-of-the-test")
        .spool(SpoolMode::Off)
        .log_level(galileo::config::LogLevel::Off)
}

/// A trace of three spans.
pub(crate) fn trace(name: &str) {
    Span::workflow(name).in_scope(|| {
        Span::tool("tool").in_scope(|| ());
        Span::llm("model").input("why?").in_scope(|| ());
    });
}

/// The books of both sides agree, and nothing was lost.
pub(crate) fn all_arrived(report: &Report, backend: &Backend, spans: usize) {
    assert_eq!((report.accepted, report.delivered), (spans as u64, spans as u64), "{report}");
    books_agree(report, backend);
    backend.books(|books| assert_eq!(books.spans.len(), spans));
}

pub(crate) fn books_agree(report: &Report, backend: &Backend) {
    balanced(report);
    backend.books(|books| {
        let whole = books.spans.values().filter(|span| span.ended).count() as u64;
        assert!(whole >= report.delivered, "{whole} spans are there, {} are said to be", report.delivered);
        assert_eq!(books.completed_again, 0);
    });
}

/// What was accepted is delivered, on disk, in memory, or dropped for a reason; for each exporter.
pub(crate) fn balanced(report: &Report) {
    for account in &report.accounts {
        let Account { accepted, delivered, spooled, queued, dropped, .. } = account;
        assert_eq!(*accepted, delivered + spooled + queued + dropped.total(), "{account:?}");
    }
}

pub(crate) fn temporary(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("galileo-faults-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

pub(crate) fn walk(folder: &std::path::Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for entry in entries.flatten() {
        if entry.path().is_dir() {
            files.extend(walk(&entry.path()));
        } else {
            files.push(entry.path());
        }
    }
    files
}
