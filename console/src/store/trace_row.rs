//! One row of `traces`: the trace's own record and the sums over its spans, kept up to date by differences.
//!
//! Sums are exact under any order of arrival. Extremes (first start, last end, the span that lends its name) only grow by
//! differences; when a change may shrink one, they are read anew from the spans.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::StoreError;
use super::facet::{Facet, Kind, Values};
use super::merge::Record;
use super::part::Place;
use super::row::{SpanColumns, SpanKey, duration};
use super::{leaf, text};
use crate::model::{Id, SpanType};
use crate::time::{now_ns, parse_iso};

/// Names of services that a trace keeps; more than a page can show.
const SERVICES: usize = 200;

/// Spans of a trace that are read again for its tokens whenever it changes; in a larger one every model's tokens count.
const NESTED: i64 = 20_000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    spans: i64,
    open: i64,
    errors: i64,
    input: i64,
    output: i64,
    total: i64,
}

impl Sums {
    fn of(columns: &SpanColumns) -> Sums {
        let llm = i64::from(columns.span_type == SpanType::Llm);
        Sums {
            spans: 1,
            open: i64::from(!columns.ended),
            errors: i64::from(columns.failed()),
            input: llm * columns.tokens.input as i64,
            output: llm * columns.tokens.output as i64,
            total: llm * columns.tokens.total as i64,
        }
    }

    fn add(&mut self, other: Sums, sign: i64) {
        self.spans += sign * other.spans;
        self.open += sign * other.open;
        self.errors += sign * other.errors;
        self.input += sign * other.input;
        self.output += sign * other.output;
        self.total += sign * other.total;
    }
}

/// The span that lends its name to a trace nobody sent: without a parent before with one, then the earliest.
type Root = (bool, i64, i64);

#[derive(Clone, Debug)]
pub(super) struct TraceRow {
    pub(super) no: i64,
    pub(super) id: Id,
    /// Not in the table yet.
    pub(super) fresh: bool,
    pub(super) record: Record,
    pub(super) has_record: bool,
    pub(super) complete: bool,
    pub(super) place: Option<Place>,
    new_places: Vec<Place>,
    session: Option<Id>,
    /// The id under which the trace travels in W3C headers, when that is another one.
    w3c_id: Option<Id>,
    /// Which types its spans have, as bits.
    types: i64,
    /// The facets and the start that are in the database.
    stored: (BTreeSet<Facet>, i64),
    /// The first span that was touched in this transaction.
    since: i64,
    /// Of the spans that this transaction added: those of models, and what all of them name as parents.
    added: (Vec<i64>, Vec<i64>),
    name: String,
    status_code: Option<i64>,
    start_ns: Option<i64>,
    /// When it was first heard of: the start of a trace for which no sender gave one.
    seen_ns: i64,
    end_ns: Option<i64>,
    sums: Sums,
    root: Option<(Root, String)>,
    services: BTreeSet<String>,
    extremes_stale: bool,
}

impl TraceRow {
    pub(super) fn new(no: i64, id: Id, seen_ns: i64) -> TraceRow {
        TraceRow {
            no,
            id,
            fresh: true,
            record: Record::default(),
            has_record: false,
            complete: false,
            place: None,
            new_places: Vec::new(),
            session: None,
            w3c_id: None,
            types: 0,
            stored: (BTreeSet::new(), 0),
            since: 0,
            added: (Vec::new(), Vec::new()),
            name: String::new(),
            status_code: None,
            start_ns: None,
            seen_ns,
            end_ns: None,
            sums: Sums::default(),
            root: None,
            services: BTreeSet::new(),
            extremes_stale: false,
        }
    }

