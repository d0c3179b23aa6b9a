//! Traces in SQLite: one thread writes, a few connections read.
//!
//! Whatever protocol a span came by, it arrives here as a *part* (`part::Part`). Parts of one span are merged by `merge`,
//! which does not care about their order; everything else here is derived from the merged records.

mod catalog;
mod facet;
mod failure;
mod leaf;
mod list;
mod merge;
#[cfg(test)]
mod mix_tests;
mod outbox;
mod part;
mod queue;
mod recover;
#[cfg(test)]
mod recover_tests;
mod retention;
mod row;
mod schema;
mod search;
pub(crate) mod service;
mod session;
mod skew;
mod span_table;
#[cfg(test)]
mod tests;
mod text;
mod trace_row;
mod tree;
mod view;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{broadcast, oneshot};

pub(crate) use catalog::{NewSession, Target};
pub use recover::Recovered;
pub use retention::Pruned;

pub(crate) use merge::{Level, Rank, Record};
pub use outbox::Account;
pub(crate) use outbox::{Fate, Parcel, Settled, account, parcel};
pub(crate) use part::{Part, Place, SpanPart, SpanUpdate, TracePart};
pub(crate) use row::SpanKey;
pub(crate) use search::{Column, Condition, Found, Hit, Kind, Operator, Search, Test};
pub(crate) use view::detail;
pub(crate) use writer::Writer;

use crate::model::{
    Change, Depth, Id, LogStream, Page, Project, Session, SpanView, TraceQuery, TraceSummary, TraceView,
};

/// Connections that read at the same time; the disk and two cores do not profit from more.
const READERS: usize = 4;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Changes that a slow listener may lag behind before it is told to look again at everything.
const CHANGES: usize = 4096;

/// Why the store could not do what it was asked for.
#[derive(Clone, Debug)]
pub enum StoreError {
    /// SQLite refused.
    Sqlite(Arc<rusqlite::Error>),
    /// The file or its folder cannot be made.
    Folder {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: Arc<std::io::Error>,
    },
    /// A newer console wrote the database.
    Newer {
        /// Its version.
        found: usize,
        /// The newest version known here.
        known: usize,
    },
    /// The file is damaged.
    Damaged,
    /// The store is shutting down.
    Stopped,
}

impl StoreError {
    fn folder(path: &Path, source: std::io::Error) -> StoreError {
        StoreError::Folder { path: path.into(), source: Arc::new(source) }
    }

    /// Whether trying again later can help: a full disk, or a file locked by somebody else.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        use rusqlite::ErrorCode::{CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, ReadOnly, SystemIoFailure};
        match self {
            StoreError::Sqlite(error) => matches!(
                error.sqlite_error_code(),
                Some(DatabaseBusy | DatabaseLocked | DiskFull | ReadOnly | SystemIoFailure | CannotOpen)
            ),
            _ => true,
        }
    }

    /// Whether the file is damaged.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match self {
            StoreError::Sqlite(error) => matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase)),
            StoreError::Damaged => true,
            _ => false,
        }
    }

    /// Whether the question took too long.
    #[must_use]
    pub fn is_too_slow(&self) -> bool {
        matches!(self, StoreError::Sqlite(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted))
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Sqlite(error) => write!(f, "database: {error}"),
            StoreError::Folder { path, source } => write!(f, "cannot use `{}`: {source}", path.display()),
            StoreError::Newer { found, known } => write!(
                f,
                "the database has version {found}, this console knows up to {known}\nuse a newer galileo-console or another `--db`"
            ),
            StoreError::Damaged => f.write_str("the database is damaged"),
            StoreError::Stopped => f.write_str("the console is shutting down"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        StoreError::Sqlite(Arc::new(error))
    }
}

/// The traces. Cheap to clone; the file is closed when the last clone is gone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    jobs: mpsc::Sender<Box<dyn queue::Job>>,
    changes: broadcast::Sender<Change>,
    readers: Readers,
    first_span: i64,
    recovered: Option<Recovered>,
    /// The file, for a note beside it when it turns out to be damaged.
    path: Option<PathBuf>,
}

/// A file has readers of its own; a database in memory has one connection, which reads between two commits.
enum Readers {
    Pool { connections: Vec<Mutex<Connection>>, next: AtomicUsize },
    Shared(Arc<WriterCell>),
}

pub(crate) struct WriterCell(Mutex<Writer>);

impl WriterCell {
    fn lock(&self) -> MutexGuard<'_, Writer> {
        // A panic while writing left a transaction open at worst; the next one rolls it back.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// Opens the database at `path`, or one in memory.
    ///
    /// # Errors
    /// When the file cannot be made or read, or a newer console wrote it.
    pub fn open(path: Option<&Path>) -> Result<Store, StoreError> {
        let (connection, recovered) = match path {
            Some(path) => recover::open(path)?,
            None => (schema::open_writer(None)?, None),
        };
        let first_span = connection.query_row("SELECT COALESCE(MAX(no), 0) FROM spans", [], |row| row.get(0))?;
        let writer = Arc::new(WriterCell(Mutex::new(Writer::new(connection)?)));
        let readers = match path {
            Some(path) => Readers::Pool {
                connections: (0..READERS)
                    .map(|_| schema::open_reader(path).map(Mutex::new))
                    .collect::<Result<_, _>>()?,
                next: AtomicUsize::new(0),
            },
            None => Readers::Shared(Arc::clone(&writer)),
        };
        let (jobs, queue) = mpsc::channel();
        let (changes, _) = broadcast::channel(CHANGES);
        let sender = changes.clone();
        std::thread::Builder::new()
            .name("console-writer".into())
            .spawn(move || queue::run(&writer, &queue, &sender))
            .map_err(|source| StoreError::folder(Path::new("thread"), source))?;
        Ok(Store {
            inner: Arc::new(Inner { jobs, changes, readers, first_span, recovered, path: path.map(Path::to_owned) }),
        })
    }

