//! The one thread that writes. It takes what is waiting, applies it in one transaction, commits, and only then answers.

use std::collections::{BTreeSet, HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension as _, params};
use tokio::sync::{broadcast, mpsc, oneshot};

use super::StoreError;
use super::merge::Record;
use super::row::{SpanColumns, SpanKey};
use super::trace_row::TraceRow;
use crate::ingest::Names;
use crate::model::{Change, Id, Outcome, Sources, SpanType, Tokens};

/// Jobs that one transaction takes at most, so that no answer waits for ever.
const JOBS_PER_COMMIT: usize = 512;

/// Where a span or trace was sent: numbers of a project and one of its log streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) project_no: i64,
    pub(crate) stream_no: i64,
}

/// One delivery of a span.
#[derive(Clone, Debug)]
pub(crate) struct SpanPart {
    pub(crate) trace_id: Id,
    pub(crate) key: SpanKey,
    pub(crate) record: Record,
    pub(crate) ended: bool,
    pub(crate) place: Place,
    pub(crate) sources: Sources,
    pub(crate) seen_ns: i64,
}

/// An update of a span whose trace the sender does not name.
#[derive(Clone, Debug)]
pub(crate) struct SpanUpdate {
    pub(crate) key: SpanKey,
    pub(crate) record: Record,
    pub(crate) ended: bool,
}

/// One delivery of a trace itself.
#[derive(Clone, Debug)]
pub(crate) struct TracePart {
    pub(crate) trace_id: Id,
    pub(crate) record: Record,
    pub(crate) complete: bool,
    pub(crate) place: Place,
    /// Whether it makes the trace known, as a create does and an update does not.
    pub(crate) create: bool,
    pub(crate) seen_ns: i64,
}

/// Something to store.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Span(SpanPart),
    Update(SpanUpdate),
    Trace(TracePart),
}

impl Part {
    /// Moves it to another place.
    pub(crate) fn set_place(&mut self, place: Place) {
        match self {
            Part::Span(part) => part.place = place,
            Part::Trace(part) => part.place = place,
            Part::Update(_) => {}
        }
    }
}

/// A unit of work. `apply` may run twice: alone again when the transaction that it shared could not be committed.
pub(super) trait Job: Send {
    fn apply(&mut self, writer: &mut Writer) -> Result<(), StoreError>;
    fn finish(self: Box<Self>, result: Result<(), StoreError>);
}

pub(super) struct FnJob<F, T> {
    pub(super) run: F,
    pub(super) value: Option<T>,
    pub(super) reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Job for FnJob<F, T>
where
    F: FnMut(&mut Writer) -> Result<T, StoreError> + Send,
    T: Send,
{
    fn apply(&mut self, writer: &mut Writer) -> Result<(), StoreError> {
        self.value = Some((self.run)(writer)?);
        Ok(())
    }

    fn finish(self: Box<Self>, result: Result<(), StoreError>) {
        let answer = match (result, self.value) {
            (Ok(()), Some(value)) => Ok(value),
            (Err(error), _) => Err(error),
            (Ok(()), None) => Err(StoreError::Stopped),
        };
        // Whoever asked may have gone; the work is done all the same.
        let _ = self.reply.send(answer);
    }
}

/// The state of the writing thread.
pub(crate) struct Writer {
    pub(super) connection: Connection,
    /// Traces touched in this transaction.
    traces: HashMap<Id, TraceRow>,
    /// Keys inserted in this transaction into traces that it created: only those need a look-up there.
    fresh_keys: HashSet<(i64, i64)>,
    next_trace_no: i64,
    version: u64,
    /// Updates that wait for their span; the look-up is skipped while there are none.
    pending: i64,
    places: HashMap<i64, (Id, Id)>,
    /// Places that senders named, so that a span costs no look-up.
    pub(super) named_places: HashMap<Names, Place>,
    /// Sessions that are known to be in their table.
    pub(super) sessions: HashSet<Id>,
}

impl Writer {
    pub(super) fn new(connection: Connection) -> Result<Writer, StoreError> {
        let mut writer = Writer {
            connection,
            traces: HashMap::new(),
            fresh_keys: HashSet::new(),
            next_trace_no: 1,
            version: 0,
            pending: 0,
            places: HashMap::new(),
            named_places: HashMap::new(),
            sessions: HashSet::new(),
        };
        writer.reload()?;
        Ok(writer)
    }

