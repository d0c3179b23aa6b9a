//! The database file: how it is opened, and its tables.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::StoreError;

/// Each step brings a database from the version of its index to the next one. Steps are only ever added.
pub(super) const MIGRATIONS: [&str; 4] = ["
    CREATE TABLE projects (
        no INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE, created_ns INTEGER NOT NULL
    );
    CREATE TABLE streams (
        no INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, project_no INTEGER NOT NULL, name TEXT NOT NULL,
        experiment INTEGER NOT NULL, created_ns INTEGER NOT NULL, UNIQUE (project_no, name)
    );
    CREATE TABLE sessions (
        no INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, project_no INTEGER NOT NULL, stream_no INTEGER NOT NULL,
        name TEXT NOT NULL, external_id TEXT, previous_id BLOB, metadata TEXT NOT NULL, created_ns INTEGER NOT NULL
    );
    CREATE INDEX sessions_external ON sessions (external_id) WHERE external_id IS NOT NULL;

    -- Wide text stands last, so that reading the columns before it does not touch its overflow pages.
    CREATE TABLE traces (
        no INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,
        project_no INTEGER NOT NULL, stream_no INTEGER NOT NULL, session_id BLOB,
        name TEXT NOT NULL, start_ns INTEGER NOT NULL, end_ns INTEGER,
        has_record INTEGER NOT NULL, complete INTEGER NOT NULL, status_code INTEGER,
        span_count INTEGER NOT NULL, open_count INTEGER NOT NULL, error_count INTEGER NOT NULL,
        tokens_input INTEGER NOT NULL, tokens_output INTEGER NOT NULL, tokens_total INTEGER NOT NULL,
        root_name TEXT NOT NULL, root_rank INTEGER NOT NULL, root_start INTEGER NOT NULL, root_key INTEGER NOT NULL,
        version INTEGER NOT NULL, services TEXT NOT NULL, ranks TEXT NOT NULL, doc TEXT NOT NULL
    );
    CREATE INDEX traces_start ON traces (start_ns, id);
    CREATE INDEX traces_session ON traces (session_id, start_ns) WHERE session_id IS NOT NULL;
    -- Where else spans of a trace were sent; its home is in its own row.
    CREATE TABLE places (
        trace_no INTEGER NOT NULL, project_no INTEGER NOT NULL, stream_no INTEGER NOT NULL,
        PRIMARY KEY (trace_no, project_no, stream_no)
    ) WITHOUT ROWID;

    -- key: the last 8 bytes of the id without the variant bits. high: the first 8 bytes, 0 when only a W3C id is known.
    CREATE TABLE spans (
        no INTEGER PRIMARY KEY, trace_no INTEGER NOT NULL, key INTEGER NOT NULL, high INTEGER NOT NULL,
        parent_key INTEGER, parent_high INTEGER, wire_key INTEGER, wire_high INTEGER, project_no INTEGER NOT NULL, stream_no INTEGER NOT NULL,
        type TEXT NOT NULL, name TEXT NOT NULL, service TEXT, start_ns INTEGER NOT NULL, duration_ns INTEGER,
        ended INTEGER NOT NULL, status_code INTEGER, outcome INTEGER NOT NULL, sources INTEGER NOT NULL,
        tokens_input INTEGER NOT NULL, tokens_output INTEGER NOT NULL, tokens_total INTEGER NOT NULL,
        model TEXT, error TEXT, flags INTEGER NOT NULL, ranks TEXT NOT NULL, doc TEXT NOT NULL
    );
    CREATE UNIQUE INDEX spans_trace ON spans (trace_no, key, high);
    CREATE INDEX spans_key ON spans (key);
    -- Updates that came before their span.
    CREATE TABLE pending (
        key INTEGER NOT NULL, high INTEGER NOT NULL, ended INTEGER NOT NULL, ranks TEXT NOT NULL, doc TEXT NOT NULL,
        PRIMARY KEY (key, high)
    ) WITHOUT ROWID;
", "
    -- When a trace last changed: what retention goes by, since a trace may be imported long after it happened.
    ALTER TABLE traces ADD COLUMN updated_ns INTEGER NOT NULL DEFAULT 0;
    UPDATE traces SET updated_ns = start_ns;
    CREATE INDEX traces_updated ON traces (updated_ns, no);
", "
    -- The W3C id of a trace whose Galileo id has other bits.
    ALTER TABLE traces ADD COLUMN w3c_id BLOB;
    -- Whereto spans are forwarded, and what became of them.
    CREATE TABLE targets (
        no INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE, accepted INTEGER NOT NULL DEFAULT 0, delivered INTEGER NOT NULL DEFAULT 0,
        rejected INTEGER NOT NULL DEFAULT 0, looped INTEGER NOT NULL DEFAULT 0, forgotten INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE outbox (
        target_no INTEGER NOT NULL, span_no INTEGER NOT NULL, due_ns INTEGER NOT NULL, ended INTEGER NOT NULL, via TEXT NOT NULL,
        PRIMARY KEY (target_no, span_no)
    ) WITHOUT ROWID;
    CREATE INDEX outbox_due ON outbox (target_no, due_ns);
", "
    -- Filters: see `facet`.
    CREATE TABLE facet_values (no INTEGER PRIMARY KEY, kind INTEGER NOT NULL, value TEXT NOT NULL, UNIQUE (kind, value));
    CREATE TABLE facets (
        value_no INTEGER NOT NULL, start_ns INTEGER NOT NULL, trace_no INTEGER NOT NULL, PRIMARY KEY (value_no, start_ns, trace_no)
    ) WITHOUT ROWID;
    ALTER TABLE traces ADD COLUMN types INTEGER NOT NULL DEFAULT 0;
    -- What a scan over the list compares stands in the index.
    DROP INDEX traces_start;
    CREATE INDEX traces_start ON traces (start_ns, id, end_ns, tokens_total);
    -- Keys are random. By groups of 65,536 spans, the pages that writing touches stay few, however many spans there are.
    DROP INDEX spans_key;
    CREATE INDEX spans_key ON spans (no >> 16, key);
    CREATE INDEX spans_place ON spans (project_no, start_ns);
    -- Full text: see `text`.
    CREATE VIRTUAL TABLE texts USING fts5 (text, content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 0');
    CREATE TABLE indexed (trace_no INTEGER PRIMARY KEY, documents INTEGER NOT NULL);
    CREATE TABLE unindexed (trace_no INTEGER PRIMARY KEY, since INTEGER NOT NULL);
"];

/// What is derived from spans and traces, made anew: facets, and the list of what the text index lacks. Follows the migration that
/// brought those tables, and every recovery.
pub(super) const REBUILD: &str = "
    UPDATE traces SET types = COALESCE((SELECT SUM(DISTINCT CASE type WHEN 'workflow' THEN 1 WHEN 'agent' THEN 2 WHEN 'llm' THEN 4
        WHEN 'retriever' THEN 8 WHEN 'tool' THEN 16 ELSE 32 END) FROM spans WHERE trace_no = traces.no), 0);
    CREATE TEMP TABLE had (kind, value, start_ns, trace_no);
    INSERT INTO had SELECT 1, e.value, t.start_ns, t.no FROM traces t, json_each(t.services) e;
    INSERT INTO had SELECT DISTINCT 2, s.type, t.start_ns, t.no FROM traces t JOIN spans s ON s.trace_no = t.no;
    INSERT INTO had SELECT 3, project_no, start_ns, no FROM traces UNION SELECT 3, e.project_no, t.start_ns, t.no FROM places e JOIN traces t ON t.no = e.trace_no;
    INSERT INTO had SELECT 4, stream_no, start_ns, no FROM traces UNION SELECT 4, e.stream_no, t.start_ns, t.no FROM places e JOIN traces t ON t.no = e.trace_no;
    INSERT INTO had SELECT 5, '', start_ns, no FROM traces WHERE error_count > 0 OR COALESCE(status_code, 0) >= 400;
    INSERT INTO had SELECT 6, '', start_ns, no FROM traces WHERE CASE WHEN has_record THEN NOT complete ELSE open_count > 0 END;
    INSERT INTO facet_values (kind, value) SELECT DISTINCT kind, CAST(value AS TEXT) FROM had;
    INSERT INTO facets SELECT DISTINCT v.no, h.start_ns, h.trace_no FROM had h JOIN facet_values v ON v.kind = h.kind AND v.value = CAST(h.value AS TEXT);
    DROP TABLE temp.had;
    INSERT OR REPLACE INTO unindexed SELECT no, 0 FROM traces;
";

/// After a recovery: what refers to rows that could not be read goes, and the sums of traces are those of the spans that are left.
pub(super) const AFTER_RECOVERY: &str = "
    INSERT OR IGNORE INTO projects (no, id, name, created_ns) SELECT DISTINCT project_no, randomblob(16), 'recovered ' || project_no, 0 FROM traces WHERE project_no NOT IN (SELECT no FROM projects);
    INSERT OR IGNORE INTO streams (no, id, project_no, name, experiment, created_ns) SELECT DISTINCT stream_no, randomblob(16), project_no, 'recovered ' || stream_no, 0, 0 FROM traces WHERE stream_no NOT IN (SELECT no FROM streams);
    DELETE FROM spans WHERE trace_no NOT IN (SELECT no FROM traces);
    UPDATE targets SET forgotten = forgotten + (SELECT COUNT(*) FROM outbox WHERE target_no = targets.no AND span_no NOT IN (SELECT no FROM spans));
    DELETE FROM outbox WHERE span_no NOT IN (SELECT no FROM spans);
    UPDATE targets SET forgotten = accepted - delivered - rejected - looped - (SELECT COUNT(*) FROM outbox WHERE target_no = targets.no);
    UPDATE traces SET span_count = (SELECT COUNT(*) FROM spans WHERE trace_no = traces.no), open_count = (SELECT COUNT(*) FROM spans WHERE trace_no = traces.no AND NOT ended),
        error_count = (SELECT COUNT(*) FROM spans WHERE trace_no = traces.no AND outcome IN (2, 3));
";

/// The version whose migration makes the tables of [`REBUILD`].
const REBUILT: usize = 4;

/// Opens the database for the writer, and creates or migrates it.
pub(super) fn open_writer(path: Option<&Path>) -> Result<Connection, StoreError> {
    let mut connection = match path {
        None => Connection::open_in_memory()?,
        Some(path) => {
            prepare_file(path)?;
            let connection = Connection::open_with_flags(
                path,
                OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
            )?;
            // Pages of deleted traces go back to the system. Only a new file takes this word.
            connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL;")?;
            // Committed pages are in the operating system's hands when the answer goes out: a killed console loses nothing. A
            // machine that loses power may lose the last moments but keeps a sound file.
            connection.execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 67108864;",
            )?;
            connection
        }
    };
    configure(&connection)?;
    connection.execute_batch("PRAGMA wal_autocheckpoint = 4000;")?;
    migrate(&mut connection, path)?;
    Ok(connection)
}

/// Opens the same file for reading.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    configure(&connection)?;
    connection.execute_batch("PRAGMA query_only = ON;")?;
    Ok(connection)
}

fn configure(connection: &Connection) -> Result<(), StoreError> {
    connection.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384;")?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

fn migrate(connection: &mut Connection, path: Option<&Path>) -> Result<(), StoreError> {
    let version = connection.query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0))? as usize;
    if version > MIGRATIONS.len() {
        return Err(StoreError::Newer { found: version, known: MIGRATIONS.len() });
    }
    if version == MIGRATIONS.len() {
        return Ok(());
    }
    if let Some(path) = path.filter(|_| version > 0) {
        back_up(connection, path, version)?;
    }
    let transaction = connection.transaction()?;
    for step in &MIGRATIONS[version..] {
        transaction.execute_batch(step)?;
    }
    if version < REBUILT {
        transaction.execute_batch(REBUILD)?;
    }
    transaction.pragma_update(None, "user_version", MIGRATIONS.len() as u32)?;
    transaction.commit()?;
    Ok(())
}

/// Copies the file as it is before it is changed. The copy of an earlier change goes.
fn back_up(connection: &Connection, path: &Path, version: usize) -> Result<(), StoreError> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let backup = |version: usize| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".version-{version}.backup"));
        std::path::PathBuf::from(name)
    };
    let to = backup(version);
    // The mode of the file goes with its content.
    fs::copy(path, &to).map_err(|source| StoreError::folder(&to, source))?;
    (1..version).map(backup).for_each(|old| drop(fs::remove_file(old)));
    Ok(())
}

/// What is traced is often private: the folder is for its owner alone, and so is the file, from its first byte.
fn prepare_file(path: &Path) -> Result<(), StoreError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(|source| StoreError::folder(folder, source))?;
    }
    let mut options = fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(|source| StoreError::folder(path, source))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // SQLite gives its side files (-wal, -shm) the mode of the database.
        file.set_permissions(fs::Permissions::from_mode(0o600)).map_err(|source| StoreError::folder(path, source))?;
    }
    drop(file);
    Ok(())
}
