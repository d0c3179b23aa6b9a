//! The service of a span that does not name one: that of its nearest ancestor which does.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _};

use super::StoreError;

/// Ancestors that are asked.
const LEVELS: usize = 64;

/// What was found before, by number of the trace and key of the span.
pub(crate) type Known = HashMap<(i64, i64), Option<String>>;

/// The service of the nearest ancestor that names one, beginning with the span of that key.
pub(crate) fn inherited(
    connection: &Connection,
    trace_no: i64,
    mut parent: Option<i64>,
    known: &mut Known,
) -> Result<Option<String>, StoreError> {
    let mut walked = Vec::new();
    let mut service = None;
    for _ in 0..LEVELS {
        let Some(key) = parent else { break };
        if let Some(found) = known.get(&(trace_no, key)) {
            service.clone_from(found);
            break;
        }
        walked.push(key);
        let sql = "SELECT service, parent_key FROM spans WHERE trace_no = ?1 AND key = ?2 LIMIT 1";
        let row = connection
            .prepare_cached(sql)?
            .query_row([trace_no, key], |row| Ok((row.get::<_, Option<String>>(0)?, row.get::<_, Option<i64>>(1)?)))
            .optional()?;
        match row {
            Some((Some(own), _)) => {
                service = Some(own);
                break;
            }
            Some((None, next)) => parent = next,
            None => break,
        }
    }
    for key in walked {
        known.insert((trace_no, key), service.clone());
    }
    Ok(service)
}