    /// Reads the counters from the database: at the start, and after a transaction that failed.
    fn reload(&mut self) -> Result<(), StoreError> {
        self.traces.clear();
        self.fresh_keys.clear();
        self.places.clear();
        self.sessions.clear();
        self.named_places.clear();
        (self.next_trace_no, self.version) = self.connection.query_row(
            "SELECT COALESCE(MAX(no), 0) + 1, COALESCE(MAX(version), 0) FROM traces",
            [],
            |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)),
        )?;
        self.pending = self.connection.query_row("SELECT COUNT(*) FROM pending", [], |row| row.get(0))?;
        Ok(())
    }

    /// Stores one delivery. It is visible after the commit.
    pub(crate) fn put(&mut self, part: &Part) -> Result<(), StoreError> {
        match part {
            Part::Span(part) => self.put_span(part),
            Part::Update(update) => self.put_update(update),
            Part::Trace(part) => self.put_trace(part),
        }
    }

    fn put_trace(&mut self, part: &TracePart) -> Result<(), StoreError> {
        let mut trace = self.take_trace(part.trace_id, part.seen_ns)?;
        if part.create || trace.place.is_none() {
            let known = self.place_order(part.place)?;
            let home = self.place_order(trace.place.unwrap_or(part.place))?;
            trace.add_place(part.place, known, home, part.create);
        }
        let before = trace.record.clone();
        trace.record.merge(part.record.clone());
        trace.has_record |= part.create;
        trace.complete |= part.complete;
        trace.derive_record(&before);
        if let Some(session) = part.record.text("session_id").and_then(|text| text.parse().ok()) {
            self.ensure_session(session, None, part.place)?;
        }
        self.traces.insert(part.trace_id, trace);
        Ok(())
    }

    fn put_span(&mut self, part: &SpanPart) -> Result<(), StoreError> {
        let mut trace = self.take_trace(part.trace_id, part.seen_ns)?;
        let known = self.place_order(part.place)?;
        let home = self.place_order(trace.place.unwrap_or(part.place))?;
        trace.add_place(part.place, known, home, false);
        let existing = if trace.fresh && !self.fresh_keys.contains(&(trace.no, part.key.key)) {
            None
        } else {
            self.find_span(trace.no, part.key)?
        };
        let result = match existing {
            Some(existing) => {
                self.merge_span(&mut trace, existing, part.key, &part.record, part.ended, part.sources, part.seen_ns)
            }
            None => self.insert_span(&mut trace, part),
        };
        self.traces.insert(part.trace_id, trace);
        result
    }

    fn insert_span(&mut self, trace: &mut TraceRow, part: &SpanPart) -> Result<(), StoreError> {
        let mut record = part.record.clone();
        let mut ended = part.ended;
        if self.pending > 0
            && let Some((update, update_ended)) = self.take_pending(part.key)?
        {
            record.merge(update);
            ended |= update_ended;
        }
        let columns = SpanColumns::derive(&record, trace.id, ended, part.sources, part.seen_ns);
        self.connection
            .prepare_cached(
                "INSERT INTO spans (trace_no, key, high, project_no, stream_no, parent_key, parent_high, wire_key, wire_high, type, name, service, start_ns, duration_ns, ended, status_code, outcome, sources, tokens_input, tokens_output, tokens_total, model, error, flags, ranks, doc)
                 VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,?24,?25,?26)",
            )?
            .execute(params![
                trace.no,
                part.key.key,
                part.key.high,
                part.place.project_no,
                part.place.stream_no,
                columns.parent.map(|parent| parent.key),
                columns.parent.map(|parent| parent.high),
                columns.wire.map(|parent| parent.key),
                columns.wire.map(|parent| parent.high),
                columns.span_type.as_str(),
                columns.name,
                columns.service,
                columns.start_ns,
                columns.duration_ns,
                columns.ended,
                columns.status_code,
                columns.outcome as i64,
                i64::from(columns.sources.0),
                columns.tokens.input as i64,
                columns.tokens.output as i64,
                columns.tokens.total as i64,
                columns.model,
                columns.error,
                columns.flags,
                record.to_ranks(),
                record.to_doc(),
            ])?;
        if trace.fresh {
            self.fresh_keys.insert((trace.no, part.key.key));
        }
        trace.span_arrived(part.key, &columns, record.text("session_id").and_then(|text| text.parse().ok()));
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    fn merge_span(
        &mut self,
        trace: &mut TraceRow,
        existing: Existing,
        key: SpanKey,
        record: &Record,
        ended: bool,
        sources: Sources,
        seen_ns: i64,
    ) -> Result<(), StoreError> {
        let stored = Record::from_stored(&existing.doc, &existing.ranks);
        let mut merged = stored.clone();
        merged.merge(record.clone());
        let high = if existing.high == 0 { key.high } else { existing.high };
        let before = existing.columns;
        let seen_ns = if merged.get("created_at").is_some() { seen_ns } else { seen_ns.min(before.start_ns) };
        let after =
            SpanColumns::derive(&merged, trace.id, before.ended || ended, before.sources.union(sources), seen_ns);
        if merged == stored
            && high == existing.high
            && (after.ended, after.sources, after.start_ns) == (before.ended, before.sources, before.start_ns)
        {
            return Ok(()); // A repeat.
        }
        self.connection
            .prepare_cached(
                "UPDATE spans SET high=?2, parent_key=?3, parent_high=?4, wire_key=?5, wire_high=?6, type=?7, name=?8, service=?9, start_ns=?10, duration_ns=?11, ended=?12, status_code=?13, outcome=?14, sources=?15,
                 tokens_input=?16, tokens_output=?17, tokens_total=?18, model=?19, error=?20, flags=?21, ranks=?22, doc=?23 WHERE no=?1",
            )?
            .execute(params![
                existing.no,
                high,
                after.parent.map(|parent| parent.key),
                after.parent.map(|parent| parent.high),
                after.wire.map(|parent| parent.key),
                after.wire.map(|parent| parent.high),
                after.span_type.as_str(),
                after.name,
                after.service,
                after.start_ns,
                after.duration_ns,
                after.ended,
                after.status_code,
                after.outcome as i64,
                i64::from(after.sources.0),
                after.tokens.input as i64,
                after.tokens.output as i64,
                after.tokens.total as i64,
                after.model,
                after.error,
                after.flags,
                merged.to_ranks(),
                merged.to_doc(),
            ])?;
        trace.span_changed(key, &before, &after, merged.text("session_id").and_then(|text| text.parse().ok()));
        Ok(())
    }

    fn put_update(&mut self, update: &SpanUpdate) -> Result<(), StoreError> {
        let holders: Vec<Vec<u8>> = {
            let mut statement = self.connection.prepare_cached(
                "SELECT t.id FROM spans s JOIN traces t ON t.no = s.trace_no WHERE s.key = ?1 AND s.high = ?2",
            )?;
            statement
                .query_map(params![update.key.key, update.key.high], |row| row.get(0))?
                .collect::<Result<_, _>>()?
        };
        // Traces that this very transaction created are not in the table yet.
        let mut ids: BTreeSet<Id> =
            holders.iter().filter_map(|bytes| Some(Id(bytes.as_slice().try_into().ok()?))).collect();
        ids.extend(
            self.traces
                .values()
                .filter(|trace| trace.fresh && self.fresh_keys.contains(&(trace.no, update.key.key)))
                .map(|trace| trace.id),
        );
        let mut found = false;
        for id in ids {
            let mut trace = self.take_trace(id, 0)?;
            let mut result = Ok(());
            if let Some(existing) =
                self.find_span(trace.no, update.key)?.filter(|existing| existing.high == update.key.high)
            {
                found = true;
                result = self.merge_span(
                    &mut trace,
                    existing,
                    update.key,
                    &update.record,
                    update.ended,
                    Sources::GALILEO,
                    i64::MAX,
                );
            }
            self.traces.insert(id, trace);
            result?;
        }
        if found { Ok(()) } else { self.put_pending(update) }
    }

    fn put_pending(&mut self, update: &SpanUpdate) -> Result<(), StoreError> {
        let (mut record, ended) = self.take_pending(update.key)?.unwrap_or_default();
        record.merge(update.record.clone());
        self.connection
            .prepare_cached("INSERT INTO pending (key, high, ended, ranks, doc) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![
                update.key.key,
                update.key.high,
                ended || update.ended,
                record.to_ranks(),
                record.to_doc()
            ])?;
        self.pending += 1;
        Ok(())
    }

    fn take_pending(&mut self, key: SpanKey) -> Result<Option<(Record, bool)>, StoreError> {
        let found = self
            .connection
            .prepare_cached("DELETE FROM pending WHERE key = ?1 AND high = ?2 RETURNING doc, ranks, ended")?
            .query_row(params![key.key, key.high], |row| {
                Ok((Record::from_stored(&row.get::<_, String>(0)?, &row.get::<_, String>(1)?), row.get(2)?))
            })
            .optional()?;
        self.pending -= i64::from(found.is_some());
        Ok(found)
    }

    /// The stored span that a delivery with this key means: the one with the same id, else one of which only the W3C half is
    /// known on either side.
    fn find_span(&self, trace_no: i64, key: SpanKey) -> Result<Option<Existing>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT no, high, parent_key, parent_high, type, name, service, start_ns, duration_ns, ended, status_code, outcome, sources, tokens_input, tokens_output, tokens_total, flags, ranks, doc
             FROM spans WHERE trace_no = ?1 AND key = ?2 ORDER BY high",
        )?;
        let mut rows: Vec<Existing> =
            statement.query_map(params![trace_no, key.key], Existing::read)?.collect::<Result<_, _>>()?;
        let index = rows
            .iter()
            .position(|row| row.high == key.high)
            .or_else(|| rows.iter().position(|row| row.high == 0))
            .or((key.high == 0 && !rows.is_empty()).then_some(0));
        Ok(index.map(|index| rows.swap_remove(index)))
    }

    fn take_trace(&mut self, id: Id, seen_ns: i64) -> Result<TraceRow, StoreError> {
        if let Some(trace) = self.traces.remove(&id) {
            return Ok(trace);
        }
        if let Some(trace) = TraceRow::load(&self.connection, id)? {
            return Ok(trace);
        }
        let no = self.next_trace_no;
        self.next_trace_no += 1;
        Ok(TraceRow::new(no, id, seen_ns))
    }

    fn place_order(&mut self, place: Place) -> Result<(Id, Id), StoreError> {
        if let Some(ids) = self.places.get(&place.stream_no) {
            return Ok(*ids);
        }
        let ids = self.connection.query_row(
            "SELECT p.id, s.id FROM streams s JOIN projects p ON p.no = s.project_no WHERE s.no = ?1",
            [place.stream_no],
            |row| Ok((super::id_at(row, 0)?, super::id_at(row, 1)?)),
        )?;
        self.places.insert(place.stream_no, ids);
        Ok(ids)
    }

    /// Writes the touched traces and returns what changed.
    fn flush(&mut self) -> Result<Vec<Change>, StoreError> {
        if self.traces.is_empty() {
            return Ok(Vec::new());
        }
        self.version += 1;
        let mut changes = Vec::with_capacity(self.traces.len());
        for (id, mut trace) in std::mem::take(&mut self.traces) {
            trace.store(&self.connection, self.version)?;
            let project_id = match trace.place {
                Some(place) => self.place_order(place)?.0,
                None => Id::default(),
            };
            changes.push(Change { project_id, trace_id: id, version: self.version });
        }
        self.fresh_keys.clear();
        changes.sort_by_key(|change| change.trace_id);
        Ok(changes)
    }

    fn transact(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<Vec<Change>, StoreError> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let result =
            jobs.iter_mut().try_for_each(|job| job.apply(self)).and_then(|()| self.flush()).and_then(|changes| {
                self.connection.prepare_cached("COMMIT")?.execute([])?;
                Ok(changes)
            });
        if result.is_err() {
            if !self.connection.is_autocommit() {
                let _ = self.connection.execute_batch("ROLLBACK");
            }
            let _ = self.reload();
        }
        result
    }
}

