//! Spans that wait to be forwarded. A span enters the queue in the transaction that stores it and leaves it in the one that counts
//! what became of it, so that neither a killed console nor a long outage loses one. The queue holds numbers of spans only; what
//! bounds it is retention, which counts what it takes away.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::Value;

use super::row::SpanKey;
use super::writer::Writer;
use super::{StoreError, optional_id_at, service, view};
use crate::export::otlp::{Outgoing, low, unhex};
use crate::model::Id;
use crate::time::now_ns;

/// How long a span that has not ended waits for its end. OTLP knows no open spans, and readers show a span once.
const OPEN_NS: i64 = 600_000_000_000;

/// Bytes of records in one batch, about.
const BATCH_BYTES: usize = 4 << 20;

/// Whereto the writer queues spans.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    targets: Vec<Listed>,
    /// The consoles that the delivery being stored came through.
    pub(super) via: String,
}

#[derive(Debug)]
struct Listed {
    no: i64,
    settle_ns: i64,
    /// Spans that were queued in this transaction.
    accepted: i64,
}

impl Outbox {
    /// Queues a span that was stored (`fresh`) or has changed. One that is queued already waits anew, so that what still changes
    /// travels once.
    pub(super) fn queue(
        &mut self,
        connection: &Connection,
        span_no: i64,
        ended: bool,
        fresh: bool,
    ) -> Result<(), StoreError> {
        let now = now_ns();
        for target in &mut self.targets {
            let due = now.saturating_add(if ended { target.settle_ns } else { OPEN_NS });
            let moved = !fresh
                && connection
                    .prepare_cached("UPDATE outbox SET due_ns = ?3, ended = ?4, via = max(via, ?5) WHERE target_no = ?1 AND span_no = ?2")?
                    .execute(params![target.no, span_no, due, ended, self.via])?
                    > 0;
            if !moved {
                connection
                    .prepare_cached(
                        "INSERT INTO outbox (target_no, span_no, due_ns, ended, via) VALUES (?1, ?2, ?3, ?4, ?5)",
                    )?
                    .execute(params![target.no, span_no, due, ended, self.via])?;
                target.accepted += 1;
            }
        }
        Ok(())
    }

    /// Writes down how many spans this transaction queued.
    pub(super) fn flush(&mut self, connection: &Connection) -> Result<(), StoreError> {
        for target in self.targets.iter_mut().filter(|target| target.accepted > 0) {
            connection
                .prepare_cached("UPDATE targets SET accepted = accepted + ?2 WHERE no = ?1")?
                .execute([target.no, target.accepted])?;
            target.accepted = 0;
        }
        Ok(())
    }

    /// Forgets what a transaction that failed had counted.
    pub(super) fn reset(&mut self) {
        self.targets.iter_mut().for_each(|target| target.accepted = 0);
        self.via.clear();
    }
}

/// What became of queued spans.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settled {
    /// The spans by number, each with the moment at which it was due when it was read.
    pub(crate) spans: Vec<(i64, i64)>,
    pub(crate) fate: Fate,
    /// How many of a delivered batch the target said it did not take.
    pub(crate) refused: i64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fate {
    #[default]
    Delivered,
    /// The target refuses this span for good.
    Rejected,
    /// It came from there.
    Loop,
}

/// What became of all spans that were ever queued for a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Account {
    /// Put into the queue.
    pub accepted: i64,
    /// Taken by the target.
    pub delivered: i64,
    /// Refused by the target for good.
    pub rejected: i64,
    /// Not sent because they had come from there.
    pub looped: i64,
    /// Forgotten by retention before they could be sent.
    pub forgotten: i64,
    /// Waiting.
    pub queued: i64,
}

/// A batch to send, with what it takes to settle it.
#[derive(Debug, Default)]
pub(crate) struct Parcel {
    pub(crate) spans: Vec<Outgoing>,
    pub(crate) via: String,
    /// When the next span is due; `None` when none waits.
    pub(crate) next_due_ns: Option<i64>,
}