    pub(super) fn load(connection: &Connection, id: Id) -> Result<Option<TraceRow>, StoreError> {
        let mut statement = connection.prepare_cached(
            "SELECT no, project_no, stream_no, session_id, name, start_ns, end_ns, has_record, complete, status_code, span_count, open_count, error_count, tokens_input, tokens_output, tokens_total,
             root_name, root_rank, root_start, root_key, services, ranks, doc, w3c_id, types FROM traces WHERE id = ?1",
        )?;
        let found = statement
            .query_row([id.0.as_slice()], |row| {
                let root_rank: i64 = row.get(17)?;
                Ok(TraceRow {
                    no: row.get(0)?,
                    id,
                    fresh: false,
                    record: Record::from_stored(row.get_ref(22)?.as_str()?, row.get_ref(21)?.as_str()?),
                    has_record: row.get(7)?,
                    complete: row.get(8)?,
                    place: Some(Place { project_no: row.get(1)?, stream_no: row.get(2)? }),
                    new_places: Vec::new(),
                    session: super::optional_id_at(row, 3)?,
                    w3c_id: super::optional_id_at(row, 23)?,
                    types: row.get(24)?,
                    stored: (BTreeSet::new(), 0),
                    since: i64::MAX,
                    added: (Vec::new(), Vec::new()),
                    name: row.get(4)?,
                    status_code: row.get(9)?,
                    start_ns: row.get(5)?,
                    seen_ns: row.get(5)?,
                    end_ns: row.get(6)?,
                    sums: Sums {
                        spans: row.get(10)?,
                        open: row.get(11)?,
                        errors: row.get(12)?,
                        input: row.get(13)?,
                        output: row.get(14)?,
                        total: row.get(15)?,
                    },
                    root: match root_rank {
                        2 => None,
                        rank => Some(((rank == 1, row.get(18)?, row.get(19)?), row.get(16)?)),
                    },
                    services: serde_json::from_str(row.get_ref(20)?.as_str()?).unwrap_or_default(),
                    extremes_stale: false,
                })
            })
            .optional()?;
        Ok(found.map(|mut trace: TraceRow| {
            trace.stored = (trace.facets(), trace.start());
            trace
        }))
    }

    /// When it began, as its row says.
    fn start(&self) -> i64 {
        self.start_ns.unwrap_or(self.seen_ns)
    }

    /// What it can be filtered by, but for the places that it was sent to besides its home.
    fn facets(&self) -> BTreeSet<Facet> {
        let mut facets: BTreeSet<Facet> = self.services.iter().map(|name| (Kind::Service, name.clone())).collect();
        facets.extend(
            TYPES
                .iter()
                .filter(|span_type| self.types & bit(**span_type) != 0)
                .map(|span_type| (Kind::Type, span_type.as_str().to_owned())),
        );
        for place in self.place.iter().chain(&self.new_places) {
            facets.extend(place_facets(*place));
        }
        if self.sums.errors > 0 || self.status_code.is_some_and(|code| code >= 400) {
            facets.insert((Kind::Failed, String::new()));
        }
        if if self.has_record { !self.complete } else { self.sums.open > 0 } {
            facets.insert((Kind::Open, String::new()));
        }
        facets
    }

    /// Takes note of a span that was stored, for the text index.
    pub(super) fn touched(&mut self, span_no: i64) {
        self.since = self.since.min(span_no);
    }

    /// The trace's home is where it was created, else the first by id of the places that its spans were sent to.
    pub(super) fn add_place(&mut self, place: Place, order: (Id, Id), home_order: (Id, Id), create: bool) {
        let Some(home) = self.place else {
            self.place = Some(place);
            return;
        };
        if home == place {
            return;
        }
        // So far only updates named a place, and those may leave out the log stream.
        if !self.has_record && self.sums.spans == 0 {
            self.place = Some(place);
            return;
        }
        let moves = if create == self.has_record { order < home_order } else { create };
        let other = if moves { std::mem::replace(self.place.get_or_insert(place), place) } else { place };
        for place in [other, place] {
            if !self.new_places.contains(&place) {
                self.new_places.push(place);
            }
        }
    }

    /// Takes the columns from the trace's own record.
    pub(super) fn derive_record(&mut self, before: &Record) {
        self.name = self.record.text("name").unwrap_or_default();
        self.status_code = self.record.integer("status_code");
        if let Some(session) = self.record.text("session_id").and_then(|text| text.parse().ok()) {
            self.session = Some(session);
        }
        if let Some(service) = self.record.text("user_metadata\u{1f}service.name") {
            self.add_service(&service);
        }
        let (start, end) = times(&self.record);
        let (start_before, end_before) = times(before);
        // A start that was not known before may replace the moment of first arrival.
        self.extremes_stale |= (start != start_before && !self.fresh)
            || start_before.is_some_and(|before| start != Some(before))
            || end < end_before;
        self.start_ns = [self.start_ns, start].into_iter().flatten().min();
        self.end_ns = self.end_ns.max(end);
    }

    fn add_service(&mut self, service: &str) {
        if self.services.len() < SERVICES && !self.services.contains(service) {
            self.services.insert(service.to_owned());
        }
    }

