//! Projects, log streams and sessions: found by name or id, made when missing.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::part::Place;
use super::writer::Writer;
use super::{StoreError, id_at, optional_id_at};
use crate::ingest::{Names, RunName};
use crate::model::{Id, LogStream, Project, Session};
use crate::time::now_ns;

/// Where a request wants its spans to go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) project_id: Id,
    pub(crate) log_stream_id: Option<Id>,
    pub(crate) experiment_id: Option<Id>,
}

/// A session to make.
#[derive(Clone, Debug)]
pub(crate) struct NewSession {
    pub(crate) target: Target,
    pub(crate) name: Option<String>,
    pub(crate) external_id: Option<String>,
    pub(crate) previous_session_id: Option<Id>,
    pub(crate) metadata: BTreeMap<String, String>,
}

impl Writer {
    /// The project of that name, made if there is none.
    pub(crate) fn project_by_name(&mut self, name: &str) -> Result<Project, StoreError> {
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO projects (id, name, created_ns) VALUES (?1, ?2, ?3)")?
            .execute(params![Id::random().0, name, now_ns()])?;
        Ok(self
            .connection
            .prepare_cached("SELECT id, name, created_ns FROM projects WHERE name = ?1")?
            .query_row([name], read_project)?)
    }

    /// The log stream of that name, made if there is none.
    pub(crate) fn log_stream_by_name(
        &mut self,
        project_id: Id,
        name: &str,
        experiment: bool,
    ) -> Result<LogStream, StoreError> {
        let project_no = self.project_no(project_id)?;
        self.insert_stream(Id::random(), project_no, name, experiment)?;
        Ok(self
            .connection
            .prepare_cached(&format!("{STREAM} WHERE s.project_no = ?1 AND s.name = ?2"))?
            .query_row(params![project_no, name], read_stream)?)
    }

    /// Gives a log stream another name; `None` when there is none with that id, `Some(false)` when the name is taken.
    pub(crate) fn rename_log_stream(&mut self, id: Id, name: &str) -> Result<Option<bool>, StoreError> {
        let changed = self
            .connection
            .prepare_cached("UPDATE OR IGNORE streams SET name = ?2 WHERE id = ?1")?
            .execute(params![id.0, name])?;
        let exists = self.connection.prepare_cached("SELECT 1 FROM streams WHERE id = ?1")?.exists([id.0])?;
        Ok(exists.then_some(changed > 0))
    }

    /// The numbers of the place that a request names. Unknown ids are taken as given: somebody configured them, and a console
    /// that was started anew must not refuse its senders.
    pub(crate) fn place(&mut self, target: Target) -> Result<Place, StoreError> {
        let project_no = self.project_no(target.project_id)?;
        let stream_no = match (target.log_stream_id, target.experiment_id) {
            (Some(id), _) => self.stream_no(id, project_no, false)?,
            (None, Some(id)) => self.stream_no(id, project_no, true)?,
            (None, None) => {
                self.insert_stream(Id::random(), project_no, "default", false)?;
                self.connection
                    .prepare_cached("SELECT no FROM streams WHERE project_no = ?1 AND name = 'default'")?
                    .query_row([project_no], |row| row.get(0))?
            }
        };
        Ok(Place { project_no, stream_no })
    }

    /// The numbers of a place by its names, made when missing.
    pub(crate) fn place_by_names(&mut self, names: &Names) -> Result<Place, StoreError> {
        if let Some(place) = self.named_places.get(names) {
            return Ok(*place);
        }
        let project_id = self.project_by_name(&names.project)?.id;
        let project_no = self.project_no(project_id)?;
        let stream_no = match &names.run {
            RunName::Experiment(id) => self.stream_no(*id, project_no, true)?,
            RunName::LogStream(name) => {
                let stream_id = self.log_stream_by_name(project_id, name, false)?.id;
                self.stream_no(stream_id, project_no, false)?
            }
        };
        let place = Place { project_no, stream_no };
        if self.named_places.len() < 1000 {
            self.named_places.insert(names.clone(), place);
        }
        Ok(place)
    }

    fn project_no(&mut self, id: Id) -> Result<i64, StoreError> {
        let find = |connection: &Connection| {
            connection
                .prepare_cached("SELECT no FROM projects WHERE id = ?1")?
                .query_row([id.0], |row| row.get(0))
                .optional()
        };
        if let Some(no) = find(&self.connection)? {
            return Ok(no);
        }
        self.connection
            .prepare_cached("INSERT INTO projects (id, name, created_ns) VALUES (?1, ?2, ?3)")?
            .execute(params![id.0, id.to_string(), now_ns()])?;
        Ok(self.connection.last_insert_rowid())
    }

    fn stream_no(&mut self, id: Id, project_no: i64, experiment: bool) -> Result<i64, StoreError> {
        let find = |connection: &Connection| {
            connection
                .prepare_cached("SELECT no FROM streams WHERE id = ?1")?
                .query_row([id.0], |row| row.get(0))
                .optional()
        };
        if let Some(no) = find(&self.connection)? {
            return Ok(no);
        }
        self.insert_stream(id, project_no, &id.to_string(), experiment)?;
        Ok(self
            .connection
            .prepare_cached("SELECT no FROM streams WHERE id = ?1")?
            .query_row([id.0], |row| row.get(0))?)
    }