/// Runs until every sender is gone.
pub(super) fn run(
    lock: &super::WriterCell,
    mut jobs: mpsc::UnboundedReceiver<Box<dyn Job>>,
    changes: &broadcast::Sender<Change>,
) {
    while let Some(first) = jobs.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < JOBS_PER_COMMIT {
            let Ok(job) = jobs.try_recv() else { break };
            batch.push(job);
        }
        let mut writer = lock.lock();
        match writer.transact(&mut batch) {
            Ok(changed) => {
                drop(writer);
                finish(batch, changed, changes);
            }
            Err(error) if batch.len() == 1 => {
                drop(writer);
                batch.into_iter().for_each(|job| job.finish(Err(error.clone())));
            }
            // One of them is at fault: each alone, so that the others do not pay for it.
            Err(_) => {
                for job in batch {
                    let mut alone = [job];
                    let result = writer.transact(&mut alone);
                    let [job] = alone;
                    match result {
                        Ok(changed) => finish(vec![job], changed, changes),
                        Err(error) => job.finish(Err(error)),
                    }
                }
            }
        }
    }
}

fn finish(jobs: Vec<Box<dyn Job>>, changed: Vec<Change>, changes: &broadcast::Sender<Change>) {
    for change in changed {
        // Nobody listens: that is no failure.
        let _ = changes.send(change);
    }
    jobs.into_iter().for_each(|job| job.finish(Ok(())));
}