    pub(super) fn span_arrived(&mut self, key: SpanKey, columns: &SpanColumns, session: Option<Id>) {
        self.sums.add(Sums::of(columns), 1);
        if columns.span_type == SpanType::Llm {
            self.added.0.push(key.key);
        }
        self.added.1.extend(columns.parent.map(|parent| parent.key));
        self.widen(key, columns);
        self.spans_session(session);
    }

    pub(super) fn span_changed(
        &mut self,
        key: SpanKey,
        before: &SpanColumns,
        after: &SpanColumns,
        session: Option<Id>,
    ) {
        self.sums.add(Sums::of(before), -1);
        self.sums.add(Sums::of(after), 1);
        self.extremes_stale |= before.start_ns != after.start_ns
            || before.parent.is_some() != after.parent.is_some()
            || before.name != after.name
            || before.span_type != after.span_type
            || after.end_ns() < before.end_ns();
        self.widen(key, after);
        self.spans_session(session);
    }

    fn widen(&mut self, key: SpanKey, columns: &SpanColumns) {
        self.start_ns = Some(self.start_ns.map_or(columns.start_ns, |start| start.min(columns.start_ns)));
        self.end_ns = self.end_ns.max(columns.end_ns());
        self.types |= bit(columns.span_type);
        let root = (columns.parent.is_some(), columns.start_ns, key.key);
        if self.root.as_ref().is_none_or(|(present, _)| root < *present) {
            self.root = Some((root, columns.name.clone()));
        }
        if let Some(service) = &columns.service {
            self.add_service(service);
        }
    }

    /// A session that only spans name (OTLP has no trace record) is the smallest of them.
    fn spans_session(&mut self, session: Option<Id>) {
        if self.record.get("session_id").is_none() && session.is_some() {
            self.session = [self.session, session].into_iter().flatten().min();
        }
    }

    /// Takes note of the W3C trace id that a span brings. Of several, the smallest that differs in nothing but the fixed bits.
    pub(super) fn w3c_named(&mut self, record: &Record) {
        let sent = || {
            let otel = record.get("otel").filter(|otel| otel.contains("\"trace_id\""))?;
            let otel: Otel<'_> = serde_json::from_str(otel).ok()?;
            otel.trace_id.map(std::borrow::Cow::into_owned)
        };
        let named =
            record.text("user_metadata\u{1f}w3c.trace_id").or_else(sent).and_then(|text| text.parse::<Id>().ok());
        let order = |id: &Id| (id.as_v4() != self.id, *id);
        self.w3c_id = [self.w3c_id, named].into_iter().flatten().min_by_key(order);
    }

