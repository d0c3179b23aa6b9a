//! Applies deliveries to the tables. Lives on one thread; `queue` feeds it.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension as _, params};

use super::StoreError;
use super::merge::Record;
use super::outbox::Outbox;
use super::part::{Part, Place, SpanPart, SpanUpdate, TracePart};
use super::queue::Job;
use super::row::{SpanColumns, SpanKey};
use super::span_table::{self, Existing};
use super::trace_row::TraceRow;
use super::{facet, text, view};
use crate::ingest::Names;
use crate::model::{Change, Id, Sources};

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
    pub(super) outbox: Outbox,
    facets: facet::Values,
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
            outbox: Outbox::default(),
            facets: facet::Values::default(),
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
        self.outbox.reset();
        self.facets.clear();
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
            span_table::find(&self.connection, trace.no, part.key)?
        };
        let (mut record, mut ended) = (Cow::Borrowed(&part.record), part.ended);
        if self.pending > 0
            && let Some((update, update_ended)) = self.take_pending(part.key)?
        {
            record.to_mut().merge(update);
            ended |= update_ended;
        }
        let news = News { key: part.key, record: &record, ended, sources: part.sources, seen_ns: part.seen_ns };
        let result = match existing {
            Some(existing) => self.merge_span(&mut trace, existing, &news),
            None => self.insert_span(&mut trace, part.place, &news),
        };
        self.traces.insert(part.trace_id, trace);
        result
    }

    fn insert_span(&mut self, trace: &mut TraceRow, place: Place, news: &News<'_>) -> Result<(), StoreError> {
        let columns = SpanColumns::derive(news.record, trace.id, news.ended, news.sources, news.seen_ns);
        let no = span_table::insert(&self.connection, trace.no, news.key, place, &columns, news.record)?;
        self.outbox.queue(&self.connection, no, columns.ended, true)?;
        if trace.fresh {
            self.fresh_keys.insert((trace.no, news.key.key));
        }
        trace.w3c_named(news.record);
        trace.touched(no);
        trace.span_arrived(news.key, &columns, news.record.text("session_id").and_then(|text| text.parse().ok()));
        Ok(())
    }

    fn merge_span(&mut self, trace: &mut TraceRow, existing: Existing, news: &News<'_>) -> Result<(), StoreError> {
        let stored = Record::from_stored(&existing.doc, &existing.ranks);
        let mut merged = stored.clone();
        merged.merge(news.record.clone());
        let high = if existing.high == 0 { news.key.high } else { existing.high };
        let before = existing.columns;
        let seen_ns = if merged.get("created_at").is_some() { news.seen_ns } else { news.seen_ns.min(before.start_ns) };
        let sources = before.sources.union(news.sources);
        let after = SpanColumns::derive(&merged, trace.id, before.ended || news.ended, sources, seen_ns);
        if merged == stored
            && high == existing.high
            && (after.ended, after.sources, after.start_ns) == (before.ended, before.sources, before.start_ns)
        {
            return Ok(()); // A repeat.
        }
        span_table::update(&self.connection, existing.no, high, &after, &merged)?;
        self.outbox.queue(&self.connection, existing.no, after.ended, false)?;
        trace.w3c_named(&merged);
        trace.touched(existing.no);
        trace.span_changed(news.key, &before, &after, merged.text("session_id").and_then(|text| text.parse().ok()));
        Ok(())
    }

    fn put_update(&mut self, update: &SpanUpdate) -> Result<(), StoreError> {
        let is_it = |(_, high, _): &(i64, i64, i64)| *high == update.key.high;
        let holders = span_table::holders(&self.connection, update.key.key, |found| found.iter().any(is_it))?;
        // Traces that this very transaction created are not in the table yet.
        let mut ids: BTreeSet<Id> = BTreeSet::new();
        for (.., trace_no) in holders.into_iter().filter(is_it) {
            ids.extend(view::trace_id(&self.connection, trace_no)?);
        }
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
            if let Some(existing) = span_table::find(&self.connection, trace.no, update.key)?
                .filter(|existing| existing.high == update.key.high)
            {
                found = true;
                let SpanUpdate { key, record, ended, sources } = update;
                let news = News { key: *key, record, ended: *ended, sources: *sources, seen_ns: i64::MAX };
                result = self.merge_span(&mut trace, existing, &news);
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

    /// The deliveries that follow, up to the end of the job, came through these consoles.
    pub(crate) fn came_via(&mut self, consoles: &str) {
        self.outbox.via.push_str(consoles);
    }

    fn apply(&mut self, job: &mut Box<dyn Job>) -> Result<(), StoreError> {
        self.outbox.via.clear();
        job.apply(self)
    }

    /// Writes the touched traces and returns what changed.
    fn flush(&mut self) -> Result<Vec<Change>, StoreError> {
        self.outbox.flush(&self.connection)?;
        if self.traces.is_empty() {
            return Ok(Vec::new());
        }
        self.version += 1;
        let mut changes = Vec::with_capacity(self.traces.len());
        for (id, mut trace) in std::mem::take(&mut self.traces) {
            trace.store(&self.connection, self.version, &mut self.facets)?;
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

    /// Takes the text index a step further; whether there is more to do.
    pub(super) fn index_step(&mut self) -> Result<bool, StoreError> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let more = text::step(&self.connection).and_then(|more| {
            self.connection.prepare_cached("COMMIT")?.execute([])?;
            Ok(more)
        });
        if more.is_err() && !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        more
    }

    pub(super) fn transact(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<Vec<Change>, StoreError> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let result =
            jobs.iter_mut().try_for_each(|job| self.apply(job)).and_then(|()| self.flush()).and_then(|changes| {
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

/// What a delivery brings for one span.
struct News<'a> {
    key: SpanKey,
    record: &'a Record,
    ended: bool,
    sources: Sources,
    seen_ns: i64,
}