struct Existing {
    no: i64,
    high: i64,
    columns: SpanColumns,
    ranks: String,
    doc: String,
}

impl Existing {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Existing> {
        let parent: Option<i64> = row.get(2)?;
        Ok(Existing {
            no: row.get(0)?,
            high: row.get(1)?,
            columns: SpanColumns {
                parent: parent.zip(row.get(3)?).map(|(key, high)| SpanKey { key, high }),
                wire: None,
                span_type: SpanType::parse(row.get_ref(4)?.as_str()?).unwrap_or_default(),
                name: row.get(5)?,
                service: row.get(6)?,
                start_ns: row.get(7)?,
                duration_ns: row.get(8)?,
                ended: row.get(9)?,
                status_code: row.get(10)?,
                outcome: outcome(row.get(11)?),
                sources: Sources(row.get(12)?),
                tokens: Tokens {
                    input: row.get::<_, i64>(13)? as u64,
                    output: row.get::<_, i64>(14)? as u64,
                    total: row.get::<_, i64>(15)? as u64,
                },
                model: None,
                error: None,
                flags: row.get(16)?,
            },
            ranks: row.get(17)?,
            doc: row.get(18)?,
        })
    }
}

/// The stored form of an outcome is its position in the enum.
pub(super) fn outcome(value: i64) -> Outcome {
    match value {
        0 => Outcome::Running,
        2 => Outcome::Error,
        3 => Outcome::Panic,
        4 => Outcome::Cancelled,
        _ => Outcome::Ok,
    }
}