    fn insert_stream(&self, id: Id, project_no: i64, name: &str, experiment: bool) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("INSERT INTO streams (id, project_no, name, experiment, created_ns) SELECT ?1, ?2, ?3, ?4, ?5 WHERE NOT EXISTS (SELECT 1 FROM streams WHERE project_no = ?2 AND name = ?3)")?
            .execute(params![id.0, project_no, name, experiment, now_ns()])?;
        Ok(())
    }

    /// Makes a session.
    pub(crate) fn create_session(&mut self, new: &NewSession) -> Result<Session, StoreError> {
        let place = self.place(new.target)?;
        let id = Id::random();
        let metadata = serde_json::to_string(&new.metadata).unwrap_or_else(|_| "{}".into());
        self.connection
            .prepare_cached("INSERT INTO sessions (id, project_no, stream_no, name, external_id, previous_id, metadata, created_ns) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
            .execute(params![id.0, place.project_no, place.stream_no, new.name.clone().unwrap_or_default(), new.external_id, new.previous_session_id.map(|id| id.0), metadata, now_ns()])?;
        Ok(self.connection.prepare_cached(&format!("{SESSION} WHERE s.id = ?1"))?.query_row([id.0], read_session)?)
    }

    /// Makes a session that a trace refers to and nobody created here known.
    pub(crate) fn ensure_session(&mut self, id: Id, external_id: Option<&str>, place: Place) -> Result<(), StoreError> {
        if self.sessions.insert(id) {
            self.connection
                .prepare_cached("INSERT OR IGNORE INTO sessions (id, project_no, stream_no, name, external_id, metadata, created_ns) VALUES (?1, ?2, ?3, COALESCE(?4, ''), ?4, '{}', ?5)")?
                .execute(params![id.0, place.project_no, place.stream_no, external_id, now_ns()])?;
        }
        Ok(())
    }

    /// The name of a project; its id when it is not known.
    pub(crate) fn project_name(&self, id: Id) -> Result<String, StoreError> {
        let name = self
            .connection
            .prepare_cached("SELECT name FROM projects WHERE id = ?1")?
            .query_row([id.0], |row| row.get(0))
            .optional()?;
        Ok(name.unwrap_or_else(|| id.to_string()))
    }

    /// The newest session of a project with that external id.
    pub(crate) fn session_by_external_id(
        &mut self,
        project_id: Id,
        external_id: &str,
    ) -> Result<Option<Session>, StoreError> {
        let sql = format!("{SESSION} WHERE s.external_id = ?2 AND p.id = ?1 ORDER BY s.no DESC LIMIT 1");
        Ok(self
            .connection
            .prepare_cached(&sql)?
            .query_row(params![project_id.0, external_id], read_session)
            .optional()?)
    }
}

const STREAM: &str =
    "SELECT s.id, p.id, s.name, s.experiment, s.created_ns FROM streams s JOIN projects p ON p.no = s.project_no";
pub(super) const SESSION: &str = "SELECT s.id, p.id, l.id, s.name, s.external_id, s.previous_id, s.metadata, s.created_ns, (SELECT COUNT(*) FROM traces t WHERE t.session_id = s.id)
    FROM sessions s JOIN projects p ON p.no = s.project_no JOIN streams l ON l.no = s.stream_no";

fn read_project(row: &Row<'_>) -> rusqlite::Result<Project> {
    Ok(Project { id: id_at(row, 0)?, name: row.get(1)?, created_ns: row.get(2)? })
}

fn read_stream(row: &Row<'_>) -> rusqlite::Result<LogStream> {
    Ok(LogStream {
        id: id_at(row, 0)?,
        project_id: id_at(row, 1)?,
        name: row.get(2)?,
        experiment: row.get(3)?,
        created_ns: row.get(4)?,
    })
}

pub(super) fn read_session(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        id: id_at(row, 0)?,
        project_id: id_at(row, 1)?,
        log_stream_id: id_at(row, 2)?,
        name: row.get(3)?,
        external_id: row.get(4)?,
        previous_session_id: optional_id_at(row, 5)?,
        metadata: serde_json::from_str(row.get_ref(6)?.as_str()?).unwrap_or_default(),
        created_ns: row.get(7)?,
        trace_count: row.get::<_, i64>(8)? as u64,
    })
}

pub(super) fn projects(connection: &Connection) -> Result<Vec<Project>, StoreError> {
    Ok(connection
        .prepare_cached("SELECT id, name, created_ns FROM projects ORDER BY name")?
        .query_map([], read_project)?
        .collect::<Result<_, _>>()?)
}

/// One project by its id.
pub(super) fn project(connection: &Connection, id: Id) -> Result<Option<Project>, StoreError> {
    Ok(connection
        .prepare_cached("SELECT id, name, created_ns FROM projects WHERE id = ?1")?
        .query_row([id.0], read_project)
        .optional()?)
}

pub(super) fn log_streams(connection: &Connection, project_id: Id) -> Result<Vec<LogStream>, StoreError> {
    Ok(connection
        .prepare_cached(&format!("{STREAM} WHERE p.id = ?1 ORDER BY s.name"))?
        .query_map([project_id.0], read_stream)?
        .collect::<Result<_, _>>()?)
}

pub(super) fn session(connection: &Connection, id: Id) -> Result<Option<Session>, StoreError> {
    Ok(connection.prepare_cached(&format!("{SESSION} WHERE s.id = ?1"))?.query_row([id.0], read_session).optional()?)
}