    /// What could be saved, when the database was found to be damaged and was replaced.
    #[must_use]
    pub fn recovered(&self) -> Option<&Recovered> {
        self.inner.recovered.as_ref()
    }

    /// Leaves a note when the file is damaged, so that the next start moves it aside.
    fn note_damage<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let (Err(error), Some(path)) = (&result, &self.inner.path)
            && error.is_damage()
        {
            // Without the note the next start finds the damage by itself when it is near enough.
            let _ = std::fs::write(recover::marker(path), "");
        }
        result
    }

    /// The number of the newest span when the store was opened.
    pub(crate) fn first_span(&self) -> i64 {
        self.inner.first_span
    }

    /// Every trace that changes from now on, after its change is committed. A receiver that lags should read the list again.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.inner.changes.subscribe()
    }

    /// Runs `work` on the writing thread and answers after the commit. It may run twice (see `queue::Job`).
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: FnMut(&mut Writer) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = queue::FnJob { run: work, value: None, reply };
        self.inner.jobs.send(Box::new(job)).map_err(|_| StoreError::Stopped)?;
        self.note_damage(answer.await.unwrap_or(Err(StoreError::Stopped)))
    }

    /// Runs `work` on a connection for reading, on a thread where it may block.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        let result = tokio::task::spawn_blocking(move || inner.readers.with(work)).await;
        self.note_damage(result.unwrap_or(Err(StoreError::Stopped)))
    }

    /// One page of traces, newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn traces(&self, query: TraceQuery) -> Result<Page<TraceSummary>, StoreError> {
        self.read(move |connection| list::traces(connection, &query)).await
    }

    /// A trace as a tree; `None` when nothing of it has arrived.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn trace(&self, id: Id, depth: Depth) -> Result<Option<TraceView>, StoreError> {
        self.read(move |connection| view::trace(connection, id, depth)).await
    }

    /// The row of the list for one trace.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn summary(&self, id: Id) -> Result<Option<TraceSummary>, StoreError> {
        self.read(move |connection| list::summary(connection, id)).await
    }

    /// One span with everything; `trace` picks among traces that hold a span of that id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn span(&self, id: Id, trace: Option<Id>) -> Result<Option<SpanView>, StoreError> {
        self.read(move |connection| view::span(connection, id, trace)).await
    }

    /// Updates that wait for their span.
    pub(crate) async fn waiting_updates(&self) -> Result<i64, StoreError> {
        self.read(|connection| Ok(connection.query_row("SELECT COUNT(*) FROM pending", [], |row| row.get(0))?)).await
    }

    /// All projects by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn projects(&self) -> Result<Vec<Project>, StoreError> {
        self.read(catalog::projects).await
    }

    /// One project.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn project(&self, id: Id) -> Result<Option<Project>, StoreError> {
        self.read(move |connection| catalog::project(connection, id)).await
    }

    /// One session.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn session(&self, id: Id) -> Result<Option<Session>, StoreError> {
        self.read(move |connection| catalog::session(connection, id)).await
    }

    /// Records that match a search of the Galileo API.
    pub(crate) async fn search(&self, search: Search) -> Result<Found, StoreError> {
        self.read(move |connection| search::run(connection, &search)).await
    }

    /// The log streams and experiments of a project by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn log_streams(&self, project_id: Id) -> Result<Vec<LogStream>, StoreError> {
        self.read(move |connection| catalog::log_streams(connection, project_id)).await
    }

    /// The names of all services that sent spans.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn services(&self) -> Result<Vec<String>, StoreError> {
        self.read(|connection| facet::names(connection, facet::Kind::Service)).await
    }
}

impl Readers {
    fn with<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        match self {
            Readers::Shared(writer) => limited(&mut writer.lock().connection, work),
            Readers::Pool { connections, next } => {
                let first = next.fetch_add(1, Ordering::Relaxed) % connections.len();
                let order = (0..connections.len()).map(|offset| (first + offset) % connections.len());
                // An idle one if there is any, else wait for the one whose turn it is.
                let mut work = Some(work);
                for index in order {
                    if let Ok(mut connection) = connections[index].try_lock()
                        && let Some(work) = work.take()
                    {
                        return in_snapshot(&mut connection, work);
                    }
                }
                match work {
                    Some(work) => {
                        in_snapshot(&mut connections[first].lock().unwrap_or_else(PoisonError::into_inner), work)
                    }
                    None => Err(StoreError::Stopped),
                }
            }
        }
    }
}

/// All statements of one question see the same state of the database.
fn in_snapshot<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    limited(connection, |connection| {
        let snapshot = connection.unchecked_transaction()?;
        let result = work(connection);
        drop(snapshot);
        result
    })
}

/// A question that takes too long is given up.
fn limited<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    /// Steps of SQLite's machine between two looks at the clock.
    const STEPS: i32 = 20_000;
    let deadline = Instant::now() + PATIENCE;
    connection.progress_handler(STEPS, Some(move || Instant::now() > deadline))?;
    let result = work(connection);
    connection.progress_handler(0, None::<fn() -> bool>)?;
    result
}

/// Reads an id column.
pub(crate) fn id_at(row: &rusqlite::Row<'_>, index: usize) -> rusqlite::Result<Id> {
    row.get::<_, [u8; 16]>(index).map(Id)
}

/// Reads an id column that may be null.
pub(crate) fn optional_id_at(row: &rusqlite::Row<'_>, index: usize) -> rusqlite::Result<Option<Id>> {
    row.get::<_, Option<[u8; 16]>>(index).map(|id| id.map(Id))
}