    fn read_extremes(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let (start, end): (Option<i64>, Option<i64>) = connection
            .prepare_cached("SELECT MIN(start_ns), MAX(start_ns + duration_ns) FROM spans WHERE trace_no = ?1")?
            .query_row([self.no], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (own_start, own_end) = times(&self.record);
        self.end_ns = end.max(own_end);
        self.start_ns = [own_start, start].into_iter().flatten().min();
        self.types = connection
            .prepare_cached("SELECT DISTINCT type FROM spans WHERE trace_no = ?1")?
            .query_map([self.no], |row| Ok(SpanType::parse(row.get_ref(0)?.as_str()?).unwrap_or_default()))?
            .map(|span_type| span_type.map(bit))
            .sum::<Result<i64, _>>()?;
        self.root = connection
            .prepare_cached("SELECT parent_key IS NOT NULL, start_ns, key, name FROM spans WHERE trace_no = ?1 ORDER BY 1, 2, 3 LIMIT 1")?
            .query_row([self.no], |row| Ok(((row.get(0)?, row.get(1)?, row.get(2)?), row.get(3)?)))
            .optional()?;
        Ok(())
    }

    /// Whether one call of a model may lie within another, so that tokens cannot be added as spans come.
    fn may_nest(&self) -> bool {
        let models = self.types & bit(SpanType::Llm) != 0 && self.sums.spans > 1 && self.sums.spans <= NESTED;
        // All spans of a new trace are known here.
        models && (!self.fresh || self.added.0.iter().any(|model| self.added.1.contains(model)))
    }

    fn store_facets(&self, connection: &Connection, values: &mut Values) -> Result<(), StoreError> {
        let (mut before, start) = self.stored.clone();
        let mut after = self.facets();
        // Where else it was sent stands in a table of its own, which only a trace that moves in time has to read.
        if !self.fresh && start != self.start() {
            let mut statement =
                connection.prepare_cached("SELECT project_no, stream_no FROM places WHERE trace_no = ?1")?;
            let places = statement
                .query_map([self.no], |row| Ok(Place { project_no: row.get(0)?, stream_no: row.get(1)? }))?
                .collect::<Result<Vec<_>, _>>()?;
            for place in places {
                before.extend(place_facets(place));
                after.extend(place_facets(place));
            }
        }
        values.change(connection, self.no, (&before, start), (&after, self.start()))
    }

    pub(super) fn store(
        &mut self,
        connection: &Connection,
        version: u64,
        facets: &mut Values,
    ) -> Result<(), StoreError> {
        if self.extremes_stale {
            self.read_extremes(connection)?;
        }
        if self.may_nest() {
            let tokens = leaf::tokens(connection, self.no)?;
            (self.sums.input, self.sums.output, self.sums.total) =
                (tokens.input as i64, tokens.output as i64, tokens.total as i64);
        }
        let place = self.place.unwrap_or(Place { project_no: 0, stream_no: 0 });
        let sql = if self.fresh {
            "INSERT INTO traces (no, id, project_no, stream_no, session_id, name, start_ns, end_ns, has_record, complete, status_code, span_count, open_count, error_count, tokens_input, tokens_output, tokens_total,
             root_name, root_rank, root_start, root_key, version, services, ranks, doc, updated_ns, w3c_id, types) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,?24,?25,?26,?27,?28)"
        } else {
            "UPDATE traces SET project_no=?3, stream_no=?4, session_id=?5, name=?6, start_ns=?7, end_ns=?8, has_record=?9, complete=?10, status_code=?11, span_count=?12, open_count=?13, error_count=?14,
             tokens_input=?15, tokens_output=?16, tokens_total=?17, root_name=?18, root_rank=?19, root_start=?20, root_key=?21, version=?22, services=?23, ranks=?24, doc=?25, updated_ns=?26, w3c_id=?27, types=?28 WHERE no=?1 AND id=?2"
        };
        let (root_rank, root_start, root_key, root_name) = match &self.root {
            None => (2, 0, 0, ""),
            Some(((has_parent, start, key), name)) => (i64::from(*has_parent), *start, *key, name.as_str()),
        };
        connection.prepare_cached(sql)?.execute(params![
            self.no,
            self.id.0.as_slice(),
            place.project_no,
            place.stream_no,
            self.session.map(|id| id.0.to_vec()),
            self.name,
            self.start(),
            self.end_ns,
            self.has_record,
            self.complete,
            self.status_code,
            self.sums.spans,
            self.sums.open,
            self.sums.errors,
            self.sums.input,
            self.sums.output,
            self.sums.total,
            root_name,
            root_rank,
            root_start,
            root_key,
            version as i64,
            serde_json::to_string(&self.services).unwrap_or_else(|_| "[]".into()),
            self.record.to_ranks(),
            self.record.to_doc(),
            now_ns(),
            self.w3c_id.map(|id| id.0),
            self.types,
        ])?;
        for place in &self.new_places {
            connection
                .prepare_cached("INSERT OR IGNORE INTO places (trace_no, project_no, stream_no) VALUES (?1, ?2, ?3)")?
                .execute(params![self.no, place.project_no, place.stream_no])?;
        }
        self.store_facets(connection, facets)?;
        text::changed(connection, self.no, self.since)
    }
}

#[derive(serde::Deserialize)]
struct Otel<'a> {
    #[serde(borrow, default)]
    trace_id: Option<std::borrow::Cow<'a, str>>,
}

/// All types of spans.
const TYPES: [SpanType; 6] =
    [SpanType::Workflow, SpanType::Agent, SpanType::Llm, SpanType::Retriever, SpanType::Tool, SpanType::Control];

/// The bit of a type in `traces.types`.
fn bit(span_type: SpanType) -> i64 {
    1 << span_type as i64
}

fn place_facets(place: Place) -> [Facet; 2] {
    [(Kind::Project, place.project_no.to_string()), (Kind::Stream, place.stream_no.to_string())]
}

/// When the trace's own record says that it began and ended.
fn times(record: &Record) -> (Option<i64>, Option<i64>) {
    let start = record.text("created_at").and_then(|text| parse_iso(&text));
    (start, start.zip(duration(record)).map(|(start, duration)| start.saturating_add(duration)))
}