impl Writer {
    /// Registers the targets of this run, each with how long a span rests before it is sent; their numbers.
    pub(crate) fn set_targets(&mut self, targets: &[(String, i64)]) -> Result<Vec<i64>, StoreError> {
        let mut numbers = Vec::new();
        for (url, _) in targets {
            self.connection.prepare_cached("INSERT OR IGNORE INTO targets (url) VALUES (?1)")?.execute([url])?;
            numbers.push(
                self.connection
                    .prepare_cached("SELECT no FROM targets WHERE url = ?1")?
                    .query_row([url], |row| row.get(0))?,
            );
        }
        let listed = numbers.iter().zip(targets);
        self.outbox.targets =
            listed.map(|(&no, (_, settle_ns))| Listed { no, settle_ns: *settle_ns, accepted: 0 }).collect();
        Ok(numbers)
    }

    /// Takes spans from the queue and counts what became of them. One that changed while it was under way stays.
    pub(crate) fn settle(&mut self, target_no: i64, settled: &Settled) -> Result<(), StoreError> {
        let mut count = 0;
        for (span_no, due_ns) in &settled.spans {
            let gone = self
                .connection
                .prepare_cached("DELETE FROM outbox WHERE target_no = ?1 AND span_no = ?2 AND due_ns = ?3")?
                .execute([target_no, *span_no, *due_ns])? as i64;
            count += gone;
            if gone == 0 {
                // It is sent again, and that is another span for the account.
                let waits = self
                    .connection
                    .prepare_cached("SELECT 1 FROM outbox WHERE target_no = ?1 AND span_no = ?2")?
                    .exists([target_no, *span_no])?;
                if waits {
                    count += 1;
                    self.connection
                        .prepare_cached("UPDATE targets SET accepted = accepted + 1 WHERE no = ?1")?
                        .execute([target_no])?;
                }
            }
        }
        let column = match settled.fate {
            Fate::Delivered => "delivered",
            Fate::Rejected => "rejected",
            Fate::Loop => "looped",
        };
        let refused = settled.refused.clamp(0, count);
        self.connection
            .prepare_cached(&format!("UPDATE targets SET {column} = {column} + ?2 WHERE no = ?1"))?
            .execute([target_no, count - refused])?;
        if refused > 0 {
            self.connection
                .prepare_cached("UPDATE targets SET rejected = rejected + ?2 WHERE no = ?1")?
                .execute([target_no, refused])?;
        }
        Ok(())
    }
}

/// Takes the spans of a trace that is forgotten from every queue, and counts them.
pub(super) fn forget(connection: &Connection, trace_no: i64) -> Result<(), StoreError> {
    let targets: Vec<i64> = connection
        .prepare_cached("SELECT no FROM targets")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for target in targets {
        let gone = connection
            .prepare_cached(
                "DELETE FROM outbox WHERE target_no = ?1 AND span_no IN (SELECT no FROM spans WHERE trace_no = ?2)",
            )?
            .execute([target, trace_no])? as i64;
        if gone > 0 {
            connection
                .prepare_cached("UPDATE targets SET forgotten = forgotten + ?2 WHERE no = ?1")?
                .execute([target, gone])?;
        }
    }
    Ok(())
}

/// What became of the spans of a target.
pub(crate) fn account(connection: &Connection, target_no: i64) -> Result<Account, StoreError> {
    let sql = "SELECT accepted, delivered, rejected, looped, forgotten FROM targets WHERE no = ?1";
    let found = connection
        .prepare_cached(sql)?
        .query_row([target_no], |row| {
            let (accepted, delivered, rejected, looped, forgotten) =
                (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
            let queued = accepted - delivered - rejected - looped - forgotten;
            Ok(Account { accepted, delivered, rejected, looped, forgotten, queued })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// The spans that are due, at most `limit` and of one way hither. `closing` takes every span that has ended, due or not.
pub(crate) fn parcel(
    connection: &Connection,
    target_no: i64,
    limit: usize,
    closing: bool,
) -> Result<Parcel, StoreError> {
    let now = now_ns();
    let mut statement = connection.prepare_cached(
        "SELECT o.span_no, o.due_ns, o.via, length(s.doc) FROM outbox o JOIN spans s ON s.no = o.span_no
         WHERE o.target_no = ?1 AND (o.due_ns <= ?2 OR (?3 AND o.ended)) ORDER BY o.due_ns LIMIT ?4",
    )?;
    let mut rows = statement.query(params![target_no, now, closing, limit as i64])?;
    let (mut chosen, mut bytes, mut parcel) = (Vec::new(), 0, Parcel::default());
    while let Some(row) = rows.next()? {
        let via: String = row.get(2)?;
        if chosen.is_empty() {
            parcel.via = via;
        } else if via != parcel.via {
            continue;
        }
        chosen.push((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
        bytes += row.get::<_, i64>(3)? as usize;
        if bytes >= BATCH_BYTES {
            break;
        }
    }
    if chosen.is_empty() {
        parcel.next_due_ns = connection
            .prepare_cached("SELECT MIN(due_ns) FROM outbox WHERE target_no = ?1")?
            .query_row([target_no], |row| row.get(0))?;
        return Ok(parcel);
    }
    let mut services = HashMap::new();
    let mut parents = BTreeMap::new();
    for (span_no, due_ns) in chosen {
        parcel.spans.push(outgoing(connection, span_no, due_ns, &mut services, &mut parents)?);
    }
    Ok(parcel)
}

/// Ids of spans as they were sent, by trace and key.
type Parents = BTreeMap<(i64, SpanKey), Option<[u8; 8]>>;

fn outgoing(
    connection: &Connection,
    span_no: i64,
    due_ns: i64,
    services: &mut service::Known,
    parents: &mut Parents,
) -> Result<Outgoing, StoreError> {
    let (trace_no, trace_id, w3c_id, session_id, doc): (i64, Id, Option<Id>, Option<Id>, String) = connection
        .prepare_cached("SELECT t.no, t.id, t.w3c_id, t.session_id, s.doc FROM spans s JOIN traces t ON t.no = s.trace_no WHERE s.no = ?1")?
        .query_row([span_no], |row| {
            Ok((row.get(0)?, super::id_at(row, 1)?, optional_id_at(row, 2)?, optional_id_at(row, 3)?, row.get(4)?))
        })?;
    let mut loose = connection
        .prepare_cached(&format!("{} WHERE no = ?1", view::FULL))?
        .query_row([span_no], |row| view::read_span(row, trace_id, true))?;
    if loose.node.service.is_none() {
        loose.node.service = service::inherited(connection, trace_no, loose.parent.map(|parent| parent.key), services)?;
    }
    let mut parent_id = None;
    for parent in [loose.parent, loose.wire].into_iter().flatten() {
        let found = match parents.get(&(trace_no, parent)) {
            Some(found) => *found,
            None => {
                let found = stored_id(connection, trace_no, trace_id, parent)?;
                parents.insert((trace_no, parent), found);
                found
            }
        };
        parent_id = found;
        if parent_id.is_some() {
            break;
        }
    }
    let parent_id = parent_id.or_else(|| loose.parent.map(|parent| named_id(&doc, parent, trace_id)));
    Ok(Outgoing { span_no, due_ns, trace_id: w3c_id.unwrap_or(trace_id).0, parent_id, session_id, node: loose.node })
}

/// The W3C id of a span that is here: as it was sent, else the last half of its UUID.
fn stored_id(
    connection: &Connection,
    trace_no: i64,
    trace_id: Id,
    wanted: SpanKey,
) -> Result<Option<[u8; 8]>, StoreError> {
    let sql = "SELECT high, json_extract(doc, '$.otel.span_id') FROM spans WHERE trace_no = ?1 AND key = ?2 AND (high = ?3 OR high = 0 OR ?3 = 0) ORDER BY high <> ?3";
    let found: Option<(i64, Option<String>)> = connection
        .prepare_cached(sql)?
        .query_row([trace_no, wanted.key, wanted.high], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(found.map(|(high, sent)| {
        sent.as_deref().and_then(unhex).unwrap_or_else(|| low(SpanKey { key: wanted.key, high }.id_in(trace_id)))
    }))
}

/// The W3C id of a parent that is not here, with the bits that the sender wrote.
fn named_id(doc: &str, parent: SpanKey, trace_id: Id) -> [u8; 8] {
    let doc: Value = serde_json::from_str(doc).unwrap_or_default();
    let metadata = &doc["user_metadata"];
    [&doc["parent_id"], &metadata["galileo.parent_id"], &metadata["w3c.parent_id"]]
        .into_iter()
        .filter_map(Value::as_str)
        .find(|text| SpanKey::parse(text) == Some(parent))
        .and_then(unhex)
        .unwrap_or_else(|| low(parent.id_in(trace_id)))
}
